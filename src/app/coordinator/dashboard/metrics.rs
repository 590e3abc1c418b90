//! What is measured, in the text format of Prometheus. The page `docs/metrics.md` lists all of it.

use std::fmt::Write;

use crate::app::coordinator::attempts::{CLASSES, Outcome};
use crate::app::coordinator::window::{NodeFacts, Snapshot, Totals, Window};
use crate::cluster::Health;
use crate::fed::{Ending, RunState, RunStatus};
use crate::ml::metrics::Metrics;

/// Type of the text.
pub const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Runs with values of their own: the newest.
const RUNS: usize = 10;

/// One name that is exported.
pub struct Metric {
    /// Its name, with the unit.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it is.
    pub help: &'static str,
    write: fn(&mut Samples, &Seen),
}

/// What values are taken from.
struct Seen<'a> {
    window: &'a Window,
    snapshot: &'a Snapshot,
    totals: &'a Totals,
}

impl Seen<'_> {
    fn runs(&self) -> impl Iterator<Item = &RunStatus> {
        self.snapshot.runs.iter().take(RUNS)
    }
}

/// Lines of one metric.
struct Samples<'a> {
    name: &'a str,
    labels: &'a [&'a str],
    text: String,
}

impl Samples<'_> {
    /// One value, with the values of its labels in their order.
    fn put(&mut self, labels: &[&str], value: f64) {
        self.line("", self.labels, labels, value);
    }

    fn line(&mut self, suffix: &str, names: &[&str], labels: &[&str], value: f64) {
        debug_assert_eq!(names.len(), labels.len(), "{}", self.name);
        self.text += self.name;
        self.text += suffix;
        let pairs = names.iter().zip(labels);
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        if !pairs.is_empty() {
            let _ = write!(self.text, "{{{}}}", pairs.join(","));
        }
        let _ = writeln!(self.text, " {}", number(value));
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// Everything that is exported, as it is now.
pub(super) fn write(window: &Window) -> String {
    let (snapshot, totals) = (window.look(), window.totals());
    let seen = Seen {
        window,
        snapshot: &snapshot,
        totals: &totals,
    };
    let mut text = String::new();
    for metric in METRICS {
        let mut samples = Samples {
            name: metric.name,
            labels: metric.labels,
            text: String::new(),
        };
        (metric.write)(&mut samples, &seen);
        let (name, kind) = (metric.name, metric.kind);
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
        text += &samples.text;
    }
    text
}

/// A row of the table.
macro_rules! metric {
    ($kind:literal $name:literal [$($label:literal),*] $help:literal, $write:expr) => {
        Metric {
            name: concat!("roundtable_", $name),
            kind: $kind,
            labels: &[$($label),*],
            help: $help,
            write: $write,
        }
    };
}

/// A value for each node.
fn each_node(to: &mut Samples, seen: &Seen, value: impl Fn(&NodeFacts) -> Option<f64>) {
    for node in &seen.snapshot.nodes {
        if let Some(value) = value(node) {
            to.put(&[&node.address], value);
        }
    }
}

/// A value for each of the newest runs.
fn each_run(to: &mut Samples, seen: &Seen, value: impl Fn(&RunStatus) -> Option<f64>) {
    for run in seen.runs() {
        if let Some(value) = value(run) {
            to.put(&[&run.run.0], value);
        }
    }
}

fn last_metrics(run: &RunStatus) -> Option<&Metrics> {
    run.last.as_ref()?.metrics.as_ref()
}

/// Everything that is exported.
pub const METRICS: &[Metric] = &[
    metric!("gauge" "build_info" ["version"] "Always 1; the label says which version this is.",
        |to, _| to.put(&[env!("CARGO_PKG_VERSION")], 1.0)),
    metric!("gauge" "start_time_seconds" [] "When the coordinator began, since 1970.",
        |to, seen| to.put(&[], seen.window.began as f64 / 1e6)),
    metric!("gauge" "nodes" ["state"] "Compute nodes known, by where they stand.", |to, seen| {
        for (state, count) in &seen.snapshot.states {
            to.put(&[health(*state)], *count as f64);
        }
    }),
    metric!("gauge" "node_up" ["node"] "Whether a node is up: 1 or 0.",
        |to, seen| each_node(to, seen, |node| Some(f64::from(u8::from(node.health == Health::Up))))),
    metric!("gauge" "node_load_ratio" ["node"] "How busy a node says it is, 0 to 1.",
        |to, seen| each_node(to, seen, |node| Some(node.load))),
    metric!("gauge" "node_slots" ["node"] "Tasks a node takes at once.",
        |to, seen| each_node(to, seen, |node| Some(f64::from(node.slots)))),
    metric!("gauge" "node_tasks_in_hand" ["node"] "Tasks a node has in hand.",
        |to, seen| each_node(to, seen, |node| Some(f64::from(node.in_hand)))),
    metric!("gauge" "node_speed_rows_per_second" ["node"] "Training speed by the node's own benchmark.",
        |to, seen| each_node(to, seen, |node| node.speed)),
    metric!("counter" "node_attempts_total" ["node", "outcome"]
        "Attempts a node answered (completed), failed or refused.", |to, seen| {
        for node in &seen.snapshot.nodes {
            let counts = [("completed", node.completed), ("failed", node.failed), ("refused", node.refused)];
            for (outcome, count) in counts {
                to.put(&[&node.address, outcome], count as f64);
            }
        }
    }),
    metric!("counter" "node_downs_total" [] "Times a node went down.",
        |to, seen| to.put(&[], seen.totals.cluster.downs as f64)),
    metric!("counter" "node_returns_total" [] "Times a node that was down came back.",
        |to, seen| to.put(&[], seen.totals.cluster.returns as f64)),
    metric!("gauge" "attempts_in_flight" [] "Attempts that nodes have in hand.",
        |to, seen| to.put(&[], seen.totals.out as f64)),
    metric!("counter" "attempts_dispatched_total" [] "Attempts sent out.",
        |to, seen| to.put(&[], seen.totals.cluster.dispatched as f64)),
    metric!("counter" "attempts_speculative_total" [] "Second attempts beside a straggler.",
        |to, seen| to.put(&[], seen.totals.cluster.speculative as f64)),
    metric!("counter" "attempts_total" ["outcome"] "Attempts that ended, by how; late ones were cancelled before.",
        |to, seen| {
        for (outcome, count) in Outcome::ENDS.iter().zip(seen.totals.attempts.ends) {
            to.put(&[outcome], count as f64);
        }
    }),
    metric!("histogram" "attempt_duration_seconds" [] "From sending an attempt out to its answer, of those answered in time.",
        durations),
    metric!("gauge" "runs" ["state"] "Runs the coordinator remembers, by how they stand.", |to, seen| {
        for state in ["running", "succeeded", "failed", "cancelled", "stopped"] {
            let there = seen.totals.runs.iter().filter(|run| state_of(&run.state) == state);
            to.put(&[state], there.count() as f64);
        }
    }),
    metric!("gauge" "run_rounds_finished" ["run"] "Rounds a run has finished.",
        |to, seen| each_run(to, seen, |run| Some(f64::from(run.round)))),
    metric!("gauge" "run_rounds_planned" ["run"] "Rounds a run is to do.",
        |to, seen| each_run(to, seen, |run| Some(f64::from(run.plan.rounds)))),
    metric!("gauge" "run_accuracy_ratio" ["run"] "Accuracy on held-out rows after the last finished round.",
        |to, seen| each_run(to, seen, |run| last_metrics(run).and_then(Metrics::accuracy))),
    metric!("gauge" "run_loss" ["run"] "Mean loss on held-out rows after the last finished round.",
        |to, seen| each_run(to, seen, |run| last_metrics(run).map(|metrics| metrics.loss))),
    metric!("gauge" "run_training_loss" ["run"] "Mean training loss in the last finished round.",
        |to, seen| each_run(to, seen, |run| run.last.as_ref().map(|last| last.training_loss))),
    metric!("gauge" "run_round_duration_seconds" ["run"] "How long the last finished round took.",
        |to, seen| each_run(to, seen, |run| run.last.as_ref().map(|last| last.took.as_secs_f64()))),
    metric!("gauge" "run_shards_omitted" ["run"] "Shards that did not count in the last finished round.",
        |to, seen| each_run(to, seen, |run| run.last.as_ref().map(|last| last.omitted.len() as f64))),
    metric!("gauge" "connections_open" [] "Connections of clients and nodes to the coordinator's port.",
        |to, seen| to.put(&[], seen.totals.calls.open as f64)),
    metric!("counter" "connections_accepted_total" [] "Connections let in.",
        |to, seen| to.put(&[], seen.totals.calls.accepted as f64)),
    metric!("counter" "connections_refused_total" [] "Connections closed at once for want of room.",
        |to, seen| to.put(&[], seen.totals.calls.refused as f64)),
    metric!("counter" "connections_timed_out_total" [] "Connections that missed a deadline.",
        |to, seen| to.put(&[], seen.totals.calls.timed_out as f64)),
    metric!("counter" "connections_malformed_total" [] "Connections closed for what they sent.",
        |to, seen| to.put(&[], seen.totals.calls.malformed as f64)),
    metric!("counter" "calls_total" [] "Calls of clients and nodes served.",
        |to, seen| to.put(&[], seen.totals.calls.calls as f64)),
];

fn durations(to: &mut Samples, seen: &Seen) {
    let tally = &seen.totals.attempts;
    let mut all = 0;
    let ends = CLASSES.iter().copied().chain([f64::INFINITY]);
    for (end, count) in ends.zip(tally.durations) {
        all += count;
        to.line("_bucket", &["le"], &[&number(end)], all as f64);
    }
    to.line("_sum", &[], &[], tally.took.as_secs_f64());
    to.line("_count", &[], &[], all as f64);
}

/// Where a node stands, in one word.
pub(super) fn health(health: Health) -> &'static str {
    match health {
        Health::New => "new",
        Health::Up => "up",
        Health::Down => "down",
        Health::Leaving => "leaving",
        Health::Barred => "barred",
    }
}

/// How a run stands, in one word.
pub(super) fn state_of(state: &RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Ended(Ending::Succeeded(_)) => "succeeded",
        RunState::Ended(Ending::Failed(_)) => "failed",
        RunState::Ended(Ending::Cancelled) => "cancelled",
        RunState::Ended(Ending::Stopped(_)) => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_labels_are_as_the_format_wants_them() {
        let mut samples = Samples {
            name: "x",
            labels: &["node"],
            text: String::new(),
        };
        samples.put(&["a\\b\"c\nd"], 0.5);
        samples.put(&["e"], f64::INFINITY);
        let expected = "x{node=\"a\\\\b\\\"c\\nd\"} 0.5\nx{node=\"e\"} +Inf\n";
        assert_eq!(samples.text, expected);
    }
}
