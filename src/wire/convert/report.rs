//! Reports and statuses, as messages.

use bytes::Bytes;

use super::{count, plan, small};
use crate::cluster::{Health, Node, Time};
use crate::fed::{
    Contribution, Ending, Entry, Report, RoundReport, RunEvent, RunId, RunState, RunStatus,
};
use crate::ml::metrics::{CLASSES_EVERY_ROUND, Metrics, Ranking};
use crate::wire::stubs::coordinator as wire;
use crate::wire::stubs::types;

/// Metrics, with all that is known.
pub fn metrics(metrics: &Metrics) -> types::Metrics {
    let counts = |counts: &[u64]| counts.iter().map(|&n| count(n)).collect();
    let detail = metrics.detail.as_deref();
    let (area, grid) = match detail.and_then(|detail| detail.ranking.as_ref()) {
        Some(Ranking::Area(area)) => (Some(*area), None),
        Some(Ranking::Grid(grid)) => (None, Some(counts(grid.counts()))),
        None => (None, None),
    };
    types::Metrics {
        rows: count(metrics.rows),
        loss: metrics.loss,
        accuracy: metrics.accuracy(),
        correct: metrics.correct.map(count),
        confusion: metrics.confusion().map(|all| counts(all.counts())),
        auc: area.map(|area| area.value),
        auc_error: area.map(|area| area.error).filter(|error| *error > 0.0),
        score_grid: grid,
        spread: metrics.spread().map(|spread| types::Spread {
            participants: small(spread.participants),
            mean: spread.mean,
            deviation: spread.deviation,
            worst_tenth: spread.worst_tenth,
        }),
        regression: metrics.regression().map(|found| types::Regression {
            mse: found.mse,
            mae: found.mae,
            mean: found.mean,
            variance: found.variance,
            r2: found.r2(),
        }),
    }
}

/// Metrics without what is too long to be told again and again.
fn short(all: &Metrics) -> types::Metrics {
    let mut found = metrics(all);
    found
        .confusion
        .take_if(|counts| counts.len() > CLASSES_EVERY_ROUND * CLASSES_EVERY_ROUND);
    found
}

/// A finished round.
pub fn round(report: &RoundReport) -> wire::RoundReport {
    wire::RoundReport {
        round: small(report.round),
        metrics: report.metrics.as_ref().map(short),
        training_loss: Some(report.training_loss),
        asked: Some(small(report.asked)),
        counted: Some(small(report.counted)),
        omitted: Some(
            report
                .omitted
                .iter()
                .map(|omission| wire::Omission {
                    shard: omission.shard.clone(),
                    reason: omission.reason.clone(),
                })
                .collect(),
        ),
        rows: Some(count(report.rows)),
        seconds: Some(report.took.as_secs_f64()),
        retries: Some(small(report.retries)),
        refusals: Some(small(report.refusals)),
        digest: Some(Bytes::copy_from_slice(&report.digest)),
        audited: (report.audited > 0).then(|| small(report.audited)),
        suspects: (!report.suspects.is_empty()).then(|| report.suspects.clone()),
        nodes: Some(report.nodes.iter().map(contribution).collect()),
    }
}

fn contribution(did: &Contribution) -> wire::Contribution {
    wire::Contribution {
        node: did.node.clone(),
        shards: Some(small(did.shards)),
        rows: Some(count(did.rows)),
        seconds: Some(did.busy.as_secs_f64()),
        failures: Some(small(did.failures)),
        refusals: Some(small(did.refusals)),
    }
}

/// What a run ended with.
pub fn report(run: &RunId, report: &Report) -> wire::Report {
    wire::Report {
        run: run.0.clone(),
        accuracy: report.metrics.as_ref().and_then(Metrics::accuracy),
        metrics: report.metrics.as_ref().map(metrics),
        rounds: Some(small(report.rounds)),
        seconds: Some(report.took.as_secs_f64()),
        digest: Some(Bytes::copy_from_slice(&report.digest)),
    }
}

/// Where a run stands.
pub fn status(status: &RunStatus) -> wire::RunStatus {
    let (state, ended, error) = match &status.state {
        RunState::Running => (wire::RunState::RUNNING, None, None),
        RunState::Ended(ending) => match ending {
            Ending::Succeeded(report) => (wire::RunState::SUCCEEDED, Some(report), None),
            Ending::Failed(reason) => (wire::RunState::FAILED, None, Some(reason)),
            Ending::Stopped(reason) => (wire::RunState::STOPPED, None, Some(reason)),
            Ending::Cancelled => (wire::RunState::CANCELLED, None, None),
        },
    };
    wire::RunStatus {
        run: status.run.0.clone(),
        state,
        plan: Some(brief(plan::write(&status.plan))),
        round: Some(small(status.round)),
        rounds: Some(small(status.plan.rounds)),
        activity: Some(status.activity.clone()),
        last: status.last.as_ref().map(round),
        report: ended.map(|ended| report(&status.run, ended)),
        error: error.cloned(),
        hint: hint(state).map(str::to_owned),
    }
}

/// Where one of many runs stands: without matrices, of which a list would be too long.
pub fn listed(run: &RunStatus) -> wire::RunStatus {
    let mut listed = status(run);
    let last = listed.last.as_mut().and_then(|last| last.metrics.as_mut());
    let report = listed.report.as_mut();
    let report = report.and_then(|report| report.metrics.as_mut());
    for metrics in last.into_iter().chain(report) {
        metrics.confusion = None;
    }
    listed
}

/// A plan without what is too long to be told again and again.
fn brief(mut plan: wire::Plan) -> wire::Plan {
    if let Some(data) = &mut plan.data {
        data.standard = None;
    }
    plan
}

/// What to do about a run that ended like this.
fn hint(state: wire::RunState) -> Option<&'static str> {
    match state {
        wire::RunState::STOPPED => Some(
            "check the nodes of compute_nodes.txt, start them with `compute_node PORT LOAD`, then `resume` the run",
        ),
        _ => None,
    }
}

/// An entry of a run's log; `status` for the last one.
pub fn event(told: &Entry, now: &RunStatus) -> wire::Event {
    let mut entry = wire::Event {
        sequence: count(told.number),
        kind: wire::EventKind::UNKNOWN,
        round: None,
        message: None,
        status: None,
    };
    match &told.event {
        RunEvent::Started => entry.kind = wire::EventKind::STARTED,
        RunEvent::Round(report) => {
            entry.kind = wire::EventKind::ROUND;
            entry.round = Some(round(report));
        }
        RunEvent::Hosted(hosted) => {
            entry.kind = wire::EventKind::NOTICE;
            entry.message = Some(hosted.to_string());
        }
        RunEvent::Notice(text) => {
            entry.kind = wire::EventKind::NOTICE;
            entry.message = Some(text.clone());
        }
        RunEvent::Ended(ending) => {
            entry.kind = wire::EventKind::ENDED;
            let ended = RunStatus {
                state: RunState::Ended(ending.clone()),
                ..now.clone()
            };
            let mut ended = status(&ended);
            // The watch has the whole report beside the events; twice it could be more than a message holds.
            if let (Some(report), RunEvent::Ended(Ending::Succeeded(known))) =
                (&mut ended.report, &told.event)
            {
                report.metrics = known.metrics.as_ref().map(short);
            }
            entry.status = Some(ended);
        }
    }
    entry
}

/// What is known of a node.
pub fn node(now: Time, node: &Node) -> wire::NodeStatus {
    let state = match node.health {
        Health::New => wire::NodeState::NEW,
        Health::Up => wire::NodeState::UP,
        Health::Down => wire::NodeState::DOWN,
        Health::Leaving => wire::NodeState::LEAVING,
        Health::Barred => wire::NodeState::BARRED,
    };
    let failure = node.last_failure.as_ref();
    let reason = failure.map(|(_, failure)| failure.to_string());
    wire::NodeStatus {
        address: node.address.clone(),
        state,
        slots: Some(small(node.slots())),
        busy: Some(small(node.in_hand)),
        load: Some(node.load),
        rows_per_second: node.greeting.as_ref().and_then(|greeting| greeting.speed),
        completed: Some(count(node.completed)),
        failed: Some(count(node.failed)),
        refused: Some(count(node.refused)),
        failure: node.barred.clone().or(reason),
        failure_age_ms: failure.map(|&(at, _)| count(now.since(at).as_millis())),
        last_up_ms: node.last_up().map(|at| count(now.since(at).as_millis())),
        ..wire::NodeStatus::default()
    }
}
