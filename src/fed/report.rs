//! What a run tells: finished rounds, notices, how it ended.

use std::sync::Arc;
use std::time::Duration;

use super::contribution::Contribution;
use super::event::Hosted;
use super::run::Ending;
use crate::ml::metrics::Metrics;

/// A shard that did not count in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// Its name.
    pub shard: String,
    /// Why.
    pub reason: String,
}

/// One finished round.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundReport {
    /// From 1.
    pub round: u32,
    /// On held-out rows, after the round. None if nobody could evaluate.
    pub metrics: Option<Metrics>,
    /// Mean loss a row over the shards that counted, as the nodes report it.
    pub training_loss: f64,
    /// Shards of the cohort.
    pub asked: u32,
    /// Shards whose update counted.
    pub counted: u32,
    /// The others.
    pub omitted: Vec<Omission>,
    /// Rows that counted.
    pub rows: u64,
    /// From the round's first task to its report.
    pub took: Duration,
    /// Attempts that failed.
    pub retries: u32,
    /// Attempts that were declined.
    pub refusals: u32,
    /// Shards that counted after two nodes had brought the same bits.
    pub audited: u32,
    /// Shards whose updates the rule left out, or found far from the others.
    pub suspects: Vec<String>,
    /// What each node did, by address.
    pub nodes: Vec<Contribution>,
    /// SHA-256 of the parameters after the round.
    pub digest: [u8; 32],
}

/// What a run that succeeded ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// On held-out rows after the last round.
    pub metrics: Option<Metrics>,
    /// Rounds finished.
    pub rounds: u32,
    /// From acceptance to the end, without the time in which no coordinator was there.
    pub took: Duration,
    /// SHA-256 of the final parameters.
    pub digest: [u8; 32],
}

/// An entry of a run's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: u64,
    /// What happened.
    pub event: RunEvent,
}

/// Something that whoever watches a run is told.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// The run was accepted.
    Started,
    /// The private shards it trains on.
    Hosted(Arc<Hosted>),
    /// A round is finished.
    Round(RoundReport),
    /// What the run waits for or survived.
    Notice(String),
    /// It ended.
    Ended(Ending),
}
