//! The core's commands as lines a person can read.

use roundtable::cluster::{NodeId, Roster};
use roundtable::fed::{Command, Ending, RoundReport, RunEvent, Work};

/// A line for this command; none for greetings and heartbeats.
pub fn command(command: &Command, name: impl Fn(NodeId) -> String) -> Option<String> {
    Some(match command {
        Command::Greet(..) | Command::Beat(..) => return None,
        Command::Dispatch {
            attempt,
            node,
            run,
            work,
            may_refuse,
            audited,
            limit: _,
        } => {
            let audit = if *audited { ", audited" } else { "" };
            let refusal = if *may_refuse { ", may refuse" } else { "" };
            let node = name(*node);
            format!(
                "dispatch #{} to {node}: {run} {}{audit}{refusal}",
                attempt.0,
                show_work(work)
            )
        }
        Command::Cancel(attempt, node) => format!("cancel #{} at {}", attempt.0, name(*node)),
        Command::Part(node) => format!("part from {}", name(*node)),
        Command::Prepare(run) => format!("prepare {run}"),
        Command::Open {
            run,
            round,
            weight_limit,
        } => format!("open {run} round {round}, weights up to {weight_limit}"),
        Command::Fold {
            run,
            round,
            attempt,
            weight,
            ..
        } => format!(
            "fold #{} into {run} round {round}, weight {weight}",
            attempt.0
        ),
        Command::Adopt(run, attempt) => format!("adopt #{} for {run}", attempt.0),
        Command::Discard(attempt) => format!("discard #{}", attempt.0),
        Command::Step { run, round, weight } => {
            format!("step {run} round {round}, weight {weight}")
        }
        Command::Evaluate(run, round) => format!("evaluate {run} round {round}"),
        Command::Record(run, entry) => {
            let (number, event) = (entry.number, show_event(&entry.event));
            format!("record {run} {number}: {event}")
        }
        Command::Publish(run, entry) => format!("tell {run}: {}", show_event(&entry.event)),
        Command::Release(run) => format!("release {run}"),
        Command::Forget(run) => format!("forget {run}"),
    })
}

fn show_work(work: &Work) -> String {
    match work {
        Work::Train { round, shards } if shards.len() == 1 => {
            format!("train round {round} shard {}", shards[0])
        }
        Work::Train { round, shards } => format!("train round {round} shards {shards:?}"),
        Work::Evaluate { round, shard } => format!("evaluate round {round} shard {shard}"),
        Work::Initialise => "initialise".to_owned(),
    }
}

fn show_event(event: &RunEvent) -> String {
    match event {
        RunEvent::Started => "started".to_owned(),
        RunEvent::Round(report) => show_report(report),
        RunEvent::Hosted(hosted) => format!("\"{hosted}\""),
        RunEvent::Notice(text) => format!("\"{text}\""),
        RunEvent::Ended(ending) => show_ending(ending),
    }
}

fn show_report(report: &RoundReport) -> String {
    let omitted: Vec<String> = report
        .omitted
        .iter()
        .map(|omission| format!("; left out {}: {}", omission.shard, omission.reason))
        .collect();
    let audited = match report.audited {
        0 => String::new(),
        some => format!(" ({some} audited)"),
    };
    format!(
        "round {}: {} of {} shards{audited}, {} rows, loss {}, {} retries, {} refusals, evaluated on {} rows, took {:?}{}",
        report.round,
        report.counted,
        report.asked,
        report.rows,
        report.training_loss,
        report.retries,
        report.refusals,
        report.metrics.as_ref().map_or(0, |metrics| metrics.rows),
        report.took,
        omitted.concat()
    )
}

fn show_ending(ending: &Ending) -> String {
    match ending {
        Ending::Succeeded(report) => {
            format!(
                "succeeded after {} rounds and {:?}",
                report.rounds, report.took
            )
        }
        Ending::Failed(reason) => format!("failed: {reason}"),
        Ending::Cancelled => "cancelled".to_owned(),
        Ending::Stopped(reason) => format!("stopped: {reason}"),
    }
}

/// A node's name, or its number once it is off the roster.
pub fn name(roster: &Roster, node: NodeId) -> String {
    roster
        .get(node)
        .and_then(|node| node.address.strip_suffix(":1"))
        .map_or(format!("node {}", node.0), str::to_owned)
}
