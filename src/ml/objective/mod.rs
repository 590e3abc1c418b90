//! What training makes small.
//!
//! To add an objective, write a file beside this one and add its row to [`OBJECTIVES`].

mod cross_entropy;

use std::fmt::Debug;
use std::sync::Arc;

use super::kernel::Isa;
use crate::spec::Table;

pub use cross_entropy::{CrossEntropy, softmax};

/// A loss of the scores of a row and its right class.
///
/// Works in `f64` whatever the model's element type: this is a small share of the work, and the
/// precise part of it.
pub trait Objective: Debug + Send + Sync {
    /// Losses of rows with these `scores` (rows x classes, not yet probabilities) and right classes
    /// `labels`. Replaces the scores by the derivatives of the loss by each of them.
    ///
    /// # Panics
    /// When lengths do not fit, or a label is no class.
    fn differentiate(&self, isa: Isa, scores: &mut [f64], labels: &[u32], losses: &mut [f64]);

    /// What the summed gradient of a step over `rows` rows is multiplied by.
    fn scale(&self, rows: usize) -> f64;
}

/// Every objective that can be named.
pub static OBJECTIVES: Table<Arc<dyn Objective>> = Table {
    kind: "objective",
    rows: &[cross_entropy::ROW],
};

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
