//! The step of a round: from parameters and a mean update to new parameters, piece by piece.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use crossbeam_channel::bounded;

use super::current::{Current, Encoder};
use super::memories::Memories;
use super::singles::Singles;
use super::values::{from_single, in_single, moved, narrow, single, widened};
use crate::app::held::{Collector, Held, PIECE};
use crate::fed::Plan;
use crate::fed::aggregate::{ExactSum, Robust};
use crate::fed::asynchrony::Asynchrony;
use crate::fed::optimize::{Momentum, Round, ServerStep};
use crate::ml::cores::cores;

/// What came of a round.
pub enum Gathered {
    Sum(ExactSum),
    Singles(Singles),
}

/// What a step is made of.
pub struct Step<'a> {
    pub plan: &'a Plan,
    /// Who trained from what, if rounds are asynchronous.
    pub course: Option<&'a Asynchrony>,
    pub old: &'a Current,
    pub round: u32,
    /// Shards of the run.
    pub shards: usize,
}

/// What a step makes.
pub struct New {
    pub current: Current,
    /// Shards that the rule does not trust.
    pub suspects: Vec<u32>,
}

/// How the updates become one, worked out once for all pieces.
struct Mix<'a> {
    gathered: &'a Gathered,
    /// What a robust rule makes of them, if there is one.
    robust: Option<Vec<f32>>,
    /// Shards that it does not trust.
    suspects: Vec<u32>,
    /// Of single updates: what each is multiplied by for their mean, and for that of the slopes if that is needed.
    shares: Vec<f64>,
    slopes: Vec<f64>,
}

/// A piece of what a step makes.
struct Made {
    parameters: Bytes,
    server: Vec<Bytes>,
}

impl Step<'_> {
    /// Makes it.
    pub fn make(&self, gathered: &Gathered) -> Result<New, String> {
        let old = self.old;
        let mix = &self.mix(gathered)?;
        let mut encoder = Encoder::new(Arc::clone(&old.layout), self.round)?;
        let state = self.plan.strategy.server.state();
        let collectors = state.iter().map(|_| Collector::new(old.bytes.len()));
        let mut server = collectors
            .collect::<io::Result<Vec<Collector>>>()
            .map_err(unkept)?;
        let mut push = |made: Made| -> Result<(), String> {
            for (collector, piece) in server.iter_mut().zip(made.server) {
                collector.push(piece).map_err(unkept)?;
            }
            encoder.push(made.parameters)
        };
        if old.bytes.pieces() == 1 {
            push(self.piece(mix, 0)?)?;
        } else {
            // The digest takes as long as the step, so another thread makes the steps.
            thread::scope(|scope| {
                let (done, pieces) = bounded(4);
                let make = move |number| done.send(self.piece(mix, number)).is_ok();
                scope.spawn(move || (0..old.bytes.pieces()).all(make));
                pieces.iter().try_for_each(|piece| push(piece?))
            })?;
        }
        let mut server: Vec<Held> = server.into_iter().map(Collector::finish).collect();
        if self.plan.begins_from_last() {
            let robust = mix.robust.as_deref().unwrap_or_default();
            server.push(from_single(old.layout.dtype(), robust).into());
        }
        let memories = self.memories(gathered).map_err(unkept)?;
        let current = encoder.finish()?.with_state(server, memories);
        Ok(New {
            current,
            suspects: mix.suspects.clone(),
        })
    }

    fn mix<'a>(&self, gathered: &'a Gathered) -> Result<Mix<'a>, String> {
        let mut mix = Mix {
            gathered,
            robust: None,
            suspects: Vec::new(),
            shares: Vec::new(),
            slopes: Vec::new(),
        };
        let Gathered::Singles(singles) = gathered else {
            return Ok(mix);
        };
        if let Some(rule) = &self.plan.aggregator {
            let (mean, suspects) = self.apply(rule, singles)?;
            (mix.robust, mix.suspects) = (Some(mean), suspects);
            return Ok(mix);
        }
        mix.shares = singles.shares(self.plan, self.course, self.round);
        if let ServerStep::Control(_) = self.plan.strategy.server {
            mix.slopes = singles.slopes(self.plan, self.round);
        }
        Ok(mix)
    }

    /// What a robust rule makes of the updates, and which shards it does not trust.
    fn apply(&self, rule: &Robust, singles: &Singles) -> Result<(Vec<f32>, Vec<u32>), String> {
        let dtype = self.old.layout.dtype();
        let whole = |bytes: &Held| Ok(single(dtype, bytes.whole()?));
        let wholes = singles.iter().map(|(_, single)| whole(&single.update));
        let wholes = wholes.collect::<io::Result<Vec<Bytes>>>().map_err(unkept)?;
        let updates: Vec<&[u8]> = wholes.iter().map(|bytes| &**bytes).collect();
        let mut mean = vec![0.0; self.old.layout.elements()];
        let centre = self.centre().map_err(unkept)?;
        let verdict = rule.aggregate(&updates, centre.as_deref(), &mut mean, cores());
        let verdict = verdict.map_err(|reason| format!("round {}: {reason}", self.round))?;
        let mut suspects: BTreeSet<usize> = verdict.suspects().into_iter().collect();
        suspects.extend(verdict.left_out);
        let shards = singles.iter().enumerate();
        let suspects = shards.filter(|(place, _)| suspects.contains(place));
        let suspects = suspects.map(|(_, (shard, _))| shard).collect();
        Ok((mean, suspects))
    }

    /// What the rule made of the round before, if it begins from there.
    fn centre(&self) -> io::Result<Option<Vec<f32>>> {
        let last = self.old.server.get(self.plan.strategy.server.state().len());
        let Some(last) = last.filter(|_| self.plan.begins_from_last()) else {
            return Ok(None);
        };
        Ok(Some(in_single(self.old.layout.dtype(), &last.whole()?)))
    }

    fn piece(&self, mix: &Mix, number: usize) -> Result<Made, String> {
        let old = self
            .old
            .bytes
            .piece(number)
            .map_err(|error| error.to_string())?;
        let dtype = self.old.layout.dtype();
        let first = number * PIECE / dtype.size();
        let mut mean = vec![0.0; old.len() / dtype.size()];
        let mut slope = Vec::new();
        match (mix.gathered, &mix.robust) {
            (_, Some(robust)) => {
                let pairs = mean.iter_mut().zip(&robust[first..]);
                pairs.for_each(|(mean, robust)| *mean = f64::from(*robust));
            }
            (Gathered::Sum(sum), None) => sum.mean_into(first, &mut mean),
            (Gathered::Singles(singles), None) => {
                singles
                    .combine(&mix.shares, dtype, number, &mut mean)
                    .map_err(unkept)?;
                if !mix.slopes.is_empty() {
                    slope.resize(mean.len(), 0.0);
                    singles
                        .combine(&mix.slopes, dtype, number, &mut slope)
                        .map_err(unkept)?;
                }
            }
        }
        let mut state = self.state(number, mean.len()).map_err(unkept)?;
        let step = self.step(mix.gathered, mean, &slope, &mut state);
        let server: Option<Vec<Bytes>> = state.iter().map(|s| narrow(dtype, s)).collect();
        let made = moved(dtype, &old, &step).zip(server);
        let (parameters, server) = made.ok_or_else(|| {
            format!(
                "round {} diverged: a parameter among those from {first} on is no longer finite; \
                 a smaller learning rate may help",
                self.round
            )
        })?;
        Ok(Made { parameters, server })
    }

    /// Length of a local step of the round.
    fn length(&self) -> f64 {
        self.plan.learning_rate(self.round)
    }

    /// What is added to the parameters.
    fn step(
        &self,
        gathered: &Gathered,
        mean: Vec<f64>,
        slope: &[f64],
        state: &mut [Vec<f64>],
    ) -> Vec<f64> {
        let server = self.plan.strategy.server_in(self.round, self.plan.rounds);
        if let ServerStep::Momentum(Momentum {
            rate: 1.0,
            beta: 0.0,
        }) = server
        {
            return mean;
        }
        let counted = match gathered {
            Gathered::Sum(_) => self.shards,
            Gathered::Singles(singles) => singles.len(),
        };
        let round = Round {
            mean: &mean,
            slope,
            share: counted as f64 / self.shards.max(1) as f64,
        };
        let mut step = vec![0.0; mean.len()];
        server.step(&round, state, &mut step);
        step
    }

    /// What the server remembers, as it was before the round.
    fn state(&self, number: usize, values: usize) -> io::Result<Vec<Vec<f64>>> {
        let dtype = self.old.layout.dtype();
        let server = self.plan.strategy.server;
        let names = server.state().iter().enumerate();
        names
            .map(|(index, name)| match self.old.server.get(index) {
                Some(held) => widened(dtype, held, number),
                None => Ok(vec![server.first(name); values]),
            })
            .collect()
    }

    /// What is remembered of every shard after the round.
    fn memories(&self, gathered: &Gathered) -> io::Result<Memories> {
        let mut memories = self.old.memories.clone();
        let (Some(memory), Gathered::Singles(singles)) = (self.plan.strategy.memory, gathered)
        else {
            return Ok(memories);
        };
        let dtype = self.old.layout.dtype();
        for (shard, single) in singles.iter() {
            let length = self.plan.gathered(self.round, single.steps) * self.length();
            let mut next = Collector::new(self.old.bytes.len())?;
            for number in 0..self.old.bytes.pieces() {
                let update = widened(dtype, &single.update, number)?;
                let own = memories.piece(shard, dtype, number, update.len())?;
                let server = self.old.server_piece(number, update.len())?;
                let beside = own.iter().zip(&server).zip(&update);
                let values: Vec<f64> = beside
                    .map(|((own, server), update)| memory.next(*server, *own, *update, length))
                    .collect();
                next.push(narrow(dtype, &values).ok_or_else(no_longer_finite)?)?;
            }
            memories.set(shard, self.round, next.finish());
        }
        Ok(memories)
    }
}

fn no_longer_finite() -> io::Error {
    io::Error::other(
        "what is remembered of a shard is no longer finite; a smaller learning rate may help",
    )
}

fn unkept(error: io::Error) -> String {
    format!("what the round brought cannot be worked with: {error}")
}
