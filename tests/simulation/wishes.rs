//! What clients want: runs, the end of one, or one to go on; and what they are told.

use std::collections::BTreeMap;

use roundtable::fed::strategy::{STRATEGIES, Strategy};
use roundtable::fed::{DataPlan, Ending, Entry, Evaluation, Event, Plan, RunEvent, RunId};
use roundtable::ml::training::Training;
use roundtable::seed::{Seed, Stream};

use crate::arithmetic::{VALUES, digest, reference_step};
use crate::faults::HEAL_MICROS;
use crate::nodes::SimNode;
use crate::telling::is_deserted;
use crate::world::{Happening, World};

/// Rounds of the longest run.
const MOST_ROUNDS: u64 = 6;

pub fn rows_of(shard: u32) -> u64 {
    10 + u64::from(shard) * 7
}

pub fn name_of(shard: u32) -> String {
    format!("shard-{shard}")
}

/// A run that a client asked for, and what it knows of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub plan: Plan,
    pub evaluation: Evaluation,
    pub private: bool,
    pub shards: u32,
    pub uniform: bool,
    /// Whether the client was told that it is accepted.
    started: bool,
    /// The round after which it went on in this life of the coordinator.
    pub restored: u32,
    /// Whether every shard counted in every round that was told.
    whole: bool,
    /// Digests of the models of a run that nothing disturbed, round for round.
    calm: Vec<[u8; 32]>,
    pub ended: Option<Ending>,
}

impl Wanted {
    fn draw(stream: &mut Stream) -> Wanted {
        let uniform = stream.chance(0.3);
        let many = stream.chance(0.1);
        let shards = 1 + stream.below(if many { 120 } else { 8 }) as u32;
        let few = stream.chance(0.3);
        let given = stream.chance(0.5);
        let seed = stream.bits();
        let strategy = strategy(uniform, seed, shards);
        let plan = Plan {
            model: "simulated".to_owned(),
            data: DataPlan {
                spec: "simulated:".to_owned(),
                partition: None,
                shards: Some(shards),
                held_out: 0.0,
                standardise: roundtable::fed::Standardise::No,
            },
            rounds: 1 + stream.below(MOST_ROUNDS) as u32,
            training: Training::new(1, 0, 0.1, "cross-entropy", None).expect("in range"),
            schedule: roundtable::fed::schedule::Schedule::default(),
            strategy,
            seed: Seed(seed),
            cohort: few
                .then(|| 1 + stream.below(4) as u32)
                .filter(|_| strategy.buffered.is_none()),
            quorum: given.then(|| 0.2 + 0.8 * stream.uniform()),
            codec: "raw".to_owned(),
            aggregator: None,
            assault: None,
            stragglers: None,
            largest_update: 16.0,
        };
        let kinds = [
            Evaluation::Central,
            Evaluation::Nodes,
            Evaluation::Nodes,
            Evaluation::Nowhere,
        ];
        let sampled = plan.cohort.is_some_and(|cohort| cohort < shards);
        Wanted {
            calm: undisturbed(&plan, shards),
            plan,
            evaluation: kinds[stream.below(4) as usize],
            private: stream.chance(0.2),
            shards,
            uniform,
            started: false,
            restored: 0,
            whole: !sampled,
            ended: None,
        }
    }

    /// What the disk kept counts as told: a client may read it. Where the record of a round was damaged, nobody knows
    /// whether all of its shards counted.
    pub fn restore<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) {
        self.started = true;
        let mut next = 1;
        for entry in entries {
            if let RunEvent::Round(report) = &entry.event {
                self.whole &= report.counted == report.asked && report.round <= next;
                next = report.round + 1;
            }
        }
    }
}

/// Any strategy. What a step makes of the updates is the shell's; which tasks there are, how they go
/// together and what they weigh is the core's, and differs from strategy to strategy.
fn strategy(uniform: bool, seed: u64, shards: u32) -> Strategy {
    if uniform {
        return STRATEGIES.build("fedavg:mean=uniform").expect("known");
    }
    let names = STRATEGIES.names();
    let spec = match names[(seed % names.len() as u64) as usize] {
        // Asynchronous rounds need more shards than are in training.
        "fedbuff" if shards < 2 => "fedavg".to_owned(),
        "fedbuff" => {
            let buffer = 1 + seed / 32 % u64::from(shards / 2);
            let concurrency = 1 + seed / 64 % (u64::from(shards) - buffer);
            let stale = seed / 128 % 4;
            format!("fedbuff:buffer={buffer},concurrency={concurrency},stale={stale}")
        }
        name => name.to_owned(),
    };
    STRATEGIES.build(&spec).expect("known")
}

/// The models of a run in which every shard counts, worked out straight.
fn undisturbed(plan: &Plan, shards: u32) -> Vec<[u8; 32]> {
    let mut models = vec![vec![0.0; VALUES]];
    for round in 1..=plan.rounds {
        let begins = begins(plan, shards, round);
        let each = begins.iter().map(|(&shard, &base)| {
            let weight = plan.strategy.weight(rows_of(shard));
            (shard, weight, models[base as usize].clone())
        });
        let each: Vec<(u32, u64, Vec<f32>)> = each.collect();
        let limit = each.iter().map(|(_, weight, _)| weight).sum();
        let newest = &models[models.len() - 1];
        models.push(reference_step(plan.seed.0, round, newest, &each, limit));
    }
    models[1..].iter().map(|model| digest(model)).collect()
}

/// Shards whose updates may make a round, of all that there are, and the round after which each begins to train.
pub fn begins(plan: &Plan, shards: u32, round: u32) -> BTreeMap<u32, u32> {
    match plan.course(shards as usize) {
        Some(mut course) => {
            course.go_to(round);
            course.arrivals().clone()
        }
        None => (0..shards).map(|shard| (shard, round - 1)).collect(),
    }
}

impl World {
    /// A client wants something: a run, the end of one, or one to go on.
    pub fn wish(&mut self) {
        self.wishes += 1;
        if self.wishes < 6 && self.now.0 < HEAL_MICROS {
            self.later(4_000_000, Happening::Wish);
        }
        if !self.up || self.halting {
            return;
        }
        let started = self.runs.iter().filter(|(_, run)| run.started);
        let known: Vec<RunId> = started.map(|(id, _)| id.clone()).collect();
        if !known.is_empty() && self.stream.chance(0.15) {
            let which = self.stream.below(known.len() as u64) as usize;
            return self.tell(Event::Cancelled(known[which].clone()));
        }
        let stopped = |run: &Wanted| matches!(run.ended, Some(Ending::Stopped(_)));
        let resumable = self.runs.iter().find(|(_, run)| stopped(run));
        if let Some(id) = resumable.map(|(id, _)| id.clone()) {
            self.meet("resumed");
            if !self.materials.holds(&id) {
                self.meet("resumed after a restart");
            }
            if let Some(run) = self.runs.get_mut(&id) {
                run.ended = None;
            }
            return self.tell(Event::Resumed(id));
        }
        self.submit();
    }

    /// A run is recorded before it is taken in.
    fn submit(&mut self) {
        if self.disk_fails() {
            return self.meet("refused by the disk");
        }
        let id = RunId(format!("run-{}", self.runs.len()));
        let wanted = Wanted::draw(&mut self.stream);
        if wanted.uniform {
            self.meet("uniform mean");
        }
        let plan = wanted.plan.clone();
        self.checker.expect_run(&id, &plan, wanted.shards);
        self.disk.accept(&id, &plan, self.now.0);
        self.runs.insert(id.clone(), wanted);
        let delay = 1 + self.stream.below(5_000);
        self.report(delay, Event::Submitted(id, plan));
    }

    pub fn told(&mut self, run: &RunId, entry: &Entry) {
        let folder = self.disk.folder(run);
        let durable = folder.and_then(|folder| folder.durable.get(&entry.number));
        let parameters = match &entry.event {
            RunEvent::Round(report) => folder.is_some_and(|folder| folder.keeps(report.round)),
            _ => true,
        };
        self.checker
            .published(self.now, run, entry, durable, parameters);
        match &entry.event {
            RunEvent::Round(report) => {
                let partial = report.counted < report.asked;
                if partial {
                    self.meet("partial round");
                }
                if report.audited > 0 {
                    self.meet("audited");
                }
                let fooled = self.lies.may_fool(run);
                self.violations.extend(self.lies.settle(run, report.round));
                let Some(wanted) = self.runs.get_mut(run) else {
                    return;
                };
                wanted.whole &= !partial;
                let calm = wanted.calm.get(report.round as usize - 1);
                if wanted.whole && !fooled && calm != Some(&report.digest) {
                    let text = format!("{run}: another model than undisturbed: {report:?}");
                    self.violations.push(text);
                }
            }
            RunEvent::Hosted(_) => {}
            RunEvent::Notice(text) => self.noticed(run, text),
            RunEvent::Ended(ending) => self.ended(run, ending.clone()),
            RunEvent::Started => {
                if let Some(wanted) = self.runs.get_mut(run) {
                    wanted.started = true;
                }
            }
        }
    }

    fn noticed(&mut self, run: &RunId, text: &str) {
        match self.lies.heard(run, text) {
            Ok(situation) => situation.into_iter().for_each(|found| self.meet(found)),
            Err(wrong) => self.violations.push(wrong),
        }
        for (words, situation) in [
            ("below quorum", "below quorum"),
            ("no answer within", "attempt limit"),
            ("recorded again", "recorded again"),
        ] {
            if text.contains(words) {
                self.meet(situation);
            }
        }
    }

    fn ended(&mut self, run: &RunId, ending: Ending) {
        self.meet(match ending {
            Ending::Succeeded(_) => "succeeded run",
            Ending::Failed(_) => "failed run",
            Ending::Cancelled => "cancelled",
            Ending::Stopped(_) => "stopped run",
        });
        self.materials.out.retain(|_, (owner, _)| owner != run);
        // The attempts that failed lie some seconds back.
        let calm = self.calm_for() > 45_000_000;
        let barred = |address: &str| {
            let mut known = self.federation.cluster().roster().iter();
            known.any(|(_, known)| known.address == address && known.barred.is_some())
        };
        let reachable = |node: &SimNode| {
            let in_place = node.listed && !node.leaving && !barred(&node.address);
            node.hears() && !node.mute && in_place
        };
        if is_deserted(&ending) && calm && self.nodes.iter().any(reachable) {
            self.violations
                .push(format!("{run} is stopped though nodes can be reached"));
        }
        let Some(wanted) = self.runs.get_mut(run) else {
            return;
        };
        if let Ending::Succeeded(report) = &ending
            && wanted.whole
        {
            let equal = wanted.calm.last() == Some(&report.digest);
            let another_life = wanted.restored > 0;
            if !equal && self.lies.may_fool(run) {
                // A lie that nobody could compare.
            } else if !equal {
                let text = format!("{run}: ended with another model than undisturbed");
                self.violations.push(text);
            } else if another_life {
                *self
                    .met
                    .entry("undisturbed equal after a restart")
                    .or_default() += 1;
            } else {
                *self.met.entry("undisturbed equal").or_default() += 1;
            }
        }
        wanted.ended = Some(ending);
    }
}
