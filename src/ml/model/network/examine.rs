//! What a network says of rows, and how well it does.

use ndarray::{Array2, ArrayView2};

use super::Network;
use crate::ml::data::{Dataset, TargetKind, TargetsView};
use crate::ml::metrics::{Depth, Detail, Metrics, Regression};
use crate::ml::model::pass::BLOCK;
use crate::ml::model::{Model, ModelError, Predictions};
use crate::ml::objective::{CrossEntropy, Objective, Squared, softmax};
use crate::ml::parameters::Parameters;
use crate::ml::real::Real;

impl Network {
    pub(super) fn examine_as<T: Real>(
        &self,
        parameters: &Parameters,
        data: &Dataset,
        depth: Depth,
        threads: usize,
    ) -> Result<Metrics, ModelError> {
        self.check(data)?;
        let values = self.values::<T>(parameters)?;
        Ok(match data.targets().view() {
            TargetsView::Classes(labels) => {
                self.examine_classes(values, data, labels, (depth, threads))
            }
            TargetsView::Values(targets) => self.examine_values(values, data, targets, threads),
        })
    }

    fn examine_classes<T: Real>(
        &self,
        values: &[T],
        data: &Dataset,
        labels: &[u32],
        (depth, threads): (Depth, usize),
    ) -> Metrics {
        let (mut loss, mut correct) = (0.0, 0);
        let mut confusion = depth.confusion(self.classes());
        let ranks = depth.ranks(self.classes());
        let mut odds = Vec::new();
        let mut losses = [0.0; BLOCK];
        self.each_block::<T>(values, data.features(), threads, |first, scores| {
            let rows = scores.len() / self.classes();
            let labels = &labels[first..first + rows];
            for (scores, label) in scores.chunks_exact(self.classes()).zip(labels) {
                let (right, said) = (*label as usize, largest(scores));
                correct += u64::from(said == right);
                if let Some(confusion) = &mut confusion {
                    confusion.count(right, said);
                }
                if ranks {
                    odds.push((scores[1] - scores[0], right == 1));
                }
            }
            let losses = &mut losses[..rows];
            let targets = TargetsView::Classes(labels);
            CrossEntropy::default().differentiate(self.isa, scores, targets, losses);
            losses.iter().for_each(|row| loss += row);
        });
        let rows = data.rows() as u64;
        Metrics {
            rows,
            correct: Some(correct),
            loss: loss / rows as f64,
            detail: Detail {
                confusion,
                ranking: ranks.then(|| depth.ranking(&mut odds)).flatten(),
                ..Detail::default()
            }
            .shared(),
        }
    }

    fn examine_values<T: Real>(
        &self,
        values: &[T],
        data: &Dataset,
        targets: &[f32],
        threads: usize,
    ) -> Metrics {
        let (mut loss, mut absolute) = (0.0, 0.0);
        let mut losses = [0.0; BLOCK];
        self.each_block::<T>(values, data.features(), threads, |first, scores| {
            let losses = &mut losses[..scores.len()];
            let targets = TargetsView::Values(&targets[first..first + scores.len()]);
            Squared::default().differentiate(self.isa, scores, targets, losses);
            losses.iter().for_each(|row| loss += row);
            // The derivatives are the errors.
            scores.iter().for_each(|error| absolute += error.abs());
        });
        let rows = targets.len() as f64;
        loss /= rows;
        let regression = Regression::new(2.0 * loss, absolute / rows, targets);
        Metrics {
            rows: data.rows() as u64,
            correct: None,
            loss,
            detail: Detail {
                regression: Some(regression),
                ..Detail::default()
            }
            .shared(),
        }
    }

    pub(super) fn predict_as<T: Real>(
        &self,
        parameters: &Parameters,
        features: ArrayView2<f32>,
        threads: usize,
    ) -> Result<Predictions, ModelError> {
        self.check_features(features.ncols())?;
        let values = self.values::<T>(parameters)?;
        if self.kind == TargetKind::Value {
            let mut said = Vec::with_capacity(features.nrows());
            self.each_block::<T>(values, features, threads, |_, scores| {
                said.extend_from_slice(scores)
            });
            return Ok(Predictions::Values(said));
        }
        let mut classes = Vec::with_capacity(features.nrows());
        let mut probabilities = Array2::zeros((features.nrows(), self.classes()));
        let mut places = probabilities.iter_mut();
        self.each_block::<T>(values, features, threads, |_, scores| {
            for scores in scores.chunks_exact(self.classes()) {
                classes.push(largest(scores) as u32);
            }
            softmax(self.isa, scores, self.classes());
            for (probability, place) in scores.iter().zip(places.by_ref()) {
                *place = *probability;
            }
        });
        Ok(Predictions::Classes {
            classes,
            probabilities,
        })
    }
}

/// Place of the largest score; of equals the first.
fn largest(scores: &[f64]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    best
}
