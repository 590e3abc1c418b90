//! What happened to each attempt, for whoever looks on: a ring of the newest of every run.
//!
//! It learns from the facts the core takes in and the commands that come out, and changes neither. Only a coordinator
//! with a dashboard keeps it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{AttemptId, NodeId, Time};
use crate::fed::{Command, Event, RunId, Work};
use crate::sync::{Mutex, lock};

/// Attempts kept of a run.
const KEPT: usize = 2_000;
/// Runs whose attempts are kept: those that began last.
const RUNS: usize = 64;

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
    node: NodeId,
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
    fn count(&mut self, outcome: &Outcome, took: Duration) {
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

#[derive(Debug, Default)]
struct State {
    rings: BTreeMap<RunId, Ring>,
    /// Runs in the order in which they began.
    order: VecDeque<RunId>,
    /// Attempts that nodes have in hand.
    open: BTreeMap<AttemptId, RunId>,
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
                let end = |attempt: &Attempt| match failed(attempt.node) {
                    Some(reason) => Outcome::Failed(reason),
                    None if dropped => Outcome::Compared,
                    None => Outcome::Counted,
                };
                if !state.end(now, id, end) {
                    state.came_late(id);
                }
            }
            Said::Refused(id) => {
                let end = |attempt: &Attempt| match failed(attempt.node) {
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
            node,
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
        self.open.insert(id, run.clone());
    }

    /// Ends an attempt that a node has in hand; says whether one had.
    fn end(&mut self, now: Time, id: AttemptId, how: impl FnOnce(&Attempt) -> Outcome) -> bool {
        let Some(run) = self.open.remove(&id) else {
            return false;
        };
        let Some(ring) = self.rings.get_mut(&run) else {
            return true;
        };
        ring.changes += 1;
        let changes = ring.changes;
        if let Some(attempt) = ring.find(id) {
            attempt.outcome = how(attempt);
            attempt.ended = Some(now);
            attempt.changed = changes;
            self.tally
                .count(&attempt.outcome, now.since(attempt.started));
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
        self.open.retain(|_, of| of != run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId("r".to_owned())
    }

    fn dispatch(id: u64) -> Command {
        Command::Dispatch {
            attempt: AttemptId(id),
            node: NodeId(1),
            run: run(),
            work: Work::Train {
                round: 1,
                shards: [4, 5].into(),
            },
            may_refuse: false,
            audited: false,
            limit: Duration::ZERO,
        }
    }

    fn note(attempts: &Attempts, at: u64, said: Said, commands: &[Command], failed: Option<&str>) {
        let failed = |_| failed.map(Arc::from);
        attempts.note(Time(at), said, commands, failed, |_| "n:1".into());
    }

    fn outcomes(attempts: &Attempts) -> Vec<&'static str> {
        let (all, _) = attempts.since(&run(), 0, usize::MAX);
        let mut all: Vec<_> = all
            .iter()
            .map(|one| (one.number, one.outcome.name()))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn each_end_has_its_name() {
        let attempts = Attempts::default();
        let all: Vec<Command> = (1..=8).map(dispatch).collect();
        note(&attempts, 0, Said::Nothing, &all, None);
        let id = AttemptId;
        note(&attempts, 1, Said::Answered(id(1)), &[], None);
        note(
            &attempts,
            2,
            Said::Answered(id(2)),
            &[Command::Discard(id(2))],
            None,
        );
        note(&attempts, 3, Said::Refused(id(3)), &[], None);
        note(&attempts, 4, Said::Failed(id(4), "gone".into()), &[], None);
        let cancel = |of| [Command::Cancel(id(of), NodeId(1))];
        note(&attempts, 5, Said::Nothing, &cancel(5), None);
        note(&attempts, 6, Said::Nothing, &cancel(6), None);
        note(
            &attempts,
            7,
            Said::Answered(id(6)),
            &[Command::Discard(id(6))],
            None,
        );
        note(&attempts, 8, Said::Nothing, &cancel(7), Some("silent"));
        let mut ends = Outcome::ENDS.to_vec();
        ends.extend(["failed", "running"]);
        assert_eq!(outcomes(&attempts), ends);
        assert_eq!(attempts.tally().ends, [1, 1, 1, 2, 2, 1]);
        // What was closed on fails too, and that is no news.
        note(
            &attempts,
            9,
            Said::Failed(id(5), "closed".into()),
            &[],
            None,
        );
        assert_eq!(outcomes(&attempts), ends);
    }

    #[test]
    fn whoever_asks_gets_what_changed_since() {
        let attempts = Attempts::default();
        note(
            &attempts,
            0,
            Said::Nothing,
            &[dispatch(1), dispatch(2)],
            None,
        );
        let (first, reached) = attempts.since(&run(), 0, 1);
        assert_eq!((first.len(), first[0].number, reached), (1, 1, 1));
        let (second, reached) = attempts.since(&run(), reached, 10);
        assert_eq!((second.len(), second[0].number, reached), (1, 2, 2));
        note(&attempts, 5, Said::Answered(AttemptId(1)), &[], None);
        let (changed, reached) = attempts.since(&run(), reached, 10);
        assert_eq!((changed[0].number, changed[0].ended), (1, Some(Time(5))));
        assert_eq!(attempts.since(&run(), reached, 10).0.len(), 0);
        assert_eq!(
            attempts.since(&run(), 1_000, 10).0.len(),
            2,
            "another life's number"
        );
    }

    #[test]
    fn rings_are_bounded_and_go_with_their_runs() {
        let attempts = Attempts::default();
        for id in 0..KEPT as u64 + 10 {
            note(&attempts, id, Said::Nothing, &[dispatch(id)], None);
            note(&attempts, id, Said::Answered(AttemptId(id)), &[], None);
        }
        assert_eq!(outcomes(&attempts).len(), KEPT);
        note(&attempts, 0, Said::Nothing, &[Command::Forget(run())], None);
        assert_eq!(outcomes(&attempts).len(), 0);
    }
}
