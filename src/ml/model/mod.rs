//! Models: what turns features into classes or real values, and how it learns.
//!
//! To add a model, write a file beside this one and add its row to [`MODELS`].

mod activation;
mod cnn;
mod convolution;
mod descent;
mod initial;
mod linear;
mod mlp;
mod mt19937;
mod network;
mod pass;
mod softmax;
mod step;
mod workspace;

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::data::{Dataset, TargetKind};
use super::kernel::Isa;
use super::layout::{DType, Layout};
use super::metrics::{Depth, Metrics};
use super::objective;
use super::parameters::{Parameters, ParametersError};
use super::training::Training;
use crate::seed::{Seed, Stream};
use crate::spec::Table;

/// A model that can be trained, evaluated and asked.
///
/// All methods are functions of their arguments: the same arguments give the same bits.
pub trait Model: Send + Sync {
    /// The same model with kernels for another instruction set. That changes no bit of what it
    /// says, only how fast; models start with the best that the machine has.
    fn with_isa(&self, isa: Isa) -> Arc<dyn Model>;

    /// Names, shapes and element type of the parameters.
    fn layout(&self) -> &Arc<Layout>;

    /// Features of a row.
    fn features(&self) -> usize;

    /// Classes a row may have; 0 for a model that gives a real value.
    fn classes(&self) -> usize;

    /// What it gives of a row.
    fn kind(&self) -> TargetKind {
        TargetKind::of(self.classes())
    }

    /// The first parameters, from the run's seed.
    fn initial(&self, seed: Seed) -> Parameters;

    /// Trains on a shard from `start` on. Its correction, if any, is added to the gradient of every step; what
    /// else a step takes into account is in `how`. `stream` orders the rows of mini-batches; `cancelled` is
    /// asked at least every few hundred rows.
    ///
    /// # Errors
    /// When parameters or data do not fit the model, training diverges, or it is cancelled.
    fn train(
        &self,
        start: Start<'_>,
        data: &Dataset,
        how: &Training,
        stream: Stream,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Trained, ModelError>;

    /// Of classes, mean cross-entropy and number of rows classified correctly, and what else `depth` asks for; of real
    /// values, half the mean squared error, and how large the errors are. Up to so many threads work on it; their
    /// number changes no bit.
    ///
    /// # Errors
    /// When parameters or data do not fit the model.
    fn examine(
        &self,
        parameters: &Parameters,
        data: &Dataset,
        depth: Depth,
        threads: usize,
    ) -> Result<Metrics, ModelError>;

    /// The same on one thread, without what takes longer.
    ///
    /// # Errors
    /// When parameters or data do not fit the model.
    fn evaluate(&self, parameters: &Parameters, data: &Dataset) -> Result<Metrics, ModelError> {
        self.examine(parameters, data, Depth::Plain, 1)
    }

    /// What it says of every row of `features` (rows x features), on up to so many threads.
    ///
    /// # Errors
    /// When parameters or features do not fit the model.
    fn predict(
        &self,
        parameters: &Parameters,
        features: ArrayView2<f32>,
        threads: usize,
    ) -> Result<Predictions, ModelError>;
}

/// What training on a shard begins with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The parameters.
    pub parameters: &'a Parameters,
    /// Added to the gradient of every step: of the model's layout.
    pub correction: Option<&'a Parameters>,
}

impl<'a> Start<'a> {
    /// These parameters, and no correction.
    pub fn at(parameters: &'a Parameters) -> Self {
        Start {
            parameters,
            correction: None,
        }
    }
}

/// What training on a shard gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// New minus old parameters.
    pub update: Parameters,
    /// Rows of the shard, not counting repeats by epochs.
    pub rows: u64,
    /// Mean loss per row over the last epoch, as each step saw it before it was made.
    pub loss: f64,
    /// Passes made: fewer than asked after a plateau.
    pub epochs: u32,
    /// Steps made.
    pub steps: u64,
}

/// What a model says of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// Of a model of classes.
    Classes {
        /// The most probable class of each row; of equals the first.
        classes: Vec<u32>,
        /// Probability of each class (rows x classes).
        probabilities: Array2<f64>,
    },
    /// A real value of each row.
    Values(Vec<f64>),
}

/// Why a model cannot do what it is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelError {
    /// Whoever waited for it does so no more.
    Cancelled,
    /// A parameter became infinite or NaN; a smaller learning rate may help.
    Diverged(ParametersError),
    /// The parameters have another layout than the model.
    Layout,
    /// The data have another number of features than the model.
    Features {
        /// Features of the model.
        model: usize,
        /// Features of the data.
        data: usize,
    },
    /// The data have classes and the model gives real values, or the other way round.
    Targets {
        /// What the model gives.
        model: TargetKind,
        /// What the data have.
        data: TargetKind,
    },
    /// The objective compares with targets that the model does not give.
    Objective {
        /// What the model gives.
        model: TargetKind,
        /// The objective's spec.
        objective: String,
    },
    /// The data have more classes than the model.
    Classes {
        /// Classes of the model.
        model: usize,
        /// Classes of the data.
        data: usize,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Cancelled => write!(formatter, "cancelled"),
            ModelError::Diverged(error) => write!(
                formatter,
                "training diverged: {error}; a smaller learning rate may help"
            ),
            ModelError::Layout => {
                write!(formatter, "the parameters do not have the model's layout")
            }
            ModelError::Features { model, data } => {
                write!(
                    formatter,
                    "the model takes {model} features a row, but the data have {data}"
                )
            }
            ModelError::Targets { model, data } => {
                let hint = match data {
                    TargetKind::Class => "softmax:FEATURES-CLASSES",
                    TargetKind::Value => "linear:FEATURES",
                };
                write!(
                    formatter,
                    "the model gives {model}, but the rows have {data}; try {hint}"
                )
            }
            ModelError::Objective { model, objective } => {
                let hint = objective::default_for(*model);
                write!(
                    formatter,
                    "the objective {objective} does not go with a model that gives {model}; try {hint}"
                )
            }
            ModelError::Classes { model, data } => {
                write!(
                    formatter,
                    "the model knows {model} classes, but the data have {data}"
                )
            }
        }
    }
}

impl std::error::Error for ModelError {}

/// Whether a model can be trained like this.
///
/// # Errors
/// When the objective compares with targets that the model does not give.
pub fn check_objective(model: &dyn Model, how: &Training) -> Result<(), ModelError> {
    let kind = model.kind();
    if how.objective().kind() == kind {
        return Ok(());
    }
    Err(ModelError::Objective {
        model: kind,
        objective: how.objective_spec().to_owned(),
    })
}

/// Every model that can be named.
pub static MODELS: Table<Arc<dyn Model>> = Table {
    kind: "model",
    rows: &[mlp::ROW, softmax::ROW, cnn::ROW, linear::ROW],
};

/// The element types a model may be asked for; the first is the default.
const DTYPES: [(&str, DType); 2] = [("f32", DType::F32), ("f64", DType::F64)];
