//! Cross-entropy of the softmax of the scores.
//!
//! For scores o and right class y, with p = softmax(o): loss = -ln p_y, and its derivative by o_j is
//! p_j - [j = y]. The largest score is taken off first, which changes nothing but the range
//! (Goodfellow, Bengio and Courville, "Deep Learning", 2016, sections 4.1 and 6.2.2.3).

use std::sync::Arc;

use super::{Objective, is_summed};
use pulp::Simd;

use crate::math::{exp_each, ln_each};
use crate::ml::data::{TargetKind, TargetsView};
use crate::ml::kernel::{Isa, Work};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Objective>> = Row {
    name: "cross-entropy",
    aliases: &[],
    value: "mean|sum",
    help: "cross-entropy of the softmax; mean (default) or sum over the rows of a step",
    options: &[],
    build: |arguments| {
        let summed = is_summed(arguments)?;
        Ok(Arc::new(CrossEntropy { summed }))
    },
};

/// Rows worked on together.
const ROWS: usize = 16;

/// Cross-entropy of the softmax.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropy {
    /// The gradient of a step is the sum over its rows, not their mean.
    pub summed: bool,
}

impl Objective for CrossEntropy {
    fn kind(&self) -> TargetKind {
        TargetKind::Class
    }

    fn differentiate(
        &self,
        isa: Isa,
        scores: &mut [f64],
        targets: TargetsView<'_>,
        losses: &mut [f64],
    ) {
        let TargetsView::Classes(labels) = targets else {
            panic!("cross-entropy compares with classes")
        };
        assert!(losses.len() == labels.len() && scores.len().is_multiple_of(labels.len()));
        let classes = scores.len() / labels.len();
        isa.run(Differentiate {
            scores,
            classes,
            labels,
            losses,
        });
    }

    fn scale(&self, rows: usize) -> f64 {
        if self.summed { 1.0 } else { 1.0 / rows as f64 }
    }
}

struct Differentiate<'a> {
    scores: &'a mut [f64],
    classes: usize,
    labels: &'a [u32],
    losses: &'a mut [f64],
}

impl Work for Differentiate<'_> {
    type Output = ();

    /// With m the largest score and s the sum of exp(o_j - m) in order, -ln p_y is
    /// ln s - (o_y - m).
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let scores = self.scores.chunks_mut(ROWS * self.classes);
        let labels = self.labels.chunks(ROWS);
        for ((scores, labels), losses) in scores.zip(labels).zip(self.losses.chunks_mut(ROWS)) {
            take_largest_off(scores, self.classes);
            let rows = scores.chunks_exact(self.classes);
            for ((row, label), loss) in rows.zip(labels).zip(&mut *losses) {
                *loss = row[*label as usize];
            }
            exponentiate(scores);
            let totals = normalise(scores, self.classes);
            let rows = scores.chunks_exact_mut(self.classes);
            for (row, label) in rows.zip(labels) {
                row[*label as usize] -= 1.0;
            }
            for (loss, logarithm) in losses.iter_mut().zip(ln_each(totals)) {
                *loss = logarithm - *loss;
            }
        }
    }
}

/// Replaces the scores of each row of so many classes by their softmax.
pub fn softmax(isa: Isa, scores: &mut [f64], classes: usize) {
    isa.run(Softmax { scores, classes });
}

struct Softmax<'a> {
    scores: &'a mut [f64],
    classes: usize,
}

impl Work for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for scores in self.scores.chunks_mut(ROWS * self.classes) {
            take_largest_off(scores, self.classes);
            exponentiate(scores);
            normalise(scores, self.classes);
        }
    }
}

#[inline(always)]
fn take_largest_off(scores: &mut [f64], classes: usize) {
    for row in scores.chunks_exact_mut(classes) {
        let mut largest = f64::NEG_INFINITY;
        for score in &*row {
            largest = if *score > largest { *score } else { largest };
        }
        for score in row {
            *score -= largest;
        }
    }
}

/// Several at a time, because each takes many steps that wait for one another.
#[inline(always)]
fn exponentiate(scores: &mut [f64]) {
    let (chunks, rest) = scores.as_chunks_mut::<16>();
    for chunk in chunks {
        *chunk = exp_each(*chunk);
    }
    for score in rest {
        *score = exp_each([*score])[0];
    }
}

/// Divides each row by its sum, taken in order, and returns the sums, with 1 for missing rows.
#[inline(always)]
fn normalise(scores: &mut [f64], classes: usize) -> [f64; ROWS] {
    let mut totals = [1.0; ROWS];
    for (row, total) in scores.chunks_exact(classes).zip(&mut totals) {
        *total = row.iter().fold(0.0, |sum, power| sum + power);
    }
    for (row, total) in scores.chunks_exact_mut(classes).zip(&totals) {
        for power in row {
            *power /= total;
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::ln;

    #[test]
    fn values_worked_out_by_hand() {
        // exp of the scores: 1, 2, 5.
        let mut scores = [0.0, ln(2.0), ln(5.0)];
        let mut loss = [0.0];
        let targets = TargetsView::Classes(&[1]);
        CrossEntropy::default().differentiate(Isa::best(), &mut scores, targets, &mut loss);
        assert!((loss[0] - ln(4.0)).abs() < 1e-15);
        for (found, right) in scores.iter().zip([0.125, 0.25 - 1.0, 0.625]) {
            assert!((found - right).abs() < 1e-15);
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let mut scores = [1e5, 0.0, -1e5];
        let mut loss = [0.0];
        let targets = TargetsView::Classes(&[2]);
        CrossEntropy::default().differentiate(Isa::best(), &mut scores, targets, &mut loss);
        assert_eq!(loss, [2e5]);
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
