//! What the core is told and what it asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::plan::Plan;
use super::report::{Entry, RoundReport};
use super::run::{Ending, RunId};
use crate::cluster::{AttemptId, BeatId, Failure, Greeting, NodeId, Pulse};
use crate::ml::metrics::Metrics;

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The list of nodes, as it stands now.
    Listed(Vec<String>),
    /// A node announced itself under this address.
    Joined(String),
    /// The node at this address takes its leave.
    Left(String),
    /// A greeting was answered, or failed.
    Greeted(NodeId, BeatId, Result<Greeting, Failure>),
    /// A heartbeat was answered, or failed.
    Pulsed(NodeId, BeatId, Result<Pulse, Failure>),
    /// An attempt was answered; the shell holds what came with it.
    Answered(AttemptId, Answer),
    /// The node declined the attempt because of its load.
    Refused(AttemptId),
    /// The attempt failed, or its answer was not acceptable.
    Failed(AttemptId, Failure),
    /// A client asks for a run under an id that was not used before.
    Submitted(RunId, Plan),
    /// A run of a former life of the coordinator: one that was under way goes on after its last finished round.
    Restored(RunId, Plan, Box<History>),
    /// A client calls a run off.
    Cancelled(RunId),
    /// A client wants a stopped run to go on.
    Resumed(RunId),
    /// [`Command::Prepare`] is done, or cannot be done for this reason.
    Prepared(RunId, Result<Prepared, String>),
    /// [`Command::Step`] is done, or cannot be done for this reason.
    Stepped(RunId, u32, Result<Stepped, String>),
    /// [`Command::Evaluate`] is done.
    Evaluated(RunId, u32, Result<Metrics, String>),
    /// What [`Command::Record`] asked for is durable up to the entry of this number, or cannot be made so for this
    /// reason.
    Recorded(RunId, u64, Result<(), String>),
    /// The coordinator is about to end: nodes are to let go of what they have in hand. Runs that are recorded go on in
    /// its next life.
    Halted,
    /// Time has passed.
    Tick,
}

/// How far a run got, as its records say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Rounds finished, whose parameters are there.
    pub rounds: u32,
    /// The newest of them.
    pub last: Option<RoundReport>,
    /// How long they took.
    pub took: Duration,
    /// Entries of its log.
    pub entries: u64,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
    /// The private shards it began with, if it has any.
    pub hosted: Option<Arc<Hosted>>,
}

/// What training a shard was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trained {
    /// Rows trained on, not counting repeats.
    pub rows: u64,
    /// Mean loss a row.
    pub loss: f64,
}

/// SHA-256 of all that an attempt brought. Honest nodes bring the same of the same task.
pub type Fingerprint = [u8; 32];

/// What an answered attempt says, without the parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An update of the parameters, or the sum of the updates of many shards: how each shard of the task
    /// was trained, in the task's order. With a fingerprint if it was asked for.
    Update(Vec<Trained>, Option<Fingerprint>),
    /// Metrics on held-out rows.
    Metrics(Metrics),
    /// First parameters of a model.
    Parameters,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// SHA-256 of the new parameters.
    pub digest: [u8; 32],
    /// Shards whose updates the rule left out, or found far from the others.
    pub suspects: Vec<u32>,
}

impl From<[u8; 32]> for Stepped {
    fn from(digest: [u8; 32]) -> Stepped {
        Stepped {
            digest,
            suspects: Vec::new(),
        }
    }
}

/// One shard of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Name, unique in its run.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Whether only nodes that host it can train it.
    pub private: bool,
}

/// The private shards that nodes hosted when a run began, and the model made for their rows. The run keeps to them, whoever
/// is up later: everything that is drawn or remembered goes by the position of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosted {
    /// In the order of their names.
    pub shards: Vec<Shard>,
    /// Spec of the model, with its sizes.
    pub model: String,
}

/// Shards that are named before it is only said how many more there are.
const NAMED: usize = 8;

impl fmt::Display for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.shards.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "trains on {count} private shard{plural}: ")?;
        for (place, shard) in self.shards.iter().take(NAMED).enumerate() {
            let mark = if place == 0 { "" } else { ", " };
            write!(f, "{mark}{} ({} rows)", shard.name, shard.rows)?;
        }
        match count.saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Where the metrics of a round come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// The coordinator holds rows and knows the model.
    Central,
    /// The nodes evaluate on what they hold out of their shards.
    Nodes,
    /// Nobody holds rows for it.
    Nowhere,
}

/// What preparing a run found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The shards, in an order that depends on the plan alone; private ones are those of [`Hosted`] once that is told.
    pub shards: Vec<Shard>,
    /// Spec of the model, with its sizes.
    pub model: String,
    /// Where metrics come from.
    pub evaluation: Evaluation,
    /// Whether first parameters are there; if not, a node is asked for them.
    pub parameters: bool,
}

impl Prepared {
    /// What is to be told of private shards, if that is what they are.
    pub(super) fn hosted(&self) -> Option<Hosted> {
        let private = self.shards.first().is_some_and(|shard| shard.private);
        private.then(|| Hosted {
            shards: self.shards.clone(),
            model: self.model.clone(),
        })
    }
}

/// What a task is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Train each of these shards from the parameters before this round.
    Train {
        /// From 1.
        round: u32,
        /// Positions among the run's shards, ascending; at least one.
        shards: Arc<[u32]>,
    },
    /// Evaluate the parameters after this round on what is held out of this shard.
    Evaluate {
        /// From 1.
        round: u32,
        /// Position among the run's shards.
        shard: u32,
    },
    /// Make the first parameters.
    Initialise,
}

/// What the shell should do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Greet the node; report [`Event::Greeted`].
    Greet(NodeId, BeatId),
    /// Ask for a heartbeat; report [`Event::Pulsed`].
    Beat(NodeId, BeatId),
    /// Send work to a node; report [`Event::Answered`], [`Event::Refused`] or [`Event::Failed`].
    Dispatch {
        /// Names this dispatch.
        attempt: AttemptId,
        /// Where to.
        node: NodeId,
        /// For which run.
        run: RunId,
        /// What.
        work: Work,
        /// Whether the node may decline it because of its load.
        may_refuse: bool,
        /// Whether the answer needs a fingerprint.
        audited: bool,
        /// After this nobody waits for the answer.
        limit: Duration,
    },
    /// Tell the node that nobody waits for this attempt any more.
    Cancel(AttemptId, NodeId),
    /// Close what is open to this node.
    Part(NodeId),
    /// Open the data, list the shards, make the first parameters; report [`Event::Prepared`].
    Prepare(RunId),
    /// Begin this round with an empty sum, from the parameters after the round before it. If its step was made
    /// already but never reported, because the run was stopped in between, that step is undone.
    Open {
        /// Of which run.
        run: RunId,
        /// Of which round.
        round: u32,
        /// No sum of weights will be larger.
        weight_limit: u64,
    },
    /// Add what this attempt brought, an update or a sum of updates, to the round's sum, or keep it beside the others. It is acceptable: its
    /// form was checked.
    Fold {
        /// Of which run.
        run: RunId,
        /// Of which round.
        round: u32,
        /// Which brought it.
        attempt: AttemptId,
        /// The weight of its shards together.
        weight: u64,
        /// Shard and rows, where the strategy needs the single updates.
        single: Option<(u32, u64)>,
    },
    /// Take the first parameters that this attempt brought.
    Adopt(RunId, AttemptId),
    /// Throw away what this attempt brought: nobody waits for it.
    Discard(AttemptId),
    /// Divide the sum by the weight and make the step; report [`Event::Stepped`].
    Step {
        /// Of which run.
        run: RunId,
        /// Of which round.
        round: u32,
        /// Sum of the weights folded.
        weight: u64,
    },
    /// Evaluate the new parameters on held-out rows; report [`Event::Evaluated`].
    Evaluate(RunId, u32),
    /// Make this entry of the run's log durable and, of a finished round, its parameters; report [`Event::Recorded`].
    /// Entries come in order; after a failure they come again from the first that is not recorded.
    Record(RunId, Entry),
    /// Tell whoever watches the run.
    Publish(RunId, Entry),
    /// The run has ended: keep its last parameters, let go of the rest.
    Release(RunId),
    /// The run is forgotten altogether.
    Forget(RunId),
}
