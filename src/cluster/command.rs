//! What comes out of the cluster: commands for the shell, outcomes for whoever gave the tasks.

use std::time::Duration;

use super::attempt::AttemptId;
use super::failure::Failure;
use super::roster::{BeatId, NodeId};
use super::task::TaskId;

/// What the shell should do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Greet the node and report with [`Cluster::greeted`](super::Cluster::greeted).
    Greet {
        /// Whom.
        node: NodeId,
        /// To be given back with the answer.
        beat: BeatId,
    },
    /// Ask for a heartbeat and report with [`Cluster::pulsed`](super::Cluster::pulsed).
    Beat {
        /// Whom.
        node: NodeId,
        /// To be given back with the answer.
        beat: BeatId,
    },
    /// Send the task to the node.
    Dispatch {
        /// Names this dispatch.
        attempt: AttemptId,
        /// What to send.
        task: TaskId,
        /// Where to.
        node: NodeId,
        /// Whether the node may decline it because of its load.
        may_refuse: bool,
        /// After this nobody waits for the answer.
        limit: Duration,
    },
    /// Tell the node that nobody waits for this attempt any more.
    Cancel {
        /// Which.
        attempt: AttemptId,
        /// Who has it.
        node: NodeId,
    },
    /// The node is off the roster: close what is open to it.
    Part {
        /// Which.
        node: NodeId,
    },
}

/// What became of tasks, for whoever gave them.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An attempt failed. The cluster tries again as often as it may; this is for those who watch.
    Failed {
        /// Of which task.
        task: TaskId,
        /// Where.
        address: String,
        /// From dispatch to failure.
        held: Duration,
        /// Why.
        failure: Failure,
    },
    /// Every allowed attempt failed.
    GaveUp {
        /// Which.
        task: TaskId,
        /// Why, attempt by attempt.
        failures: Vec<String>,
    },
    /// Work waited and no node could be reached; each node with how often it was tried and why it failed.
    Deserted {
        /// One line a node.
        nodes: Vec<String>,
    },
}

/// Counts over the life of the cluster, for tests and status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts sent out.
    pub dispatched: u64,
    /// Second attempts beside a straggler.
    pub speculative: u64,
    /// Attempts that failed or timed out.
    pub failed: u64,
    /// Attempts declined.
    pub refused: u64,
    /// Answers to attempts that nobody waited for.
    pub late: u64,
    /// Times a node went down.
    pub downs: u64,
    /// Times a node that was down came back.
    pub returns: u64,
    /// Times a task was forced upon a node after refusals by all.
    pub insisted: u64,
}
