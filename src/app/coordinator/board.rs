//! What runs have told, for whoever watches: one log a run, and a bell that rings on every entry.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::fed::{Entry, RunId};

/// Entries kept of a run; a watcher further behind misses the oldest.
const KEPT: usize = 20_000;

/// The logs of all runs.
#[derive(Debug, Default)]
pub struct Board {
    logs: Mutex<BTreeMap<RunId, VecDeque<Entry>>>,
    bell: Condvar,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, VecDeque<Entry>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends to a run's log.
    pub fn post(&self, run: &RunId, entry: Entry) {
        self.post_all(run, [entry]);
    }

    /// Appends entries of a former life to a run's log.
    pub fn post_all(&self, run: &RunId, entries: impl IntoIterator<Item = Entry>) {
        let mut logs = self.lock();
        let log = logs.entry(run.clone()).or_default();
        log.extend(entries);
        let old = log.len().saturating_sub(KEPT);
        log.drain(..old);
        drop(logs);
        self.bell.notify_all();
    }

    /// Drops a run's log.
    pub fn forget(&self, run: &RunId) {
        self.lock().remove(run);
        self.bell.notify_all();
    }

    /// Wakes every waiting watcher, so that it looks around.
    pub fn ring(&self) {
        self.bell.notify_all();
    }

    /// The entries of a run after number `after`, at most `most`; waits until there are any, `stop` says
    /// so, or `wait` has passed.
    pub fn read(
        &self,
        run: &RunId,
        after: u64,
        most: usize,
        wait: Duration,
        stop: impl Fn() -> bool,
    ) -> Vec<Entry> {
        let deadline: Instant = clock::now() + wait;
        let mut logs = self.lock();
        loop {
            if let Some(log) = logs.get(run)
                && log.back().is_some_and(|last| last.number > after)
            {
                let skip = log.partition_point(|entry| entry.number <= after);
                return log.iter().skip(skip).take(most).cloned().collect();
            }
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() || stop() {
                return Vec::new();
            }
            let (guard, _) = self
                .bell
                .wait_timeout(logs, left)
                .unwrap_or_else(PoisonError::into_inner);
            logs = guard;
        }
    }
}
