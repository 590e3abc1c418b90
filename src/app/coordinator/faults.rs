//! What clients are told when something cannot be done.

use crate::fed::{Problem, Refused, RunId};
use crate::wire::convert::fault;
use crate::wire::stubs::types::{self, Fault, FaultCode};

pub(super) fn unknown(run: &RunId) -> Fault {
    Fault {
        hint: Some("`client IP PORT runs` lists the runs".to_owned()),
        ..fault(
            FaultCode::NOT_FOUND,
            format!("no run `{run}` is known here"),
        )
    }
}

pub(super) fn stopping() -> Fault {
    Fault {
        retryable: Some(true),
        ..fault(FaultCode::BUSY, "the coordinator is stopping")
    }
}

/// The run cannot be kept, so it is not begun.
pub(super) fn unkept(reason: &str) -> Fault {
    Fault {
        retryable: Some(true),
        retry_after_ms: Some(5000),
        hint: Some("look after the folder that the coordinator was given with --state".to_owned()),
        ..fault(
            FaultCode::BUSY,
            format!("the coordinator cannot keep a new run: {reason}"),
        )
    }
}

/// There is a folder of this run, and it cannot go on from there.
pub(super) fn unusable(run: &RunId, reason: &str) -> Fault {
    Fault {
        hint: Some("submit it under another key, or move its folder away".to_owned()),
        ..fault(
            FaultCode::FAILED,
            format!("run {run} is kept here and cannot be taken up: {reason}"),
        )
    }
}

pub(super) fn refusal(run: &RunId, why: &Refused) -> Fault {
    match why {
        Refused::Unknown => unknown(run),
        Refused::NotStopped => fault(
            FaultCode::CONFLICT,
            format!("run {run} is not stopped; only a stopped run can be resumed"),
        ),
        Refused::Busy(active) => Fault {
            retryable: Some(true),
            retry_after_ms: Some(5000),
            ..fault(
                FaultCode::BUSY,
                format!("{active} runs are under way, which is the limit"),
            )
        },
    }
}

pub(super) fn invalid_plan(problems: &[Problem]) -> Fault {
    let listed = problems.iter().map(|problem| types::Problem {
        field: problem.field.clone(),
        message: problem.message.clone(),
    });
    let first = problems.first().map_or("", |problem| &problem.message);
    Fault {
        problems: Some(listed.collect()),
        ..fault(
            FaultCode::INVALID,
            format!("the plan cannot be run: {first}"),
        )
    }
}
