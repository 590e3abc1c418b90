//! A run under way on a terminal: a bar with its curve, rate and time left, and a line on what the nodes do.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::foreign::plain;
use super::text;
use crate::clock;
use crate::wire::stubs::coordinator::{NodeStatus, WatchReply};

/// Values of the curve.
const CURVE: usize = 16;
/// Nodes are asked for so often.
const NODES_EVERY: Duration = Duration::from_secs(1);

/// The lines at the foot of the terminal.
pub(super) struct Progress {
    lines: MultiProgress,
    bar: ProgressBar,
    nodes: ProgressBar,
    seen: RefCell<Seen>,
}

/// What was shown.
#[derive(Default)]
struct Seen {
    /// Of every round, the accuracy, or the falling loss where none is known.
    curve: Vec<f64>,
    nodes: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let lines = MultiProgress::new();
        let bar = lines.add(ProgressBar::new(0));
        // The message is cut where the terminal ends, so what matters most comes first.
        bar.set_style(style("{bar:12} round {pos}/{len}  {eta} left  {wide_msg}"));
        let nodes = lines.add(ProgressBar::new(0));
        nodes.set_style(style("{wide_msg}"));
        Progress {
            lines,
            bar,
            nodes,
            seen: RefCell::default(),
        }
    }

    /// Shows where the run stands.
    pub(super) fn show(&self, reply: &WatchReply) {
        let mut seen = self.seen.borrow_mut();
        let rounds = reply.events.iter().filter_map(|event| event.round.as_ref());
        seen.curve.extend(rounds.filter_map(|round| {
            let metrics = round.metrics.as_ref();
            let falling = |loss: f64| -loss;
            let accuracy = metrics.and_then(|metrics| metrics.accuracy);
            accuracy.or_else(|| metrics.map(|m| m.loss).or(round.training_loss).map(falling))
        }));
        self.bar
            .set_length(u64::try_from(reply.status.rounds.unwrap_or(0)).unwrap_or(0));
        self.bar
            .set_position(u64::try_from(reply.status.round.unwrap_or(0)).unwrap_or(0));
        let curve = text::sparkline(&seen.curve, CURVE);
        self.bar
            .set_message(format!("{curve}  {}", plain(&text::progress(reply))));
    }

    /// Whether it is time to ask what the nodes do.
    pub(super) fn wants_nodes(&self) -> bool {
        let mut seen = self.seen.borrow_mut();
        let now = clock::now();
        let due = seen.nodes.is_none_or(|last| now - last >= NODES_EVERY);
        if due {
            seen.nodes = Some(now);
        }
        due
    }

    /// Shows what the nodes do.
    pub(super) fn nodes(&self, nodes: &[NodeStatus]) {
        self.nodes.set_message(plain(&text::doing(nodes)));
    }

    /// A line above.
    pub(super) fn print(&self, line: &str) {
        let _ = self.lines.println(line);
    }

    /// The end: the bar stays, what nodes do goes.
    pub(super) fn end(&self) {
        self.nodes.finish_and_clear();
        self.bar.abandon();
    }
}
