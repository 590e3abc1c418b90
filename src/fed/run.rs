//! One run: its plan, its phase and what it has finished.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::asynchrony::Asynchrony;
use super::event::{Evaluation, Hosted, Shard};
use super::log::Log;
use super::plan::Plan;
use super::report::{Report, RoundReport};
use super::round::Round;
use super::tally::Tally;
use crate::cluster::{GroupId, Time};

/// Names a run, for good: chosen from the client's key, never used for another run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Every round is finished.
    Succeeded(Report),
    /// It cannot go on, for this reason.
    Failed(String),
    /// A client called it off.
    Cancelled,
    /// No node was left; it can be resumed from its last finished round.
    Stopped(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Succeeded(report) => {
                write!(f, "finished after {} rounds", report.rounds)?;
                match &report.metrics {
                    Some(metrics) => match metrics.accuracy() {
                        Some(accuracy) => write!(f, ", accuracy {accuracy:.4}"),
                        None => write!(f, ", loss {}", metrics.loss),
                    },
                    None => Ok(()),
                }
            }
            Ending::Failed(reason) => write!(f, "failed: {reason}"),
            Ending::Cancelled => write!(f, "cancelled"),
            Ending::Stopped(reason) => write!(f, "stopped, can be resumed: {reason}"),
        }
    }
}

/// What a run is doing.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Data and first parameters are being made ready.
    Preparing,
    /// A node is asked for the first parameters.
    Initialising,
    /// Updates are awaited.
    Training(Round),
    /// The step is being made.
    Stepping(Round),
    /// The new parameters are being evaluated.
    Evaluating {
        round: Round,
        digest: [u8; 32],
        /// What the nodes found.
        tally: Tally,
    },
    /// A round is finished; the next one begins when more is recorded.
    Recording,
    /// It is over, and will be told so when that is recorded.
    Ending(Ending),
    /// It is over.
    Ended(Ending),
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) group: GroupId,
    pub(super) plan: Plan,
    pub(super) quorum: f64,
    pub(super) phase: Phase,
    pub(super) shards: Vec<Shard>,
    /// The private ones it keeps to, once they are known.
    pub(super) hosted: Option<Arc<Hosted>>,
    /// Whether it was restored or resumed, so that it could begin once.
    pub(super) again: bool,
    pub(super) evaluation: Evaluation,
    /// Who trains when, if rounds are asynchronous.
    pub(super) course: Option<Asynchrony>,
    /// Rounds finished, and the newest of them.
    pub(super) finished: u32,
    pub(super) last: Option<RoundReport>,
    /// The newest round that was told.
    pub(super) told: Option<RoundReport>,
    pub(super) log: Log,
    pub(super) started: Time,
    /// How long it took in former lives of the coordinator.
    pub(super) before: Duration,
    /// When something last happened, and what was last said about waiting.
    pub(super) stirred: Time,
    pub(super) said: Option<String>,
    /// Whether it was said that something counts unaudited.
    pub(super) said_unaudited: bool,
}

impl Run {
    /// Whether something is still to be done or told.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    /// How it ends when it cannot go on for want of data or nodes: what could begin once can be resumed.
    pub(super) fn unable(&self, reason: String) -> Ending {
        if self.again || self.finished > 0 {
            return Ending::Stopped(reason);
        }
        Ending::Failed(reason)
    }

    /// Whether nothing is to be trained any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Ended(_))
    }

    /// The round under way, if updates are awaited.
    pub(super) fn training(&mut self) -> Option<&mut Round> {
        match &mut self.phase {
            Phase::Training(round) => Some(round),
            _ => None,
        }
    }

    /// The round under way, if all of its updates are there.
    pub(super) fn trained(&self) -> Option<&Round> {
        match &self.phase {
            Phase::Stepping(round) | Phase::Evaluating { round, .. } => Some(round),
            _ => None,
        }
    }

    /// Largest sum of weights that the shards of a cohort can have.
    pub(super) fn weight_limit(&self, cohort: &[u32]) -> u64 {
        cohort
            .iter()
            .map(|&shard| self.plan.strategy.weight(self.shards[shard as usize].rows))
            .fold(0u64, u64::saturating_add)
            .max(1)
    }

    /// The report of a run whose rounds are all finished.
    pub(super) fn report(&self, now: Time) -> Report {
        Report {
            metrics: self.last.as_ref().and_then(|last| last.metrics.clone()),
            rounds: self.finished,
            took: self.before + now.since(self.started),
            digest: self.last.as_ref().map_or([0; 32], |last| last.digest),
        }
    }
}
