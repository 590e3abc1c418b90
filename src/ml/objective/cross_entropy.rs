//! Cross-entropy of the softmax of the scores.
//!
//! For scores o and right class y, with p = softmax(o): loss = -ln p_y, and its derivative by o_j is
//! p_j - [j = y]. The largest score is taken off first, which changes nothing but the range
//! (Goodfellow, Bengio and Courville, "Deep Learning", 2016, sections 4.1 and 6.2.2.3).

use std::sync::Arc;

use super::Objective;
use crate::math::{exp, ln};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Objective>> = Row {
    name: "cross-entropy",
    aliases: &[],
    value: "mean|sum",
    help: "cross-entropy of the softmax; mean (default) or sum over the rows of a step",
    options: &[],
    build: |arguments| {
        let summed = match arguments.value() {
            None | Some("mean") => false,
            Some("sum") => true,
            Some(_) => return Err(arguments.bad_value("mean or sum")),
        };
        Ok(Arc::new(CrossEntropy { summed }))
    },
};

/// Cross-entropy of the softmax.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropy {
    /// The gradient of a step is the sum over its rows, not their mean.
    pub summed: bool,
}

impl Objective for CrossEntropy {
    fn differentiate(&self, scores: &mut [f64], label: usize) -> f64 {
        let right = scores[label];
        let (largest, total) = softmax(scores);
        scores[label] -= 1.0;
        ln(total) - (right - largest)
    }

    fn scale(&self, rows: usize) -> f64 {
        if self.summed { 1.0 } else { 1.0 / rows as f64 }
    }
}

/// Replaces scores by their softmax. Returns the largest score m and the sum of exp(score - m),
/// taken in order, from which -ln p_y = ln(sum) - (score_y - m).
pub fn softmax(scores: &mut [f64]) -> (f64, f64) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
    }
    let total = scores.iter().fold(0.0, |sum, power| sum + power);
    for power in scores.iter_mut() {
        *power /= total;
    }
    (largest, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_worked_out_by_hand() {
        // exp of the scores: 1, 2, 5.
        let mut scores = [0.0, ln(2.0), ln(5.0)];
        let loss = CrossEntropy::default().differentiate(&mut scores, 1);
        assert!((loss - ln(4.0)).abs() < 1e-15);
        for (found, right) in scores.iter().zip([0.125, 0.25 - 1.0, 0.625]) {
            assert!((found - right).abs() < 1e-15);
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let mut scores = [1e5, 0.0, -1e5];
        assert_eq!(CrossEntropy::default().differentiate(&mut scores, 2), 2e5);
        assert_eq!(scores, [1.0, 0.0, -1.0]);
    }

    #[test]
    fn steps_are_means_or_sums() {
        let scale = |text: &str| super::super::OBJECTIVES.build(text).unwrap().scale(8);
        assert_eq!(scale("cross-entropy"), 0.125);
        assert_eq!(scale("cross-entropy:mean"), 0.125);
        assert_eq!(scale("cross-entropy:sum"), 1.0);
        assert!(
            super::super::OBJECTIVES
                .build("cross-entropy:median")
                .is_err()
        );
    }
}
