//! Nodes, runs, rounds and attempts as the page gets them: short JSON.

use serde_json::{Value, json};

use super::metrics::{health, state_of};
use crate::app::coordinator::attempts::{Attempt, Kind, Outcome};
use crate::app::coordinator::window::NodeFacts;
use crate::cluster::Time;
use crate::fed::{Ending, RoundReport, RunState, RunStatus};
use crate::ml::metrics::Metrics;
use crate::store;

/// A node.
pub(super) fn node(node: &NodeFacts) -> Value {
    let failure = node.failure.as_ref();
    json!({
        "node": node.address,
        "state": health(node.health),
        "load": rounded(node.load),
        "busy": node.in_hand,
        "slots": node.slots,
        "hosted": node.hosted,
        "speed": node.speed.map(f64::round),
        "completed": node.completed,
        "failed": node.failed,
        "refused": node.refused,
        "failure": failure.map(|(reason, _)| reason),
        "failed_at": failure.and_then(|(_, at)| at.map(millis)),
    })
}

/// Where a run stands.
pub(super) fn run(status: &RunStatus) -> Value {
    let last = status.last.as_ref();
    let metrics = last.and_then(|last| last.metrics.as_ref());
    let took = match &status.state {
        RunState::Ended(Ending::Succeeded(report)) => Some(report.took.as_secs_f64()),
        _ => None,
    };
    json!({
        "run": status.run.0,
        "state": state_of(&status.state),
        "round": status.round,
        "rounds": status.plan.rounds,
        "accuracy": metrics.map(Metrics::accuracy),
        "loss": metrics.map(|metrics| metrics.loss),
        "training_loss": last.map(|last| last.training_loss),
        "model": status.plan.model,
        "strategy": status.plan.strategy.to_string(),
        "activity": status.activity,
        "seconds": took,
        "digest": last.map(|last| hex::encode(last.digest)),
    })
}

/// What a run was asked for.
pub(super) fn plan(status: &RunStatus) -> Value {
    serde_json::from_str(&store::plan_json(&status.plan)).unwrap_or(Value::Null)
}

/// A finished round: number, accuracy, loss, training loss, seconds, shards asked and counted, failures, refusals.
pub(super) fn round(report: &RoundReport) -> Value {
    let metrics = report.metrics.as_ref();
    json!([
        report.round,
        metrics.map(Metrics::accuracy),
        metrics.map(|metrics| metrics.loss),
        report.training_loss,
        report.took.as_secs_f64(),
        report.asked,
        report.counted,
        report.retries,
        report.refusals,
    ])
}

/// An attempt: number, node, kind, round, first shard, shards, start and end in milliseconds, what became of it, why.
pub(super) fn attempt(attempt: &Attempt) -> Value {
    let kind = match attempt.kind {
        Kind::Train => "train",
        Kind::Evaluate => "evaluate",
        Kind::Initialise => "initialise",
    };
    let reason = match &attempt.outcome {
        Outcome::Failed(reason) => Some(&**reason),
        _ => None,
    };
    json!([
        attempt.number,
        &*attempt.address,
        kind,
        attempt.round,
        attempt.first,
        attempt.shards,
        millis(attempt.started),
        attempt.ended.map(millis),
        attempt.outcome.name(),
        reason,
    ])
}

/// Milliseconds on the coordinator's clock.
pub(super) fn millis(time: Time) -> f64 {
    time.0 as f64 / 1e3
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
