//! What every session of the coordinator's service shares: the way into the core, and to what it told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::board::Board;
use super::faults::{refusal, stopping, unknown};
use super::hosts::Hosts;
use super::shell::Shell;
use super::workshop::Workshop;
use crate::app::clock::Clock;
use crate::clock;
use crate::fed::{Ending, Event, Federation, Plan, RunEvent, RunId, RunState, RunStatus};
use crate::wire::convert::Initial;
use crate::wire::stubs::types::Fault;

/// Events of one answer.
pub(super) const EVENTS: usize = 500;
/// Taking a run in is a matter of microseconds; longer and the core is not there.
pub(super) const ACCEPTANCE: Duration = Duration::from_secs(10);

/// What every session of the service shares.
pub(super) struct Desk {
    pub(super) shell: Arc<Shell>,
    pub(super) federation: Arc<Mutex<Federation>>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) board: Arc<Board>,
    pub(super) hosts: Hosts,
    pub(super) clock: Clock,
    pub(super) policy: String,
    pub(super) closing: AtomicBool,
}

impl Desk {
    /// Calls off what is under way and sends watchers home.
    pub(super) fn close(&self, grace: Duration) {
        self.closing.store(true, Ordering::SeqCst);
        let statuses = self.lock().statuses(self.clock.now(), usize::MAX);
        for status in statuses {
            if status.state == RunState::Running {
                self.shell.post(Event::Cancelled(status.run.clone()));
                self.follow(&status.run, grace);
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
        let status = self.lock().status(self.clock.now(), run);
        status.ok_or_else(|| unknown(run))
    }

    /// Takes a run in and waits until the core has it.
    pub(super) fn admit(
        &self,
        run: &RunId,
        plan: Plan,
        initial: Option<Initial>,
    ) -> Result<(), Fault> {
        self.lock().admits().map_err(|why| refusal(run, &why))?;
        if let Some(initial) = initial {
            self.workshop.bring(run.clone(), initial);
        }
        self.shell.post(Event::Submitted(run.clone(), plan));
        let started = self.board.read(run, 0, 1, ACCEPTANCE, || self.is_closing());
        if started.is_empty() {
            return Err(stopping());
        }
        Ok(())
    }

    /// Waits for the end of a run, up to `limit`.
    pub(super) fn follow(&self, run: &RunId, limit: Duration) -> Option<Ending> {
        let deadline = clock::now() + limit;
        let mut after = 0;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let entries = self.board.read(run, after, EVENTS, left, || false);
            if entries.is_empty() {
                return None;
            }
            for entry in entries {
                after = entry.sequence;
                if let RunEvent::Ended(ending) = entry.event {
                    return Some(ending);
                }
            }
        }
    }
}
