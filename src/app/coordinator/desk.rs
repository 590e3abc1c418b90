//! What every session of the coordinator's service shares: the way into the core, and to what it told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::board::Board;
use super::faults::{refusal, stopping, unkept, unknown, unusable};
use super::keeping::keeper::Keeper;
use super::nodes::greetings::Greetings;
use super::nodes::hosts::Hosts;
use super::runs::workshop::Workshop;
use super::shell::Shell;
use crate::app::clock::Clock;
use crate::clock;
use crate::fed::{Ending, Event, Federation, Plan, RunEvent, RunId, RunState, RunStatus};
use crate::store::Recovered;
use crate::wire::convert::Initial;
use crate::wire::stubs::types::Fault;

/// Events of one answer.
pub(super) const EVENTS: usize = 500;
/// Taking a run in is a matter of microseconds; longer and the core is not there.
pub(super) const ACCEPTANCE: Duration = Duration::from_secs(10);

/// Between two looks at whether the core has taken up a run.
const SHORTLY: Duration = Duration::from_millis(1);

/// What every session of the service shares.
pub(super) struct Desk {
    pub(super) shell: Arc<Shell>,
    pub(super) federation: Arc<Mutex<Federation>>,
    pub(super) workshop: Arc<Workshop>,
    /// None where nothing outlives the coordinator.
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) board: Arc<Board>,
    pub(super) hosts: Hosts,
    pub(super) clock: Clock,
    pub(super) greetings: Greetings,
    pub(super) policy: String,
    /// Where runs are kept, if they are.
    pub(super) state: Option<PathBuf>,
    pub(super) admitting: Mutex<()>,
    pub(super) closing: AtomicBool,
}

impl Desk {
    /// Ends what is under way and sends watchers home: runs that are kept go on in the next life, others are called off.
    pub(super) fn close(&self, grace: Duration) {
        self.closing.store(true, Ordering::SeqCst);
        if self.keeper.is_some() {
            self.shell.post(Event::Halted);
            return self.board.ring();
        }
        let statuses = self.lock().statuses(self.clock.now(), usize::MAX);
        for status in statuses {
            if status.state == RunState::Running {
                self.shell.post(Event::Cancelled(status.run.clone()));
                self.await_core(&status.run, grace, |core| !core.is_running(&status.run));
            }
        }
        self.board.ring();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Federation> {
        self.federation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn status_of(&self, run: &RunId) -> Result<RunStatus, Fault> {
        self.known(run).ok_or_else(|| unknown(run))
    }

    /// Where a run stands, if it is in memory or on the disk.
    pub(super) fn known(&self, run: &RunId) -> Option<RunStatus> {
        let status = || self.lock().status(self.clock.now(), run);
        status().or_else(|| {
            let keeper = self.keeper.as_ref()?;
            let _one = self.one_at_a_time();
            if let Some(status) = status() {
                return Some(status);
            }
            match keeper.recall(run) {
                Some(recovered) => self.restore(run, recovered),
                // It was read when the coordinator started, and the core is about to hear of it.
                None if keeper.keeps(run) => {}
                None => return None,
            }
            // Or another thread is about to tell it.
            self.await_core(run, ACCEPTANCE, |core| core.entries(run) > 0);
            status()
        })
    }

    /// Held by whoever takes a run in or up: otherwise more would be let in than there is room for, or one twice.
    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.admitting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a run of a former life.
    pub(super) fn restore(&self, run: &RunId, recovered: Recovered) {
        let Recovered {
            plan,
            history,
            entries,
            ..
        } = recovered;
        self.board.post_all(run, entries);
        self.shell
            .post(Event::Restored(run.clone(), plan, Box::new(history)));
    }

    /// Takes a run in and waits until the core has it.
    pub(super) fn admit(
        &self,
        run: &RunId,
        plan: Plan,
        initial: Option<Initial>,
    ) -> Result<(), Fault> {
        let _one = self.one_at_a_time();
        self.lock().admits().map_err(|why| refusal(run, &why))?;
        if let Some(keeper) = &self.keeper {
            let accepted = keeper.accept(run, &plan, initial.as_ref());
            if !accepted.map_err(|reason| unkept(&reason))? {
                if let Some(reason) = keeper.cannot_take_up(run) {
                    return Err(unusable(run, &reason));
                }
                // Somebody else is about to submit it.
                return self.await_start(run);
            }
        }
        if let Some(initial) = initial {
            self.workshop.bring(run.clone(), initial);
        }
        self.shell.post(Event::Submitted(run.clone(), plan));
        self.await_start(run)
    }

    fn await_start(&self, run: &RunId) -> Result<(), Fault> {
        let started = self.board.read(run, 0, 1, ACCEPTANCE, || self.is_closing());
        if started.is_empty() {
            return Err(stopping());
        }
        Ok(())
    }

    /// Calls a run off, and says where it stands then.
    pub(super) fn cancel(&self, run: &RunId) -> Result<RunStatus, Fault> {
        if self.status_of(run)?.state == RunState::Running {
            self.shell.post(Event::Cancelled(run.clone()));
            self.await_core(run, ACCEPTANCE, |core| !core.is_running(run));
        }
        self.status_of(run)
    }

    /// Goes on with a stopped run, and says where it stands then.
    pub(super) fn resume(&self, run: &RunId) -> Result<RunStatus, Fault> {
        let resumable = self.lock().resumable(run);
        resumable.map_err(|why| refusal(run, &why))?;
        let before = self.lock().entries(run);
        self.shell.post(Event::Resumed(run.clone()));
        // It says that it is resumed, and may have stopped again by the time anybody looks.
        self.await_core(run, ACCEPTANCE, |core| core.entries(run) > before);
        self.status_of(run)
    }

    /// Waits until the core, which another thread may have, has dealt with what was asked of a run.
    fn await_core(&self, run: &RunId, limit: Duration, done: impl Fn(&Federation) -> bool) {
        let deadline = clock::now() + limit;
        while !done(&self.lock()) && clock::now() < deadline {
            self.board.read(run, u64::MAX, 1, SHORTLY, || false);
        }
    }

    /// Waits for the end of a run, up to `limit`, or until `stop` holds when the board is rung.
    pub(super) fn follow(
        &self,
        run: &RunId,
        limit: Duration,
        stop: impl Fn() -> bool,
    ) -> Option<Ending> {
        let deadline = clock::now() + limit;
        let mut after = 0;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let entries = self.board.read(run, after, EVENTS, left, &stop);
            if entries.is_empty() {
                return None;
            }
            for entry in entries {
                after = entry.number;
                if let RunEvent::Ended(ending) = entry.event {
                    return Some(ending);
                }
            }
        }
    }
}
