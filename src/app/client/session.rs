//! Talking to a coordinator that may go away and come back, or be busy for a while.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never};

use super::failure::Failure;
use crate::app::dial::{self, CallFailed, Coordinator, Dialled};
use crate::clock;
use crate::cluster::Backoff;
use crate::net::Address;
use crate::wire::rpc::CallError;
use crate::wire::stubs::coordinator::{SubmitReply, SubmitRequest};
use crate::wire::stubs::types::FaultCode;

/// Connecting and short calls may take this long.
const SHORT: Duration = Duration::from_secs(10);
/// Calls for which nodes have much to add up may take this long.
pub(super) const LONG: Duration = Duration::from_secs(150);
/// Waits between attempts to reach the coordinator again.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(2),
};

/// A connection that is made anew when it breaks.
pub(super) struct Session {
    at: Address,
    open: Option<Dialled<Coordinator>>,
    patience: Duration,
    /// Nothing ever comes: waiting on it is waiting for time to pass.
    silence: Receiver<()>,
}

impl Session {
    /// Connects; a coordinator that is not there now is not waited for.
    pub(super) fn connect(at: Address, patience: Duration) -> Result<Session, Failure> {
        let open = dial::coordinator(&at, SHORT.min(patience))
            .map_err(|error| Failure::call(&at, &CallFailed::Net(error)))?;
        Ok(Session {
            at,
            open: Some(open),
            patience,
            silence: never(),
        })
    }

    /// Where the coordinator is.
    pub(super) fn at(&self) -> &Address {
        &self.at
    }

    /// Makes a call that can be repeated safely. While the coordinator is out of reach or busy it is
    /// tried again, until patience is over.
    pub(super) fn call<T>(
        &mut self,
        action: &str,
        call: impl FnMut(&mut Coordinator) -> Result<T, CallError>,
    ) -> Result<T, Failure> {
        self.call_within(SHORT, action, call)
    }

    /// Asks for a run. It takes longer where nodes have features to add up first.
    pub(super) fn submit(&mut self, request: &SubmitRequest) -> Result<SubmitReply, Failure> {
        let data = request.plan.data.as_ref();
        let limit = match data.and_then(|data| data.standardise) {
            Some(true) => LONG,
            _ => SHORT,
        };
        self.call_within(limit, "submit", |to| to.submit(request))
    }

    /// The same for a call that may take longer than short ones.
    pub(super) fn call_within<T>(
        &mut self,
        limit: Duration,
        action: &str,
        mut call: impl FnMut(&mut Coordinator) -> Result<T, CallError>,
    ) -> Result<T, Failure> {
        let started: Instant = clock::now();
        let mut failures = 0;
        loop {
            let failed = match self.try_once(limit, action, &mut call) {
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            failures += 1;
            let in_time = |wait: &Duration| clock::now() + *wait <= started + self.patience;
            let Some(wait) = pause(&failed, failures).filter(in_time) else {
                return Err(Failure::call(&self.at, &failed));
            };
            log::debug!("{failed}; trying again in {wait:?}");
            let _ = self.silence.recv_timeout(wait);
        }
    }

    /// Lets a moment pass, before something is asked again.
    pub(super) fn rest(&self) {
        let _ = self.silence.recv_timeout(RETRY.longest);
    }

    fn try_once<T>(
        &mut self,
        limit: Duration,
        action: &str,
        call: impl FnOnce(&mut Coordinator) -> Result<T, CallError>,
    ) -> Result<T, CallFailed> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => dial::coordinator(&self.at, SHORT)?,
        };
        let answer = open.call(action, clock::now() + limit, call);
        self.open = open.is_usable().then_some(open);
        answer
    }
}

/// How long to wait before another attempt, if one may bring more: a coordinator that is busy says so itself.
fn pause(failed: &CallFailed, failures: u32) -> Option<Duration> {
    match failed {
        CallFailed::Net(_) => Some(RETRY.wait(failures)),
        CallFailed::Fault(fault)
            if fault.code == FaultCode::BUSY && fault.retryable == Some(true) =>
        {
            let asked = fault.retry_after_ms.and_then(|ms| u64::try_from(ms).ok());
            Some(asked.map_or(RETRY.wait(failures), Duration::from_millis))
        }
        CallFailed::Fault(_) | CallFailed::Declined(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::convert::fault;
    use crate::wire::stubs::types::Fault;

    #[test]
    fn only_what_may_pass_is_waited_for() {
        let busy = |retryable, retry_after_ms| {
            CallFailed::Fault(Fault {
                retryable,
                retry_after_ms,
                ..fault(FaultCode::BUSY, "64 runs are under way")
            })
        };
        let asked = Duration::from_secs(5);
        assert_eq!(pause(&busy(Some(true), Some(5000)), 1), Some(asked));
        assert_eq!(pause(&busy(Some(true), None), 1), Some(RETRY.wait(1)));
        assert_eq!(pause(&busy(Some(true), Some(-1)), 2), Some(RETRY.wait(2)));
        assert_eq!(pause(&busy(None, Some(5000)), 1), None);
        let wrong = fault(FaultCode::INVALID, "no such model");
        assert_eq!(pause(&CallFailed::Fault(wrong), 1), None);
    }
}
