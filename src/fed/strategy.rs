//! Strategies: how the updates of a round become one step. Each is a row of parts.

mod rows;

use std::fmt;

use super::optimize::{Second, ServerStep};
use super::shard_memory::Memory;

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
    /// What is remembered of each shard, and corrects its gradients.
    pub memory: Option<Memory>,
    /// Strength of the proximal term that nodes train with, above that of the plan.
    pub proximal: Option<f64>,
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

    /// Whether the single updates are needed, not only their sum.
    pub fn needs_singles(&self) -> bool {
        self.normalised || self.memory.is_some()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// The spec that builds it.
impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = match self.mean {
            Mean::Weighted => "weighted",
            Mean::Uniform => "uniform",
        };
        write!(f, "{}:mean={mean}", self.name)?;
        match self.server {
            ServerStep::Momentum(by) => {
                write!(f, ",rate={}", by.rate)?;
                if by.beta > 0.0 {
                    write!(f, ",momentum={}", by.beta)?;
                }
            }
            ServerStep::Adaptive(by) => {
                write!(f, ",rate={},beta1={},tau={}", by.rate, by.beta1, by.tau)?;
                if by.second != Second::Adagrad {
                    write!(f, ",beta2={}", by.beta2)?;
                }
            }
            ServerStep::Dynamic(by) => write!(f, ",alpha={}", by.alpha)?,
            ServerStep::Control(by) => write!(f, ",rate={}", by.rate)?,
        }
        match (self.proximal, self.server) {
            (Some(mu), ServerStep::Momentum(_)) => write!(f, ",mu={mu}"),
            _ => Ok(()),
        }
    }
}
