//! Federated runs: which tasks there are and what their answers mean.
//!
//! Facts go in as [`Event`]s with the time they happened, [`Command`]s come out: [`Federation::handle`]
//! is the whole core of the coordinator, as a pure function of its state. It has no clock, socket,
//! thread or file, so that a run with all its failures can be replayed from one seed.
//!
//! Architecture invariant: parameters and updates never enter here. The core knows that an update
//! arrived, of how many rows and with what loss; the shell holds the bytes and folds them when told to.

pub mod aggregate;
mod answers;
pub mod asynchrony;
pub mod attack;
mod attackers;
mod audit;
mod bundle;
mod cohort;
mod contribution;
mod event;
mod federation;
mod hearing;
mod lifecycle;
mod log;
pub mod normalise;
pub mod optimize;
mod plan;
mod report;
mod round;
mod rounds;
mod run;
pub mod schedule;
pub mod shard_memory;
mod status;
mod stragglers;
pub mod strategy;
mod tally;
mod telling;

pub use attackers::Assault;
pub use contribution::Contribution;
pub use event::{
    Answer, Command, Evaluation, Event, Fingerprint, History, Hosted, Prepared, Shard, Stepped,
    Trained, Work,
};
pub use federation::{Federation, Refused};
pub use plan::{DataPlan, Plan, Problem, Standardise};
pub use report::{Entry, Omission, Report, RoundReport, RunEvent};
pub use run::{Ending, RunId};
pub use status::{RunState, RunStatus};
pub use stragglers::Stragglers;
