//! Server steps: what the coordinator makes of the mean update.
//!
//! A step works value by value, so a large model passes through it piece by piece. What it remembers from round to
//! round is a few tensors of the model's layout, kept with the parameters. Written for means in double precision.

mod adaptive;
mod control;
mod dynamic;
mod momentum;

pub use adaptive::{Adaptive, Second};
pub use control::Control;
pub use dynamic::Dynamic;
pub use momentum::Momentum;

/// How the mean update becomes a step of the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ServerStep {
    /// The mean times a rate, with momentum if there is any: FedAvg, FedAvgM.
    Momentum(Momentum),
    /// A length of its own for every parameter: FedAdagrad, FedAdam, FedYogi.
    Adaptive(Adaptive),
    /// FedDyn.
    Dynamic(Dynamic),
    /// SCAFFOLD.
    Control(Control),
}

/// What a step is made of, some values of it.
#[derive(Debug)]
pub struct Round<'a> {
    /// Means of the updates.
    pub mean: &'a [f64],
    /// Means of the slopes that the shards saw ([`Control`] needs them); else empty.
    pub slope: &'a [f64],
    /// Which share of all shards counted.
    pub share: f64,
}

impl ServerStep {
    /// Names of the tensors that are remembered; each begins with the value of [`ServerStep::first`].
    pub fn state(&self) -> &'static [&'static str] {
        match self {
            ServerStep::Momentum(step) => step.state(),
            ServerStep::Adaptive(_) => Adaptive::STATE,
            ServerStep::Dynamic(_) => Dynamic::STATE,
            ServerStep::Control(_) => Control::STATE,
        }
    }

    /// What the values of a remembered tensor are before the first round.
    pub fn first(&self, name: &str) -> f64 {
        match self {
            ServerStep::Adaptive(step) => step.first(name),
            _ => 0.0,
        }
    }

    /// The same with so many times its rate. FedDyn's step has none, and stays.
    #[must_use]
    pub fn times(self, share: f64) -> ServerStep {
        match self {
            ServerStep::Momentum(by) => ServerStep::Momentum(Momentum {
                rate: by.rate * share,
                ..by
            }),
            ServerStep::Adaptive(by) => ServerStep::Adaptive(Adaptive {
                rate: by.rate * share,
                ..by
            }),
            ServerStep::Control(by) => ServerStep::Control(Control {
                rate: by.rate * share,
            }),
            ServerStep::Dynamic(_) => self,
        }
    }

    /// Writes to `step` what is to be added to the parameters, and replaces what is remembered.
    ///
    /// # Panics
    /// When lengths differ, or there are other tensors than [`ServerStep::state`] says.
    pub fn step(&self, round: &Round, state: &mut [Vec<f64>], step: &mut [f64]) {
        assert_eq!(state.len(), self.state().len(), "tensors remembered");
        assert_eq!(step.len(), round.mean.len(), "length of the step");
        match self {
            ServerStep::Momentum(by) => by.step(round, state, step),
            ServerStep::Adaptive(by) => by.step(round, state, step),
            ServerStep::Dynamic(by) => by.step(round, state, step),
            ServerStep::Control(by) => by.step(round, state, step),
        }
    }
}
