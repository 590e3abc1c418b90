//! What nodes found on rows of their own, put together.

use std::collections::BTreeMap;

use crate::ml::metrics::{Detail, Metrics, Ranking, Spread};

/// Evaluations of one round by shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    awaited: usize,
    /// Without details, but for errors of real values, which are as short.
    found: BTreeMap<u32, Metrics>,
    /// All together; only its counts of classes are of use. These are integers that are added at once, so that what is
    /// kept does not grow with the number of shards.
    sum: Metrics,
}

impl Tally {
    /// Nothing yet, of so many shards.
    pub(super) fn awaiting(shards: usize) -> Tally {
        Tally {
            awaited: shards,
            ..Tally::default()
        }
    }

    /// Takes what was found on a shard, or that nobody could find anything.
    pub(super) fn take(&mut self, shard: u32, found: Option<Metrics>) {
        self.awaited = self.awaited.saturating_sub(1);
        if let Some(mut found) = found {
            self.sum = self.sum.merge(&found);
            let errors = Detail {
                regression: found.regression(),
                ..Detail::default()
            };
            found.detail = errors.shared();
            self.found.insert(shard, found);
        }
    }

    /// Whether all shards are there.
    pub(super) fn is_complete(&self) -> bool {
        self.awaited == 0
    }

    /// The metrics over the rows of all shards, and how far these differ.
    pub(super) fn total(&self) -> Option<Metrics> {
        // In the order of the shards, so that the digits do not depend on who answered first.
        let merged = self.found.values().cloned().reduce(|a, b| a.merge(&b))?;
        let with_rows = self.found.values().filter(|found| found.rows > 0);
        let accuracies: Option<Vec<f64>> = with_rows.map(Metrics::accuracy).collect();
        let area = self.sum.area();
        let detail = Detail {
            confusion: self.sum.confusion().cloned(),
            ranking: area.map(Ranking::Area),
            regression: merged.regression(),
            spread: accuracies.and_then(Spread::over),
        };
        Some(Metrics {
            detail: detail.shared(),
            ..merged
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::metrics::{Confusion, Regression};

    fn found(counts: [u64; 4], loss: f64) -> Metrics {
        let confusion = Confusion::from_counts(counts.to_vec()).unwrap();
        Metrics {
            rows: confusion.rows().unwrap(),
            correct: Some(confusion.correct()),
            loss,
            detail: Detail {
                confusion: Some(confusion),
                ..Detail::default()
            }
            .shared(),
        }
    }

    #[test]
    fn the_order_of_answers_changes_no_bit() {
        let shards = [
            (0, found([3, 1, 0, 4], 0.1)),
            (1, found([1, 1, 1, 1], 0.7)),
            (2, found([0, 0, 0, 9], 0.3)),
        ];
        let total = |order: [usize; 3]| {
            let mut tally = Tally::awaiting(4);
            tally.take(9, None);
            for place in order {
                assert!(!tally.is_complete());
                tally.take(shards[place].0, Some(shards[place].1.clone()));
            }
            assert!(tally.is_complete());
            tally.total().unwrap()
        };
        let one = total([0, 1, 2]);
        assert_eq!(one, total([2, 0, 1]));
        assert_eq!((one.rows, one.correct), (21, Some(18)));
        assert_eq!(one.confusion().unwrap().counts(), [4, 2, 1, 14]);
        let spread = one.spread().unwrap();
        assert_eq!((spread.participants, spread.worst_tenth), (3, 0.5));
        assert!((spread.mean - 2.375 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn errors_of_real_values_merge_in_the_order_of_shards() {
        let found = |loss: f64, values: &[f32]| Metrics {
            rows: values.len() as u64,
            correct: None,
            loss,
            detail: Detail {
                regression: Some(Regression::new(2.0 * loss, loss, values)),
                ..Detail::default()
            }
            .shared(),
        };
        let shards = [
            found(0.1, &[1e3, 0.3]),
            found(0.7, &[-0.7]),
            found(0.31, &[0.1, 0.2, 1e-3]),
        ];
        let total = |order: [u32; 3]| {
            let mut tally = Tally::awaiting(3);
            for shard in order {
                tally.take(shard, Some(shards[shard as usize].clone()));
            }
            tally.total().unwrap()
        };
        let one = total([0, 1, 2]);
        assert_eq!(one, total([2, 1, 0]));
        assert_eq!(one, total([1, 2, 0]));
        assert_eq!((one.rows, one.accuracy(), one.spread()), (6, None, None));
        assert!((one.regression().unwrap().mse - 2.0 * one.loss).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_is_of_all_rows_or_absent() {
        let mut tally = Tally::awaiting(2);
        tally.take(0, Some(found([3, 1, 0, 4], 0.1)));
        let plain = Metrics {
            rows: 2,
            correct: Some(1),
            loss: 1.0,
            detail: None,
        };
        tally.take(1, Some(plain));
        let total = tally.total().unwrap();
        assert!(total.confusion().is_none() && total.spread().is_some());
        assert_eq!(Tally::awaiting(0).total(), None);
    }
}
