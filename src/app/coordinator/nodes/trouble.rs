//! Why an attempt brought nothing, and what the core is told of it.

use crate::app::dial::CallFailed;
use crate::cluster::{Failure, FailureKind};
use crate::net::NetErrorKind;
use crate::wire::convert::Invalid;
use crate::wire::stubs::types::Fault;

/// Why an attempt brought nothing.
pub enum Trouble {
    Call(CallFailed),
    Answer(Invalid),
    /// It was not asked, because it could not do what the plan wants.
    Unable(String),
}

impl From<CallFailed> for Trouble {
    fn from(failed: CallFailed) -> Trouble {
        Trouble::Call(failed)
    }
}

impl From<Invalid> for Trouble {
    fn from(invalid: Invalid) -> Trouble {
        Trouble::Answer(invalid)
    }
}

/// Whether a kept connection turned out to be one to a node that is no more.
pub fn is_stale(failed: &CallFailed) -> bool {
    matches!(failed, CallFailed::Net(error)
        if matches!(error.kind, NetErrorKind::Closed | NetErrorKind::Reset))
}

/// A failed call in the words of the core.
pub fn failure(failed: &CallFailed) -> Failure {
    let kind = match failed {
        CallFailed::Fault(_) | CallFailed::Declined(_) => FailureKind::Reported,
        CallFailed::Net(error) => match error.kind {
            NetErrorKind::TimedOut => FailureKind::Silent,
            NetErrorKind::Garbled => FailureKind::Invalid,
            _ => FailureKind::Unreachable,
        },
    };
    let reason = match failed {
        CallFailed::Fault(Fault {
            message,
            hint: Some(hint),
            ..
        }) => format!("{message} ({hint})"),
        failed => failed.to_string(),
    };
    Failure::new(kind, reason)
}
