//! An independent witness: sees facts and commands only, keeps its own books, and knows the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roundtable::cluster::{AttemptId, BeatId, FailureKind, NodeId, Time};
use roundtable::fed::{
    Answer, Command, Contribution, Entry, Event, History, Plan, RoundReport, RunId, Trained, Work,
};

use crate::wishes::{name_of, rows_of};

/// After this an answer to a greeting comes too late.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// An attempt as the witness saw it go out.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    node: NodeId,
    run: RunId,
    work: Work,
}

/// A round as the witness saw it go.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoundBook {
    asked: BTreeSet<u32>,
    folded: BTreeMap<u32, u64>,
    stepped: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RunBook {
    uniform: bool,
    quorum: f64,
    cohort: u32,
    /// Newest round that was told, and the newest that is stepped in this life or was done before it.
    pub(crate) finished: u32,
    pub(crate) stepped: u32,
    /// Nothing is to be trained any more; it was told how it ended.
    pub(crate) over: bool,
    pub(crate) ended: bool,
    pub(crate) rounds: BTreeMap<u32, RoundBook>,
    /// What was told, in all lives, and the number of what comes next.
    pub(crate) told: BTreeMap<u64, Entry>,
    pub(crate) next: u64,
    /// How long after a node was there, or the coordinator came back, it ended.
    pub(crate) after: Duration,
}

/// What the disk kept of a run.
pub struct Kept<'a> {
    pub history: &'a History,
    pub entries: &'a BTreeMap<u64, Entry>,
}

/// The witness.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    pub violations: Vec<String>,
    pub(crate) out: BTreeMap<AttemptId, Out>,
    seen: BTreeSet<AttemptId>,
    pub(crate) slots: BTreeMap<NodeId, u32>,
    pub(crate) unreachable: BTreeSet<NodeId>,
    /// The newest greeting or heartbeat of each node; answers to older ones mean nothing.
    pub(crate) asked: BTreeMap<NodeId, BeatId>,
    pub(crate) asked_at: BTreeMap<NodeId, Time>,
    pub(crate) runs: BTreeMap<RunId, RunBook>,
    /// When a node last greeted well.
    pub(crate) greeted: Time,
    pub(crate) halted: bool,
    /// The fact at hand, if it was an acceptable answer to an attempt that was out.
    pub(crate) answer: Option<(AttemptId, Out, Answer)>,
}

impl Checker {
    pub fn expect_run(&mut self, run: &RunId, plan: &Plan, shards: u32) {
        let book = self.runs.entry(run.clone()).or_default();
        book.uniform = plan.strategy.weight(1000) == 1;
        book.quorum = plan.quorum.unwrap_or(0.5);
        book.cohort = match plan.strategy.buffered {
            Some(how) => how.buffer,
            None => plan.cohort.unwrap_or(shards).min(shards),
        };
        book.next = 1;
    }

    pub(crate) fn wrong(&mut self, now: Time, what: String) {
        self.violations.push(format!("{} us: {what}", now.0));
    }

    /// Notes a fact before the core gets it.
    pub fn fact(&mut self, now: Time, event: &Event) {
        self.answer = None;
        match event {
            Event::Greeted(node, beat, Ok(greeting)) if self.asked.get(node) == Some(beat) => {
                let asked = self.asked_at.get(node).copied().unwrap_or_default();
                if now.since(asked) < HEARTBEAT_TIMEOUT {
                    self.greeted = now;
                }
                self.slots.insert(*node, greeting.slots);
                self.unreachable.remove(node);
            }
            Event::Greeted(node, beat, Err(failure)) | Event::Pulsed(node, beat, Err(failure))
                if failure.kind == FailureKind::Unreachable
                    && self.asked.get(node) == Some(beat) =>
            {
                self.unreachable.insert(*node);
            }
            Event::Answered(attempt, answer) => {
                if let Some(out) = self.out.remove(attempt) {
                    self.answer = Some((*attempt, out, answer.clone()));
                }
            }
            Event::Refused(attempt) | Event::Failed(attempt, _) => {
                self.out.remove(attempt);
            }
            Event::Resumed(run) if !self.halted => {
                if let Some(book) = self.runs.get_mut(run) {
                    (book.over, book.ended) = (false, false);
                    // A step that was not told of is undone.
                    let finished = book.finished;
                    book.rounds.retain(|round, _| *round <= finished);
                    book.stepped = finished;
                }
            }
            Event::Cancelled(run) => {
                if let Some(book) = self.runs.get_mut(run) {
                    book.over = true;
                }
            }
            Event::Halted => self.halted = true,
            _ => {}
        }
    }

    /// Holds the commands that followed against the rules.
    pub fn commands(&mut self, now: Time, commands: &[Command], wake: Option<Time>) {
        if wake.is_some_and(|wake| wake <= now) {
            self.wrong(
                now,
                format!("the next wake, {wake:?}, is not later than now"),
            );
        }
        // Attempts called off free their slots before others are dispatched.
        for command in commands {
            match command {
                Command::Dispatch {
                    attempt,
                    node,
                    run,
                    work,
                    ..
                } => {
                    self.dispatched(now, *attempt, *node, run, work);
                }
                Command::Greet(node, beat) | Command::Beat(node, beat) => {
                    self.asked.insert(*node, *beat);
                    self.asked_at.insert(*node, now);
                }
                Command::Cancel(attempt, _) => {
                    self.out.remove(attempt);
                }
                Command::Open { run, round, .. } => {
                    // With an empty sum, whatever was folded before.
                    if let Some(book) = self.runs.get_mut(run) {
                        book.rounds.remove(round);
                    }
                }
                Command::Part(node) => {
                    self.asked.remove(node);
                    self.slots.remove(node);
                }
                Command::Fold {
                    run,
                    round,
                    attempt,
                    weight,
                    ..
                } => {
                    self.folded(now, run, *round, *attempt, *weight);
                }
                Command::Step { run, round, weight } => self.stepped(now, run, *round, *weight),
                Command::Release(run) => {
                    if let Some(book) = self.runs.get_mut(run) {
                        book.over = true;
                        book.after = now.since(self.greeted);
                    }
                }
                _ => {}
            }
        }
    }

    /// Nodes keep nothing of a run that is over, nor of a coordinator that is about to stop.
    pub fn nothing_left(&mut self, now: Time) {
        let over = |out: &Out| self.halted || self.runs.get(&out.run).is_some_and(|b| b.over);
        let left = self.out.iter().find(|(_, out)| over(out));
        if let Some((attempt, out)) = left {
            let text = format!("attempt {} stays out though {} is over", attempt.0, out.run);
            self.wrong(now, text);
        }
    }

    fn dispatched(
        &mut self,
        now: Time,
        attempt: AttemptId,
        node: NodeId,
        run: &RunId,
        work: &Work,
    ) {
        if !self.seen.insert(attempt) {
            self.wrong(now, format!("attempt {} was used before", attempt.0));
        }
        if self.unreachable.contains(&node) {
            self.wrong(
                now,
                format!(
                    "attempt {} goes to node {} which is down",
                    attempt.0, node.0
                ),
            );
        }
        let held = self.out.values().filter(|out| out.node == node).count();
        let slots = self.slots.get(&node).copied().unwrap_or(0);
        if held >= slots as usize {
            self.wrong(
                now,
                format!(
                    "node {} has {held} of {slots} in hand, and gets more",
                    node.0
                ),
            );
        }
        let twice = |out: &Out| out.node == node && out.run == *run && out.work == *work;
        if self.out.values().any(twice) {
            self.wrong(now, format!("node {} gets {work:?} twice at once", node.0));
        }
        if let Some(book) = self.runs.get_mut(run) {
            if book.over {
                let text = format!("{run} has ended and dispatches");
                self.wrong(now, text);
            } else if let Work::Train { round, shards } = work {
                book.rounds
                    .entry(*round)
                    .or_default()
                    .asked
                    .extend(shards.iter());
                if *round != book.stepped + 1 {
                    let text = format!("{run} trains round {round} after {}", book.stepped);
                    self.wrong(now, text);
                }
            }
        }
        let (run, work) = (run.clone(), work.clone());
        self.out.insert(attempt, Out { node, run, work });
    }

    fn folded(&mut self, now: Time, run: &RunId, round: u32, attempt: AttemptId, weight: u64) {
        let Some((answered, out, answer)) = self.answer.clone() else {
            return self.wrong(
                now,
                format!("attempt {} is folded without an answer", attempt.0),
            );
        };
        let Work::Train {
            round: asked,
            shards,
        } = out.work
        else {
            return self.wrong(now, format!("attempt {} is no training", attempt.0));
        };
        if (answered, asked, &out.run) != (attempt, round, run) {
            return self.wrong(now, format!("attempt {} is folded elsewhere", attempt.0));
        }
        let Answer::Update(trained, _) = answer else {
            return self.wrong(now, format!("attempt {} brought no update", attempt.0));
        };
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let uniform = book.uniform;
        let folded = &mut book.rounds.entry(round).or_default().folded;
        let mut together = 0;
        let mut twice = Vec::new();
        for (&shard, trained) in shards.iter().zip(&trained) {
            let weight = if uniform { 1 } else { trained.rows };
            together += weight;
            if folded.insert(shard, weight).is_some() {
                twice.push(shard);
            }
        }
        let credible = |(&shard, trained): (&u32, &Trained)| {
            trained.loss.is_finite() && trained.rows <= rows_of(shard)
        };
        let honest = shards.len() == trained.len() && shards.iter().zip(&trained).all(credible);
        if weight != together || !honest {
            self.wrong(
                now,
                format!("weight {weight} for {trained:?} of {shards:?}"),
            );
        }
        if !twice.is_empty() {
            self.wrong(
                now,
                format!("shards {twice:?} count twice in round {round}"),
            );
        }
    }

    fn stepped(&mut self, now: Time, run: &RunId, round: u32, weight: u64) {
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let round_book = book.rounds.entry(round).or_default();
        let folded: u64 = round_book.folded.values().sum();
        let again = std::mem::replace(&mut round_book.stepped, true);
        book.stepped = round;
        if folded != weight || weight == 0 || again {
            let text = format!("{run} steps round {round} by {weight}, folded {folded}");
            self.wrong(now, text);
        }
    }

    pub(crate) fn reported(
        &mut self,
        now: Time,
        run: &RunId,
        finished: u32,
        report: &RoundReport,
        round: &RoundBook,
    ) {
        let book = self.runs.get(run);
        let (quorum, cohort) = book.map_or((0.0, 0), |book| (book.quorum, book.cohort));
        let rows: u64 = round.folded.keys().map(|&shard| rows_of(shard)).sum();
        let omitted: BTreeSet<&str> = report.omitted.iter().map(|o| o.shard.as_str()).collect();
        let honest = report.round == finished + 1
            && report.asked == cohort
            && f64::from(report.counted) >= quorum * f64::from(report.asked)
            && report.counted as usize == round.folded.len()
            && report.rows == rows
            && contributed(report)
            && omitted.len() + round.folded.len() == report.asked as usize
            && round
                .folded
                .keys()
                .all(|s| !omitted.contains(name_of(*s).as_str()))
            && round.stepped;
        if !honest {
            self.wrong(
                now,
                format!("{run}: {report:?} is not what happened: {round:?}"),
            );
        }
    }

    /// Shards that counted in a round, with their weights.
    pub fn counted(&self, run: &RunId, round: u32) -> Vec<(u32, u64)> {
        let book = self.runs.get(run).and_then(|book| book.rounds.get(&round));
        book.map_or_else(Vec::new, |book| {
            book.folded.iter().map(|(&s, &w)| (s, w)).collect()
        })
    }
}

/// Whether what the nodes are said to have done adds up to what the round says.
fn contributed(report: &RoundReport) -> bool {
    let sum = |of: fn(&Contribution) -> u32| report.nodes.iter().map(of).sum::<u32>();
    let rows: u64 = report.nodes.iter().map(|did| did.rows).sum();
    sum(|did| did.shards) >= report.counted
        && rows >= report.rows
        && sum(|did| did.failures) == report.retries
        && sum(|did| did.refusals) == report.refusals
}
