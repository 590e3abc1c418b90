//! What training makes small.
//!
//! To add an objective, write a file beside this one and add its row to [`OBJECTIVES`].

mod cross_entropy;
mod squared;

use std::fmt::Debug;
use std::sync::Arc;

use super::data::{TargetKind, TargetsView};
use super::kernel::Isa;
use crate::spec::{Arguments, SpecError, Table};

pub use cross_entropy::{CrossEntropy, softmax};
pub use squared::Squared;

/// A loss of the scores of a row and its target.
///
/// Works in `f64` whatever the model's element type: this is a small share of the work, and the
/// precise part of it.
pub trait Objective: Debug + Send + Sync {
    /// What targets it compares with.
    fn kind(&self) -> TargetKind;

    /// Losses of rows with these `scores` (rows x outputs, of classes not yet probabilities) and
    /// `targets`. Replaces the scores by the derivatives of the loss by each of them.
    ///
    /// # Panics
    /// When lengths do not fit, a label is no class, or the targets are of the other kind.
    fn differentiate(
        &self,
        isa: Isa,
        scores: &mut [f64],
        targets: TargetsView<'_>,
        losses: &mut [f64],
    );

    /// What the summed gradient of a step over `rows` rows is multiplied by.
    fn scale(&self, rows: usize) -> f64;
}

/// Every objective that can be named.
pub static OBJECTIVES: Table<Arc<dyn Objective>> = Table {
    kind: "objective",
    rows: &[cross_entropy::ROW, squared::ROW],
};

/// The objective of a kind of targets, unless another is asked for.
pub fn default_for(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Class => cross_entropy::ROW.name,
        TargetKind::Value => squared::ROW.name,
    }
}

/// Whether the gradient of a step is the sum over its rows, not their mean.
fn is_summed(arguments: &mut Arguments) -> Result<bool, SpecError> {
    match arguments.value() {
        None | Some("mean") => Ok(false),
        Some("sum") => Ok(true),
        Some(_) => Err(arguments.bad_value("mean or sum")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_builds_by_its_name() {
        for name in OBJECTIVES.names() {
            OBJECTIVES.build(name).unwrap();
        }
    }
}
