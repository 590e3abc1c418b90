//! Half the squared error of a value.
//!
//! For the score o and the right value y: loss = (o - y)^2 / 2, and its derivative by o is o - y. Of a linear model it
//! is the likelihood of noise that is normally distributed; its minimum is the solution of least squares (Bishop,
//! "Pattern Recognition and Machine Learning", 2006, section 3.1).

use std::sync::Arc;

use super::{Objective, is_summed};
use crate::ml::data::{TargetKind, TargetsView};
use crate::ml::kernel::Isa;
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Objective>> = Row {
    name: "squared",
    aliases: &[],
    value: "mean|sum",
    help: "for regression: half the squared error; mean (default) or sum over the rows of a step",
    options: &[],
    build: |arguments| {
        let summed = is_summed(arguments)?;
        Ok(Arc::new(Squared { summed }))
    },
};

/// Half the squared error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squared {
    /// The gradient of a step is the sum over its rows, not their mean.
    pub summed: bool,
}

impl Objective for Squared {
    fn kind(&self) -> TargetKind {
        TargetKind::Value
    }

    fn differentiate(
        &self,
        _: Isa,
        scores: &mut [f64],
        targets: TargetsView<'_>,
        losses: &mut [f64],
    ) {
        let TargetsView::Values(values) = targets else {
            panic!("a squared error is one of real values")
        };
        assert!(losses.len() == values.len() && scores.len() == values.len());
        for ((score, value), loss) in scores.iter_mut().zip(values).zip(losses) {
            *score -= f64::from(*value);
            *loss = *score * *score / 2.0;
        }
    }

    fn scale(&self, rows: usize) -> f64 {
        if self.summed { 1.0 } else { 1.0 / rows as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::objective::OBJECTIVES;

    #[test]
    fn losses_are_half_squares_and_derivatives_differences() {
        let (mut scores, mut losses) = ([1.0, -2.0, 0.5], [0.0; 3]);
        let values = TargetsView::Values(&[3.0, -2.0, 0.0]);
        Squared::default().differentiate(Isa::best(), &mut scores, values, &mut losses);
        assert_eq!((scores, losses), ([-2.0, 0.0, 0.5], [2.0, 0.0, 0.125]));
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let loss = |score: f64, value| {
            let (mut scores, mut losses) = ([score], [0.0]);
            let value = [value];
            let targets = TargetsView::Values(&value);
            Squared::default().differentiate(Isa::best(), &mut scores, targets, &mut losses);
            (losses[0], scores[0])
        };
        for (score, value) in [(0.3, -1.5), (-7.0, 2.25), (4.0, 4.0)] {
            let step = 1e-5;
            let slope = (loss(score + step, value).0 - loss(score - step, value).0) / (2.0 * step);
            assert!((slope - loss(score, value).1).abs() < 1e-8, "{score}");
        }
    }

    #[test]
    fn a_sum_is_not_divided() {
        let scale = |text| OBJECTIVES.build(text).map(|found| found.scale(4));
        assert_eq!(scale("squared"), Ok(0.25));
        assert_eq!(scale("squared:mean"), Ok(0.25));
        assert_eq!(scale("squared:sum"), Ok(1.0));
        assert!(scale("squared:most").is_err());
    }
}
