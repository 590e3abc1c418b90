//! Log lines of a node about the attempts it has in hand.

use log::Level;

use crate::app::logs::{About, listed};
use crate::wire::stubs::compute_node::{EvaluateRequest, TrainRequest};
use crate::wire::stubs::types::{Fault, FaultCode, ShardRef};

/// What came of a request to train.
pub(super) fn trained<T>(node: &str, request: &TrainRequest, answer: Result<&T, &Fault>) {
    let TrainRequest { run, round, .. } = request;
    answered(
        (node, run),
        *round,
        request.attempt,
        &request.shards,
        answer,
    );
}

/// What came of a request to evaluate.
pub(super) fn evaluated<T>(node: &str, request: &EvaluateRequest, answer: Result<&T, &Fault>) {
    let EvaluateRequest { run, round, .. } = request;
    answered(
        (node, run),
        *round,
        request.attempt,
        &request.shards,
        answer,
    );
}

fn answered<T>(
    (node, run): (&str, &str),
    round: i32,
    attempt: i64,
    shards: &[ShardRef],
    answer: Result<&T, &Fault>,
) {
    let shards = listed(shards.iter().map(|shard| shard.name.as_str()));
    let about = About {
        run: Some(run),
        round: u32::try_from(round).ok(),
        shards: Some(&shards),
        attempt: u64::try_from(attempt).ok(),
        node: Some(node),
    };
    match answer {
        Ok(_) => about.log(Level::Debug, format_args!("answered")),
        Err(fault) => about.log(level(fault), format_args!("{}", fault.message)),
    }
}

/// Not to do what nobody waits for, or what the policy lets it decline, is no failure.
fn level(fault: &Fault) -> Level {
    match fault.code {
        FaultCode::REFUSED | FaultCode::CANCELLED => Level::Debug,
        _ => Level::Warn,
    }
}
