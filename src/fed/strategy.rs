//! Strategies: how the updates of a round become one step. Each is a row of parts.

mod options;
mod rows;

use std::fmt;

use super::asynchrony::Buffered;
use super::optimize::{Second, ServerStep};
use super::schedule::Schedule;
use super::shard_memory::Memory;

use rows::FEDAVGM;
pub use rows::STRATEGIES;

/// How much the update of a shard weighs in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// As many times as it has rows.
    Weighted,
    /// Once.
    Uniform,
}

/// A strategy: a value made of parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strategy {
    /// Its row.
    name: &'static str,
    /// How updates are averaged.
    pub mean: Mean,
    /// Whether updates are divided by the steps they were made of ([`normalise`](super::normalise)).
    pub normalised: bool,
    /// How the mean becomes a step.
    pub server: ServerStep,
    /// How the rate of that step goes from round to round.
    pub schedule: Schedule,
    /// What is remembered of each shard, and corrects its gradients.
    pub memory: Option<Memory>,
    /// Strength of the proximal term that nodes train with, above that of the plan.
    pub proximal: Option<f64>,
    /// Whether updates come from older parameters too.
    pub buffered: Option<Buffered>,
    /// Whether every shard makes one step over all of its rows.
    pub one_step: bool,
}

impl Strategy {
    /// Weight of the update of a shard with so many rows.
    pub fn weight(&self, rows: u64) -> u64 {
        match self.mean {
            Mean::Weighted => rows,
            Mean::Uniform => 1,
        }
    }

    /// How the mean becomes a step in a round, from 1, of so many.
    pub fn server_in(&self, round: u32, rounds: u32) -> ServerStep {
        self.server.times(self.schedule.share(round, rounds))
    }

    /// Whether the single updates are needed, not only their sum.
    pub fn needs_singles(&self) -> bool {
        self.normalised || self.memory.is_some() || self.buffered.is_some()
    }

    /// Whether it counts the local steps of every shard.
    pub fn counts_steps(&self) -> bool {
        self.normalised || self.memory == Some(Memory::Control)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// The spec that builds it.
impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (position, (key, value)) in self.options().iter().enumerate() {
            let mark = if position == 0 { ':' } else { ',' };
            write!(f, "{mark}{key}={value}")?;
        }
        Ok(())
    }
}

impl Strategy {
    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        let mut add = |key, value: &dyn fmt::Display| options.push((key, value.to_string()));
        match (self.buffered, self.mean) {
            (Some(by), _) => {
                add("buffer", &by.buffer);
                add("concurrency", &by.concurrency);
                add("stale", &by.most_stale);
                add("exponent", &by.exponent);
            }
            (None, Mean::Weighted) => add("mean", &"weighted"),
            (None, Mean::Uniform) => add("mean", &"uniform"),
        }
        match self.server {
            ServerStep::Momentum(by) => {
                add("rate", &by.rate);
                // Where the row has a momentum, 0 is not what it has by itself.
                if by.beta > 0.0 || self.name == FEDAVGM {
                    add("momentum", &by.beta);
                }
                if let Some(mu) = self.proximal {
                    add("mu", &mu);
                }
            }
            ServerStep::Adaptive(by) => {
                add("rate", &by.rate);
                add("beta1", &by.beta1);
                if by.second != Second::Adagrad {
                    add("beta2", &by.beta2);
                }
                add("tau", &by.tau);
            }
            ServerStep::Dynamic(by) => add("alpha", &by.alpha),
            ServerStep::Control(by) => add("rate", &by.rate),
        }
        if !self.schedule.is_constant() {
            add("schedule", &self.schedule.to_string().replace(',', "+"));
        }
        options
    }
}
