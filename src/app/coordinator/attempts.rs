//! What happened to each attempt, for whoever looks on: a ring of the newest of every run.
//!
//! It learns from the facts the core takes in and the commands that come out, and changes neither. Only a coordinator
//! with a dashboard keeps it.

mod tally;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{AttemptId, NodeId, Time};
use crate::fed::{Command, Event, RunId, Work};
use crate::sync::{Mutex, lock};
pub use tally::{CLASSES, Outcome, Tally};

/// Attempts kept of a run.
const KEPT: usize = 2_000;
/// Runs whose attempts are kept: those that began last.
const RUNS: usize = 64;

/// What kind of work an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Training.
    Train,
    /// Evaluating.
    Evaluate,
    /// Making first parameters.
    Initialise,
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Counts the attempts of its run from 1.
    pub number: u64,
    id: AttemptId,
    /// Where it went.
    pub address: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// Of which round; 0 before the first.
    pub round: u32,
    /// Its first shard, if it is about any.
    pub first: Option<u32>,
    /// How many shards.
    pub shards: u32,
    /// When it was sent out.
    pub started: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// What became of it.
    pub outcome: Outcome,
    /// The change of this ring that was its last.
    pub changed: u64,
}

#[derive(Debug, Default)]
struct Ring {
    attempts: VecDeque<Attempt>,
    dispatched: u64,
    changes: u64,
}

impl Ring {
    fn find(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        let at = self.attempts.binary_search_by_key(&id, |known| known.id);
        self.attempts.get_mut(at.ok()?)
    }
}

/// An attempt that a node has in hand.
#[derive(Debug)]
struct Open {
    run: RunId,
    node: NodeId,
    started: Time,
}

#[derive(Debug, Default)]
struct State {
    rings: BTreeMap<RunId, Ring>,
    /// Runs in the order in which they began.
    order: VecDeque<RunId>,
    /// Attempts that nodes have in hand, also those that their ring has forgotten.
    open: BTreeMap<AttemptId, Open>,
    tally: Tally,
}

/// The attempts of all runs.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<State>);

/// What a fact says of an attempt, before the core takes it in.
#[derive(Debug)]
pub(super) enum Said {
    Answered(AttemptId),
    Refused(AttemptId),
    Failed(AttemptId, Arc<str>),
    Nothing,
}

impl Said {
    pub(super) fn of(fact: &Event) -> Said {
        match fact {
            Event::Answered(attempt, _) => Said::Answered(*attempt),
            Event::Refused(attempt) => Said::Refused(*attempt),
            Event::Failed(attempt, failure) => {
                Said::Failed(*attempt, failure.reason.as_str().into())
            }
            _ => Said::Nothing,
        }
    }
}

impl Attempts {
    /// Takes in what was said and what the core made of it. `failed` says why something that a node had in hand failed
    /// just now, if it did; `address` where a node is.
    pub(super) fn note(
        &self,
        now: Time,
        said: Said,
        commands: &[Command],
        failed: impl Fn(NodeId) -> Option<Arc<str>>,
        address: impl Fn(NodeId) -> Arc<str>,
    ) {
        if matches!(said, Said::Nothing) && commands.is_empty() {
            return;
        }
        let mut state = lock(&self.0);
        match said {
            Said::Answered(id) => {
                let dropped = commands.contains(&Command::Discard(id));
                let end = |node| match failed(node) {
                    Some(reason) => Outcome::Failed(reason),
                    None if dropped => Outcome::Compared,
                    None => Outcome::Counted,
                };
                if !state.end(now, id, end) {
                    state.came_late(id);
                }
            }
            Said::Refused(id) => {
                let end = |node| match failed(node) {
                    Some(reason) => Outcome::Failed(reason),
                    None => Outcome::Refused,
                };
                state.end(now, id, end);
            }
            Said::Failed(id, reason) => {
                state.end(now, id, |_| Outcome::Failed(reason));
            }
            Said::Nothing => {}
        }
        for command in commands {
            match command {
                Command::Dispatch {
                    attempt,
                    node,
                    run,
                    work,
                    ..
                } => state.begin(now, run, (*attempt, *node), work, address(*node)),
                Command::Cancel(id, node) => {
                    state.end(now, *id, |_| match failed(*node) {
                        Some(reason) => Outcome::Failed(reason),
                        None => Outcome::Cancelled,
                    });
                }
                Command::Forget(run) => state.forget(run),
                _ => {}
            }
        }
    }

    /// The attempts of a run that changed after this change of its ring, at most so many, and the change they reach up
    /// to. A change that was never made is none.
    pub fn since(&self, run: &RunId, after: u64, most: usize) -> (Vec<Attempt>, u64) {
        let state = lock(&self.0);
        let Some(ring) = state.rings.get(run) else {
            return (Vec::new(), 0);
        };
        let after = if after > ring.changes { 0 } else { after };
        let newer = ring.attempts.iter().filter(|one| one.changed > after);
        let mut found: Vec<&Attempt> = newer.collect();
        found.sort_unstable_by_key(|attempt| attempt.changed);
        let reached = match found.get(most) {
            Some(_) => found[most - 1].changed,
            None => ring.changes,
        };
        (found.into_iter().take(most).cloned().collect(), reached)
    }

    /// How attempts ended so far.
    pub fn tally(&self) -> Tally {
        lock(&self.0).tally.clone()
    }
}

impl State {
    fn begin(
        &mut self,
        now: Time,
        run: &RunId,
        (id, node): (AttemptId, NodeId),
        work: &Work,
        address: Arc<str>,
    ) {
        if !self.rings.contains_key(run) {
            self.order.push_back(run.clone());
            if self.order.len() > RUNS
                && let Some(oldest) = self.order.front().cloned()
            {
                self.forget(&oldest);
            }
        }
        let ring = self.rings.entry(run.clone()).or_default();
        let (kind, round, first, shards) = match work {
            Work::Train { round, shards } => {
                let count = u32::try_from(shards.len()).unwrap_or(u32::MAX);
                (Kind::Train, *round, shards.first().copied(), count)
            }
            Work::Evaluate { round, shard } => (Kind::Evaluate, *round, Some(*shard), 1),
            Work::Initialise => (Kind::Initialise, 0, None, 0),
        };
        ring.dispatched += 1;
        ring.changes += 1;
        ring.attempts.push_back(Attempt {
            number: ring.dispatched,
            id,
            address,
            kind,
            round,
            first,
            shards,
            started: now,
            ended: None,
            outcome: Outcome::Running,
            changed: ring.changes,
        });
        if ring.attempts.len() > KEPT {
            ring.attempts.pop_front();
        }
        let (run, started) = (run.clone(), now);
        self.open.insert(id, Open { run, node, started });
    }

    /// Ends an attempt that a node has in hand; says whether one had.
    fn end(&mut self, now: Time, id: AttemptId, how: impl FnOnce(NodeId) -> Outcome) -> bool {
        let Some(open) = self.open.remove(&id) else {
            return false;
        };
        let outcome = how(open.node);
        self.tally.count(&outcome, now.since(open.started));
        if let Some(ring) = self.rings.get_mut(&open.run) {
            ring.changes += 1;
            let changes = ring.changes;
            if let Some(attempt) = ring.find(id) {
                attempt.outcome = outcome;
                attempt.ended = Some(now);
                attempt.changed = changes;
            }
        }
        true
    }

    /// An answer to an attempt that nobody waited for.
    fn came_late(&mut self, id: AttemptId) {
        for ring in self.rings.values_mut() {
            let changes = ring.changes + 1;
            if let Some(attempt) = ring.find(id)
                && attempt.outcome == Outcome::Cancelled
            {
                attempt.outcome = Outcome::Late;
                attempt.changed = changes;
                ring.changes = changes;
                self.tally.count(&Outcome::Late, Duration::ZERO);
                return;
            }
        }
    }

    fn forget(&mut self, run: &RunId) {
        self.rings.remove(run);
        self.order.retain(|known| known != run);
        self.open.retain(|_, open| open.run != *run);
    }
}

#[cfg(test)]
mod tests;
