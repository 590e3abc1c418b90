//! The step of a round: from parameters and a mean update to new parameters, piece by piece.

use std::io;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use crossbeam_channel::bounded;

use super::current::{Current, Encoder};
use super::memories::Memories;
use super::singles::Singles;
use super::values::{moved, narrow, widened};
use crate::app::held::{Collector, PIECE};
use crate::fed::Plan;
use crate::fed::aggregate::ExactSum;
use crate::fed::optimize::{Momentum, Round, ServerStep};

/// What came of a round.
pub(super) enum Gathered {
    Sum(ExactSum),
    Singles(Singles),
}

/// What a step is made of.
pub(super) struct Step<'a> {
    pub(super) plan: &'a Plan,
    pub(super) old: &'a Current,
    pub(super) round: u32,
    /// Shards of the run.
    pub(super) shards: usize,
}

/// A piece of what a step makes.
struct Made {
    parameters: Bytes,
    server: Vec<Bytes>,
}

impl Step<'_> {
    /// Makes it.
    pub(super) fn make(&self, gathered: &Gathered) -> Result<Current, String> {
        let old = self.old;
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
            push(self.piece(gathered, 0)?)?;
        } else {
            // The digest takes as long as the step, so another thread makes the steps.
            thread::scope(|scope| {
                let (done, pieces) = bounded(4);
                let make = move |number| done.send(self.piece(gathered, number)).is_ok();
                scope.spawn(move || (0..old.bytes.pieces()).all(make));
                pieces.iter().try_for_each(|piece| push(piece?))
            })?;
        }
        let server = server.into_iter().map(Collector::finish).collect();
        let memories = self.memories(gathered).map_err(unkept)?;
        Ok(encoder.finish()?.with_state(server, memories))
    }

    fn piece(&self, gathered: &Gathered, number: usize) -> Result<Made, String> {
        let old = self
            .old
            .bytes
            .piece(number)
            .map_err(|error| error.to_string())?;
        let dtype = self.old.layout.dtype();
        let first = number * PIECE / dtype.size();
        let mut mean = vec![0.0; old.len() / dtype.size()];
        let mut slope = Vec::new();
        match gathered {
            Gathered::Sum(sum) => sum.mean_into(first, &mut mean),
            Gathered::Singles(singles) => {
                let shares = singles.shares(self.plan);
                singles
                    .combine(&shares, dtype, number, &mut mean)
                    .map_err(unkept)?;
                if let ServerStep::Control(_) = self.plan.strategy.server {
                    slope.resize(mean.len(), 0.0);
                    let factors = singles.slopes(self.plan, self.length());
                    singles
                        .combine(&factors, dtype, number, &mut slope)
                        .map_err(unkept)?;
                }
            }
        }
        let mut state = self.state(number, mean.len()).map_err(unkept)?;
        let step = self.step(gathered, mean, &slope, &mut state);
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
        self.plan.training.learning_rate()
    }

    /// What is added to the parameters.
    fn step(
        &self,
        gathered: &Gathered,
        mean: Vec<f64>,
        slope: &[f64],
        state: &mut [Vec<f64>],
    ) -> Vec<f64> {
        let server = self.plan.strategy.server;
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
            let length = self.plan.steps(single.rows) as f64 * self.length();
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
