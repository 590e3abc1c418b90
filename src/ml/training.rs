//! How a model is trained on a shard.

use std::fmt;
use std::sync::Arc;

use super::objective::{OBJECTIVES, Objective};
use super::step_rule::{MAX_PULL, StepRule};
use crate::spec::SpecError;

/// Most passes over a shard.
pub const MAX_EPOCHS: u32 = 1_000_000;
/// Most rows of a step; 0 stands for all rows however many.
pub const MAX_BATCH: u32 = 1 << 30;
/// Longest step.
const MAX_RATE: f64 = 1e6;

/// How a model is trained on a shard: stochastic gradient descent over mini-batches.
#[derive(Clone, Debug)]
pub struct Training {
    epochs: u32,
    batch: u32,
    learning_rate: f64,
    objective: Arc<dyn Objective>,
    objective_spec: String,
    plateau: Option<f64>,
    rule: StepRule,
}

impl PartialEq for Training {
    fn eq(&self, other: &Self) -> bool {
        (self.epochs, self.batch) == (other.epochs, other.batch)
            && self.learning_rate == other.learning_rate
            && self.objective_spec == other.objective_spec
            && self.plateau == other.plateau
            && self.rule == other.rule
    }
}

impl Training {
    /// Checks and keeps: passes over the shard; rows of a step (0: all rows, in their order; else
    /// the rows are shuffled anew each epoch); step length; objective by its spec; and, if wanted,
    /// the change of the summed loss from one epoch to the next at or below which to stop.
    ///
    /// # Errors
    /// When a number is out of range or the objective is unknown.
    pub fn new(
        epochs: u32,
        batch: u32,
        learning_rate: f64,
        objective: &str,
        plateau: Option<f64>,
    ) -> Result<Self, TrainingError> {
        if !(1..=MAX_EPOCHS).contains(&epochs) {
            return Err(TrainingError::Epochs(epochs));
        }
        if batch > MAX_BATCH {
            return Err(TrainingError::Batch(batch));
        }
        if !(learning_rate > 0.0 && learning_rate <= MAX_RATE) {
            return Err(TrainingError::LearningRate(learning_rate));
        }
        if let Some(change) = plateau
            && !(change >= 0.0 && change.is_finite())
        {
            return Err(TrainingError::Plateau(change));
        }
        let objective_spec = objective.to_owned();
        let objective = OBJECTIVES
            .build(objective)
            .map_err(TrainingError::Objective)?;
        Ok(Training {
            epochs,
            batch,
            learning_rate,
            objective,
            objective_spec,
            plateau,
            rule: StepRule::default(),
        })
    }

    /// The same with steps by this rule.
    ///
    /// # Errors
    /// When a number of it is out of range.
    pub fn with_rule(self, rule: StepRule) -> Result<Self, TrainingError> {
        if !(0.0..1.0).contains(&rule.momentum) {
            return Err(TrainingError::Momentum(rule.momentum));
        }
        if !(0.0..=MAX_PULL).contains(&rule.weight_decay) {
            return Err(TrainingError::WeightDecay(rule.weight_decay));
        }
        if !(0.0..=MAX_PULL).contains(&rule.proximal) {
            return Err(TrainingError::Proximal(rule.proximal));
        }
        Ok(Training { rule, ..self })
    }

    /// The same with one step over all rows.
    pub fn one_step(self) -> Training {
        Training {
            epochs: 1,
            batch: 0,
            ..self
        }
    }

    /// What steps take into account besides the gradient.
    pub fn rule(&self) -> &StepRule {
        &self.rule
    }

    /// Passes over the shard.
    pub fn epochs(&self) -> u32 {
        self.epochs
    }

    /// Rows of a step; 0 is all rows.
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// Step length.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The same with another step length, such as that of a round.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn with_learning_rate(self, learning_rate: f64) -> Result<Self, TrainingError> {
        if !(learning_rate > 0.0 && learning_rate <= MAX_RATE) {
            return Err(TrainingError::LearningRate(learning_rate));
        }
        Ok(Training {
            learning_rate,
            ..self
        })
    }

    /// What is made small.
    pub fn objective(&self) -> &dyn Objective {
        &*self.objective
    }

    /// The spec of what is made small.
    pub fn objective_spec(&self) -> &str {
        &self.objective_spec
    }

    /// Change of the summed loss at or below which training stops.
    pub fn plateau(&self) -> Option<f64> {
        self.plateau
    }
}

/// Why a training is impossible.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainingError {
    /// So many epochs are not allowed.
    Epochs(u32),
    /// So many rows a step are not allowed.
    Batch(u32),
    /// This step length is not allowed.
    LearningRate(f64),
    /// This change of the loss is not allowed.
    Plateau(f64),
    /// This momentum is not allowed.
    Momentum(f64),
    /// This decay of weights is not allowed.
    WeightDecay(f64),
    /// This proximal term is not allowed.
    Proximal(f64),
    /// There is no such objective.
    Objective(SpecError),
}

impl TrainingError {
    /// The field that is wrong, as it is named in a request.
    pub fn field(&self) -> &'static str {
        match self {
            TrainingError::Epochs(_) => "epochs",
            TrainingError::Batch(_) => "batch",
            TrainingError::LearningRate(_) => "learning_rate",
            TrainingError::Plateau(_) => "plateau",
            TrainingError::Momentum(_) => "momentum",
            TrainingError::WeightDecay(_) => "weight_decay",
            TrainingError::Proximal(_) => "proximal",
            TrainingError::Objective(_) => "objective",
        }
    }
}

impl fmt::Display for TrainingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainingError::Epochs(epochs) => {
                write!(formatter, "epochs are 1 to {MAX_EPOCHS}, not {epochs}")
            }
            TrainingError::Batch(batch) => write!(
                formatter,
                "a batch has 1 to {MAX_BATCH} rows, or 0 for all, not {batch}"
            ),
            TrainingError::LearningRate(rate) => write!(
                formatter,
                "the learning rate is above 0 and at most 1,000,000, not {rate}"
            ),
            TrainingError::Plateau(change) => {
                write!(
                    formatter,
                    "the plateau is a number of 0 or more, not {change}"
                )
            }
            TrainingError::Momentum(share) => {
                write!(formatter, "the momentum is 0 to below 1, not {share}")
            }
            TrainingError::WeightDecay(pull) => {
                write!(formatter, "the weight decay is 0 to 1,000,000, not {pull}")
            }
            TrainingError::Proximal(pull) => {
                write!(formatter, "the proximal term is 0 to 1,000,000, not {pull}")
            }
            TrainingError::Objective(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for TrainingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_is_refused_by_name() {
        let field = |epochs, batch, rate, objective, plateau| {
            Training::new(epochs, batch, rate, objective, plateau).map_err(|error| error.field())
        };
        let good = "cross-entropy";
        assert!(field(1, 0, 0.1, good, Some(0.0)).is_ok());
        assert_eq!(field(0, 0, 0.1, good, None).unwrap_err(), "epochs");
        assert_eq!(field(u32::MAX, 0, 0.1, good, None).unwrap_err(), "epochs");
        assert_eq!(field(1, u32::MAX, 0.1, good, None).unwrap_err(), "batch");
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(field(1, 0, rate, good, None).unwrap_err(), "learning_rate");
        }
        for plateau in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                field(1, 0, 0.1, good, Some(plateau)).unwrap_err(),
                "plateau"
            );
        }
        assert_eq!(field(1, 0, 0.1, "square", None).unwrap_err(), "objective");
    }

    #[test]
    fn rules_out_of_range_are_refused_by_name() {
        let field = |momentum, weight_decay, proximal| {
            let rule = StepRule {
                momentum,
                weight_decay,
                proximal,
            };
            let plain = Training::new(1, 0, 0.1, "cross-entropy", None).unwrap();
            plain.with_rule(rule).map_err(|error| error.field()).err()
        };
        assert_eq!(field(0.0, 0.0, 0.0), None);
        assert_eq!(field(0.999, 1e6, 1e6), None);
        for bad in [-0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(field(bad, 0.0, 0.0), Some("momentum"));
            assert_eq!(field(0.0, bad, 0.0), Some("weight_decay"));
            assert_eq!(field(0.0, 0.0, bad), Some("proximal"));
        }
        assert_eq!(field(1.0, 0.0, 0.0), Some("momentum"));
    }
}
