//! What runs have told, for whoever watches: one log a run, and a bell that rings on every entry.

use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::clock;
use crate::fed::{Entry, RunId};
use crate::sync::{Condvar, Mutex, MutexGuard, lock};

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
        lock(&self.logs)
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
        // Not between a watcher's look and its wait, when the bell would ring for nobody.
        drop(self.lock());
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

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sync::atomic::{AtomicBool, Ordering};
    use crate::sync::{explore, thread};

    const LONG: Duration = Duration::from_secs(3_600);

    fn run() -> RunId {
        RunId("watched".to_owned())
    }

    fn notice(number: usize) -> Entry {
        Entry {
            number: number as u64,
            event: crate::fed::RunEvent::Notice(number.to_string()),
        }
    }

    #[test]
    fn shuttle_watchers_wake_on_every_entry() {
        explore(
            "the board",
            "every watcher sees every entry, in order, without a gap",
            || {
                let board = Arc::<Board>::default();
                let watchers = [1, 2].map(|most| {
                    let board = board.clone();
                    thread::spawn(move || {
                        let mut seen = 0;
                        while seen < 4 {
                            let entries = board.read(&run(), seen, most, LONG, || false);
                            assert!((1..=most).contains(&entries.len()));
                            for entry in entries {
                                seen += 1;
                                assert_eq!(entry.number, seen);
                            }
                        }
                    })
                });
                let poster = {
                    let board = board.clone();
                    thread::spawn(move || {
                        (1..=4).for_each(|number| board.post(&run(), notice(number)))
                    })
                };
                for thread in watchers.into_iter().chain([poster]) {
                    thread.join().unwrap();
                }
            },
        );
    }

    #[test]
    fn shuttle_the_bell_sends_watchers_home() {
        explore(
            "the bell of the board",
            "whoever watches goes home when the bell rings at the end",
            || {
                let board = Arc::<Board>::default();
                let closing = Arc::new(AtomicBool::new(false));
                let watchers = [(); 2].map(|()| {
                    let (board, closing) = (board.clone(), closing.clone());
                    thread::spawn(move || {
                        board.read(&run(), 0, 1, LONG, || closing.load(Ordering::SeqCst))
                    })
                });
                closing.store(true, Ordering::SeqCst);
                board.ring();
                for watcher in watchers {
                    assert!(watcher.join().unwrap().is_empty());
                }
            },
        );
    }
}
