//! What a person or program sees of a run: a bar on a terminal, plain lines elsewhere, JSON, or nothing.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use super::failure::Failure;
use super::foreign::{plain, plain_lines};
use super::metrics::add_details;
use super::progress::Progress;
use super::text;
use crate::wire::stubs::coordinator::{
    Contribution, Event, EventKind, NodeStatus, RunStatus, WatchReply,
};

/// How progress is shown.
pub(super) enum View {
    /// A bar that moves.
    Bar(Box<Progress>),
    /// A line for every round.
    Lines,
    /// An object for every event, on stdout.
    Json,
    /// Nothing.
    Quiet,
}

impl View {
    /// The view that fits the options and what the error stream is.
    pub(super) fn new(json: bool, quiet: bool) -> View {
        if json {
            View::Json
        } else if quiet {
            View::Quiet
        } else if io::stderr().is_terminal() {
            View::Bar(Box::new(Progress::new()))
        } else {
            View::Lines
        }
    }

    /// Whether words beside the result are shown.
    pub(super) fn speaks(&self) -> bool {
        matches!(self, View::Bar(_) | View::Lines)
    }

    /// Shows what a watch brought.
    pub(super) fn show(&self, reply: &WatchReply) -> io::Result<()> {
        for event in &reply.events {
            self.event(event, reply)?;
        }
        if let View::Bar(bar) = self {
            bar.show(reply);
        }
        Ok(())
    }

    fn event(&self, event: &Event, reply: &WatchReply) -> io::Result<()> {
        match self {
            View::Quiet => Ok(()),
            View::Json => {
                let mut value = json_of(event, &reply.status.run);
                if let Some(round) = &event.round {
                    add_details(&mut value, round.metrics.as_ref());
                }
                print_json(&value)
            }
            View::Lines => {
                if let Some(line) = text::line(event, reply) {
                    tell(&line);
                }
                Ok(())
            }
            View::Bar(bar) => {
                if event.kind == EventKind::NOTICE
                    && let Some(line) = text::line(event, reply)
                {
                    bar.print(&plain(&line));
                }
                Ok(())
            }
        }
    }

    /// Whether it shows what the nodes do, and it is time to ask.
    pub(super) fn wants_nodes(&self) -> bool {
        matches!(self, View::Bar(bar) if bar.wants_nodes())
    }

    /// Shows what the nodes do.
    pub(super) fn nodes(&self, nodes: &[NodeStatus]) {
        if let View::Bar(bar) = self {
            bar.nodes(nodes);
        }
    }

    /// A word before the first event.
    pub(super) fn say(&self, text: &str) {
        match self {
            View::Json | View::Quiet => {}
            View::Bar(bar) => bar.print(&plain(text)),
            View::Lines => tell(text),
        }
    }

    /// The end: the accuracy alone, or the root of the mean squared error, is the last line of stdout.
    pub(super) fn result(&self, status: &RunStatus) -> io::Result<()> {
        if let View::Bar(bar) = self {
            bar.end();
        }
        let Some(report) = &status.report else {
            return Ok(());
        };
        match (self, text::figure(report)) {
            (View::Json, _) => {
                let mut result = json!({
                    "event": "result",
                    "run": report.run,
                    "accuracy": report.accuracy,
                    "loss": report.metrics.as_ref().map(|metrics| metrics.loss),
                    "rounds": report.rounds,
                    "seconds": report.seconds,
                    "digest": report.digest.as_deref().map(hex::encode),
                });
                add_details(&mut result, report.metrics.as_ref());
                print_json(&result)
            }
            (View::Bar(_) | View::Lines, Some(figure)) => {
                tell(&text::summary(report));
                print(&figure.number())
            }
            (View::Quiet, Some(figure)) => print(&figure.number()),
            (_, None) => Ok(()),
        }
    }
}

/// A line for people. Whoever read the progress may have gone; the result is still wanted.
pub(super) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(line));
}

/// A line on stdout, or several.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", plain_lines(text))?;
    stdout.flush()
}

/// An object on a line of stdout.
pub(super) fn print_json(value: &Value) -> io::Result<()> {
    print(&value.to_string())
}

/// A reader of our output that has gone wants no more of it, which is no failure.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(|error| Failure::failed(format!("cannot write: {error}"))),
    }
}

/// An event as an object: `started`, `round`, `notice`, `ended`.
fn json_of(event: &Event, run: &str) -> Value {
    let round = event.round.as_ref();
    match event.kind {
        EventKind::STARTED => json!({"event": "started", "sequence": event.sequence, "run": run}),
        EventKind::ROUND => json!({
            "event": "round",
            "sequence": event.sequence,
            "round": round.map(|round| round.round),
            "accuracy": round.and_then(|r| r.metrics.as_ref()).and_then(|m| m.accuracy),
            "loss": round.and_then(|r| r.metrics.as_ref()).map(|m| m.loss),
            "training_loss": round.and_then(|round| round.training_loss),
            "asked": round.and_then(|round| round.asked),
            "counted": round.and_then(|round| round.counted),
            "omitted": round.and_then(|round| round.omitted.as_ref()).map(|omitted| {
                omitted.iter().map(|o| json!({"shard": o.shard, "reason": o.reason})).collect::<Vec<_>>()
            }),
            "rows": round.and_then(|round| round.rows),
            "seconds": round.and_then(|round| round.seconds),
            "retries": round.and_then(|round| round.retries),
            "refusals": round.and_then(|round| round.refusals),
            "audited": round.and_then(|round| round.audited),
            "suspects": round.and_then(|round| round.suspects.clone()),
            "nodes": round.and_then(|round| round.nodes.as_ref()).map(|nodes| {
                nodes.iter().map(contribution).collect::<Vec<_>>()
            }),
            "digest": round.and_then(|round| round.digest.as_deref()).map(hex::encode),
        }),
        EventKind::NOTICE => json!({
            "event": "notice", "sequence": event.sequence, "message": event.message,
        }),
        EventKind::ENDED => json!({
            "event": "ended",
            "sequence": event.sequence,
            "state": event.status.as_ref().map(|status| text::state(status.state)),
            "error": event.status.as_ref().and_then(|status| status.error.clone()),
        }),
        _ => json!({"event": "unknown", "sequence": event.sequence}),
    }
}

fn contribution(did: &Contribution) -> Value {
    json!({
        "node": did.node,
        "shards": did.shards,
        "rows": did.rows,
        "seconds": did.seconds,
        "failures": did.failures,
        "refusals": did.refusals,
    })
}
