//! What the coordinator's shell holds in memory: models, sums, what answers brought. All of it is gone after a crash.

use std::collections::{BTreeMap, BTreeSet};

use roundtable::cluster::AttemptId;
use roundtable::fed::aggregate::ExactSum;
use roundtable::fed::{
    Answer, Command, Entry, Event, Prepared, RunEvent, RunId, Shard, Trained, Work,
};
use roundtable::ml::metrics::Metrics;

use crate::arithmetic::{VALUES, add, digest, empty_sum, reference_step, step, update};
use crate::nodes::Question;
use crate::wishes::{Wanted, begins, name_of, rows_of};
use crate::world::World;

/// The model of a run, and the sum of its round.
#[derive(Clone, Debug)]
struct Bench {
    model: Vec<f32>,
    /// The round it is of.
    round: u32,
    /// Those of all rounds before, as far as they may be needed.
    older: BTreeMap<u32, Vec<f32>>,
    sum: Option<(u32, u64, ExactSum)>,
}

/// See the module.
#[derive(Default)]
pub struct Materials {
    benches: BTreeMap<RunId, Bench>,
    /// What answers brought: weight and update of each shard.
    parcels: BTreeMap<AttemptId, Vec<(u64, Vec<f32>)>>,
    /// Parameters each attempt was sent with.
    sent: BTreeMap<AttemptId, Vec<f32>>,
    speculative: BTreeSet<AttemptId>,
    pub out: BTreeMap<AttemptId, (RunId, Work)>,
}

impl Materials {
    /// Whether a run was prepared in this life.
    pub fn holds(&self, run: &RunId) -> bool {
        self.benches.contains_key(run)
    }
}

impl World {
    /// What comes with an answer is there before the core hears of it.
    pub fn open_parcel(&mut self, event: &Event) {
        match event {
            Event::Answered(attempt, answer) => {
                if !self.materials.out.contains_key(attempt) {
                    self.meet("duplicate answer");
                }
                if self.materials.speculative.contains(attempt)
                    && self.materials.out.contains_key(attempt)
                {
                    self.meet("second attempt won");
                }
                let Some((id, Work::Train { round, shards })) =
                    self.materials.out.get(attempt).cloned()
                else {
                    self.materials
                        .parcels
                        .insert(*attempt, vec![(1, vec![9.0; VALUES])]);
                    return;
                };
                let start = self
                    .materials
                    .sent
                    .get(attempt)
                    .cloned()
                    .unwrap_or_default();
                let run = self.runs.get(&id);
                let (seed, uniform) = run.map_or((0, false), |run| (run.plan.seed.0, run.uniform));
                let bring = |&shard: &u32| {
                    let weight = if uniform { 1 } else { rows_of(shard) };
                    (weight, update(seed, round, shard, &start))
                };
                let mut brought: Vec<(u64, Vec<f32>)> = shards.iter().map(bring).collect();
                if self.lies.spoil(answer, &mut brought) {
                    self.meet("lie told");
                }
                self.materials.parcels.insert(*attempt, brought);
                if shards.len() > 1 {
                    self.meet("many shards in one task");
                }
                let wrong = |(trained, shard): (&Trained, &u32)| {
                    !trained.loss.is_finite() || trained.rows > rows_of(*shard)
                };
                if let Answer::Update(trained, _) = answer
                    && trained.iter().zip(shards.iter()).any(wrong)
                {
                    self.meet("invalid update");
                }
            }
            Event::Greeted(_, _, Ok(_)) => self.meet("greeted"),
            Event::Failed(_, failure) if failure.reason.contains("acceptable") => {
                self.meet("invalid update");
            }
            _ => {}
        }
    }

    pub fn carry_out(&mut self, command: Command) {
        match command {
            Command::Greet(node, beat) => self.send(node, Question::Greet(node, beat)),
            Command::Beat(node, beat) => self.send(node, Question::Beat(node, beat)),
            Command::Dispatch {
                attempt,
                node,
                run,
                work,
                may_refuse,
                ..
            } => {
                if self
                    .materials
                    .out
                    .values()
                    .any(|(r, w)| *r == run && *w == work)
                {
                    self.materials.speculative.insert(attempt);
                }
                self.materials
                    .out
                    .insert(attempt, (run.clone(), work.clone()));
                if self.runs.get(&run).is_some_and(|wanted| wanted.private) {
                    self.meet("private shard");
                }
                if let Work::Train { round, shards } = &work
                    && let Some(start) = self.start_of(&run, *round, shards[0])
                {
                    self.materials.sent.insert(attempt, start);
                }
                self.send(node, Question::Task(attempt, work, run, may_refuse));
            }
            Command::Cancel(attempt, _) => {
                self.materials.out.remove(&attempt);
            }
            Command::Discard(attempt) => {
                self.materials.parcels.remove(&attempt);
            }
            Command::Prepare(run) => self.prepare(&run),
            Command::Open {
                run,
                round,
                weight_limit,
            } => {
                if let Some(bench) = self.materials.benches.get_mut(&run) {
                    if bench.round >= round
                        && let Some(before) = bench.older.remove(&(round - 1))
                    {
                        bench.older.retain(|older, _| *older < round);
                        bench.model = before;
                        bench.round = round - 1;
                        *self.met.entry("step undone").or_default() += 1;
                    }
                    if bench.round + 1 != round {
                        let text = format!("{run} opens round {round} after {}", bench.round);
                        self.violations.push(text);
                    }
                    bench.sum = Some((round, weight_limit, empty_sum(weight_limit)));
                }
            }
            Command::Fold {
                run,
                round,
                attempt,
                weight,
                ..
            } => self.fold(&run, round, attempt, weight),
            Command::Step { run, round, .. } => self.step(&run, round),
            Command::Evaluate(run, round) => {
                let metrics = Metrics {
                    rows: 10,
                    correct: Some(5),
                    loss: 0.5,
                    detail: None,
                };
                self.report_soon(2_000, Event::Evaluated(run, round, Ok(metrics)));
            }
            Command::Publish(run, entry) => self.told(&run, &entry),
            Command::Record(run, entry) => self.record(&run, entry),
            Command::Adopt(..) | Command::Part(_) | Command::Release(_) | Command::Forget(_) => {}
        }
    }

    fn prepare(&mut self, run: &RunId) {
        let Some(sim) = self.runs.get(run) else {
            return;
        };
        let shard = |shard: u32| Shard {
            name: name_of(shard),
            rows: rows_of(shard),
            private: sim.private,
        };
        let prepared = Prepared {
            shards: (0..sim.shards).map(shard).collect(),
            model: "simulated".to_owned(),
            evaluation: sim.evaluation,
            parameters: true,
        };
        self.lay_out(run);
        self.report_soon(5_000, Event::Prepared(run.clone(), Ok(prepared)));
    }

    fn fold(&mut self, run: &RunId, round: u32, attempt: AttemptId, weight: u64) {
        self.materials.out.remove(&attempt);
        let parcel = self.materials.parcels.remove(&attempt);
        let sum = self
            .materials
            .benches
            .get_mut(run)
            .and_then(|bench| bench.sum.as_mut());
        match (parcel, sum) {
            (Some(brought), Some((open, limit, sum))) if *open == round => {
                if let Err(error) = add(sum, *limit, &brought, weight) {
                    self.violations.push(error.to_string());
                }
            }
            _ => self
                .violations
                .push(format!("nothing to fold for attempt {}", attempt.0)),
        }
    }

    /// Makes the step, and holds the new model against the one worked out straight.
    fn step(&mut self, run: &RunId, round: u32) {
        let counted = self.checker.counted(run, round).into_iter();
        let mut start = |shard| self.start_of(run, round, shard).unwrap_or_default();
        let counted: Vec<_> = counted.map(|(s, weight)| (s, weight, start(s))).collect();
        let newest = |(.., from): &(u32, u64, Vec<f32>)| {
            let bench = self.materials.benches.get(run);
            bench.is_some_and(|bench| bench.model == *from)
        };
        if !counted.iter().all(newest) {
            self.meet("older parameters");
        }
        let plan = self.runs.get(run).map(|wanted| &wanted.plan);
        let (seed, looks_back) = plan.map_or((0, 0), |plan| (plan.seed.0, plan.looks_back()));
        let Some(bench) = self.materials.benches.get_mut(run) else {
            return;
        };
        let Some((_, limit, sum)) = bench.sum.take() else {
            return self.violations.push(format!("{run} steps without a sum"));
        };
        let stepped = step(&bench.model, &sum);
        let expected = reference_step(seed, round, &bench.model, &counted, limit);
        if stepped != expected {
            let text = format!("{run} round {round}: {stepped:?}, worked out {expected:?}");
            if !self.lies.suspect(run, round, &text) {
                self.violations.push(text);
            }
        }
        let before = std::mem::replace(&mut bench.model, stepped);
        bench.older.insert(bench.round, before);
        bench
            .older
            .retain(|older, _| older + looks_back >= bench.round);
        bench.round = round;
        let digest = digest(&bench.model);
        self.report_soon(2_000, Event::Stepped(run.clone(), round, Ok(digest.into())));
    }

    /// The parameters from which a shard trains in a round.
    fn start_of(&mut self, run: &RunId, round: u32, shard: u32) -> Option<Vec<f32>> {
        let (wanted, bench) = (self.runs.get(run)?, self.materials.benches.get(run)?);
        let base = begins(&wanted.plan, wanted.shards, round)
            .get(&shard)
            .copied();
        let found = match base {
            Some(base) if base == bench.round => Some(&bench.model),
            Some(base) => bench.older.get(&base),
            None => None,
        };
        if found.is_none() {
            let text =
                format!("{run}: shard {shard} has nothing to begin round {round} from: {base:?}");
            self.violations.push(text);
        }
        found.cloned()
    }

    fn report_soon(&mut self, mean: u64, event: Event) {
        let delay = 1 + self.stream.below(mean * 2);
        self.report(delay, event);
    }

    /// First parameters, or those that the disk kept of a former life.
    fn lay_out(&mut self, run: &RunId) {
        if let Some(bench) = self.materials.benches.get_mut(run) {
            bench.sum = None;
            return; // it was stopped, and goes on in the same life
        }
        let started = |at: &Wanted| at.restored;
        let round = self.runs.get(run).map_or(0, started);
        let model = match self.disk.checkpoint(run, round) {
            Some(model) => model.clone(),
            None if round == 0 => vec![0.0; VALUES],
            None => {
                let text = format!("{run}: no parameters are kept of round {round}");
                return self.violations.push(text);
            }
        };
        let mut older = self.disk.before(run, round);
        if round > 0 {
            // The first ones are made again.
            older.insert(0, vec![0.0; VALUES]);
        }
        let bench = Bench {
            older,
            model,
            round,
            sum: None,
        };
        self.materials.benches.insert(run.clone(), bench);
    }

    /// Gives the disk an entry and, of a round, its parameters if they are at hand.
    fn record(&mut self, run: &RunId, entry: Entry) {
        let model = match (&entry.event, self.materials.benches.get(run)) {
            (RunEvent::Round(report), Some(bench)) if bench.round == report.round => {
                Some((bench.round, bench.model.clone()))
            }
            (RunEvent::Round(report), Some(bench)) => {
                let model = bench.older.get(&report.round);
                model.map(|model| (report.round, model.clone()))
            }
            _ => None,
        };
        self.disk.record(run, entry, model);
    }
}
