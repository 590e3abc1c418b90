//! An independent witness: sees facts and commands only, keeps its own books, and knows the rules.

use std::collections::{BTreeMap, BTreeSet};

use roundtable::cluster::{AttemptId, BeatId, FailureKind, NodeId, Time};
use roundtable::fed::{
    Answer, Command, Ending, Event, RoundReport, RunEvent, RunId, Trained, Work,
};

/// An attempt as the witness saw it go out.
#[derive(Clone, Debug)]
struct Out {
    node: NodeId,
    run: RunId,
    work: Work,
}

/// A round as the witness saw it go.
#[derive(Clone, Debug, Default)]
struct RoundBook {
    asked: BTreeSet<u32>,
    folded: BTreeMap<u32, u64>,
    stepped: bool,
}

#[derive(Clone, Debug, Default)]
struct RunBook {
    uniform: bool,
    finished: u32,
    ended: bool,
    rounds: BTreeMap<u32, RoundBook>,
}

/// The witness.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    pub violations: Vec<String>,
    out: BTreeMap<AttemptId, Out>,
    seen: BTreeSet<AttemptId>,
    slots: BTreeMap<NodeId, u32>,
    unreachable: BTreeSet<NodeId>,
    /// The newest greeting or heartbeat of each node; answers to older ones mean nothing.
    asked: BTreeMap<NodeId, BeatId>,
    runs: BTreeMap<RunId, RunBook>,
    /// The fact at hand, if it was an acceptable answer to an attempt that was out.
    answer: Option<(AttemptId, Out, Answer)>,
}

impl Checker {
    pub fn expect_run(&mut self, run: &RunId, uniform: bool) {
        self.runs.entry(run.clone()).or_default().uniform = uniform;
    }

    fn wrong(&mut self, now: Time, what: String) {
        self.violations.push(format!("{} us: {what}", now.0));
    }

    /// Notes a fact before the core gets it.
    pub fn fact(&mut self, event: &Event) {
        self.answer = None;
        match event {
            Event::Greeted(node, beat, Ok(greeting)) if self.asked.get(node) == Some(beat) => {
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
            Event::Resumed(run) => {
                if let Some(book) = self.runs.get_mut(run) {
                    book.ended = false;
                    let next = book.finished + 1;
                    book.rounds.remove(&next);
                }
            }
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
                Command::Fold {
                    run,
                    round,
                    attempt,
                    weight,
                } => {
                    self.folded(now, run, *round, *attempt, *weight);
                }
                Command::Step { run, round, weight } => self.stepped(now, run, *round, *weight),
                Command::Publish(run, entry) => self.told(now, run, &entry.event),
                _ => {}
            }
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
            if book.ended {
                let text = format!("{run} has ended and dispatches");
                self.wrong(now, text);
            } else if let Work::Train { round, shards } = work {
                book.rounds
                    .entry(*round)
                    .or_default()
                    .asked
                    .extend(shards.iter());
                if *round != book.finished + 1 {
                    let text = format!("{run} trains round {round} after {}", book.finished);
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
            trained.loss.is_finite() && trained.rows <= crate::world::rows_of(shard)
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
        if folded != weight || weight == 0 || again {
            let text = format!("{run} steps round {round} by {weight}, folded {folded}");
            self.wrong(now, text);
        }
    }

    fn told(&mut self, now: Time, run: &RunId, event: &RunEvent) {
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let was_over = book.ended;
        let finished = book.finished;
        match event {
            RunEvent::Round(report) => {
                book.finished = report.round;
                let round = book.rounds.get(&report.round).cloned().unwrap_or_default();
                self.reported(now, run, finished, report, &round);
            }
            RunEvent::Ended(ending) => {
                book.ended = true;
                self.out.retain(|_, out| out.run != *run);
                if let Ending::Succeeded(report) = ending
                    && report.rounds != finished
                {
                    self.wrong(now, format!("{run} reports {} rounds", report.rounds));
                }
            }
            RunEvent::Started | RunEvent::Notice(_) => {}
        }
        if was_over {
            self.wrong(now, format!("{run} has ended and tells {event:?}"));
        }
    }

    fn reported(
        &mut self,
        now: Time,
        run: &RunId,
        finished: u32,
        report: &RoundReport,
        round: &RoundBook,
    ) {
        let rows: u64 = round
            .folded
            .keys()
            .map(|&shard| crate::world::rows_of(shard))
            .sum();
        let omitted: BTreeSet<&str> = report.omitted.iter().map(|o| o.shard.as_str()).collect();
        let honest = report.round == finished + 1
            && report.counted as usize == round.folded.len()
            && report.rows == rows
            && omitted.len() + round.folded.len() == report.asked as usize
            && round
                .folded
                .keys()
                .all(|s| !omitted.contains(crate::world::name_of(*s).as_str()))
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
