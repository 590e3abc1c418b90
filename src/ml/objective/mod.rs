//! What training makes small.
//!
//! To add an objective, write a file beside this one and add its row to [`OBJECTIVES`].

mod cross_entropy;

use std::fmt::Debug;
use std::sync::Arc;

use crate::spec::Table;

pub use cross_entropy::{CrossEntropy, softmax};

/// A loss of the scores of a row and its right class.
///
/// Works in `f64` whatever the model's element type: this is a small share of the work, and the
/// precise part of it.
pub trait Objective: Debug + Send + Sync {
    /// Loss of one row with these `scores` (one a class, not yet probabilities) and right class
    /// `label`. Replaces the scores by the derivative of the loss by each of them.
    fn differentiate(&self, scores: &mut [f64], label: usize) -> f64;

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
