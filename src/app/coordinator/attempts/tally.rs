//! How attempts end, and how many ended so.

use std::sync::Arc;
use std::time::Duration;

/// Upper ends of the classes in which durations are counted, in seconds.
pub const CLASSES: [f64; 12] = [
    0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0,
];

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A node has it in hand.
    Running,
    /// What it brought counts.
    Counted,
    /// What it brought was compared with what another node brought.
    Compared,
    /// The node declined it.
    Refused,
    /// It failed, or what it brought was not acceptable, for this reason.
    Failed(Arc<str>),
    /// Nobody waited for it any more.
    Cancelled,
    /// It was answered when nobody waited for it any more.
    Late,
}

impl Outcome {
    /// Names of all outcomes that end an attempt, as [`Outcome::name`] gives them.
    pub const ENDS: [&str; 6] = [
        "counted",
        "compared",
        "refused",
        "failed",
        "cancelled",
        "late",
    ];

    /// Its name in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Running => "running",
            Outcome::Counted => Outcome::ENDS[0],
            Outcome::Compared => Outcome::ENDS[1],
            Outcome::Refused => Outcome::ENDS[2],
            Outcome::Failed(_) => Outcome::ENDS[3],
            Outcome::Cancelled => Outcome::ENDS[4],
            Outcome::Late => Outcome::ENDS[5],
        }
    }
}

/// How attempts ended since the coordinator began.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Attempts by how they ended, in the order of [`Outcome::ENDS`].
    pub ends: [u64; Outcome::ENDS.len()],
    /// Answered attempts by how long they took: those up to each of [`CLASSES`], and the longer ones.
    pub durations: [u64; CLASSES.len() + 1],
    /// How long answered attempts took together.
    pub took: Duration,
}

impl Tally {
    /// Counts one that took so long.
    pub(super) fn count(&mut self, outcome: &Outcome, took: Duration) {
        let place = Outcome::ENDS.iter().position(|end| *end == outcome.name());
        if let Some(place) = place {
            self.ends[place] += 1;
        }
        if matches!(outcome, Outcome::Counted | Outcome::Compared) {
            let seconds = took.as_secs_f64();
            self.durations[CLASSES.partition_point(|end| *end < seconds)] += 1;
            self.took += took;
        }
    }
}
