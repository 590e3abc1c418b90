//! How well a model does on a set of rows.

use std::sync::Arc;

mod confusion;
mod ranking;
mod regression;
mod spread;

pub use confusion::{ClassScores, Confusion, MOST_CLASSES};
pub use ranking::{Area, CELLS, Grid, Ranking, area};
pub use regression::Regression;
pub use spread::Spread;

/// With more classes than this, confusion is counted after the last round only.
pub const CLASSES_EVERY_ROUND: usize = 16;

/// How much is found out of how well a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Rows, correct ones and loss.
    Plain,
    /// And the confusion of few classes: cheap enough for every round.
    Round,
    /// And all there is, for the end: the confusion of up to [`MOST_CLASSES`], and how two classes are ranked, exactly.
    Final,
    /// The same in a form that is merged with that over other rows.
    Part,
}

impl Depth {
    /// An empty matrix of so many classes, where there is to be one.
    pub fn confusion(self, classes: usize) -> Option<Confusion> {
        let most = match self {
            Depth::Plain => 0,
            Depth::Round => CLASSES_EVERY_ROUND,
            Depth::Final | Depth::Part => MOST_CLASSES,
        };
        Confusion::new(classes).filter(|_| classes <= most)
    }

    /// Whether the scores of so many classes are ranked.
    pub fn ranks(self, classes: usize) -> bool {
        classes == 2 && matches!(self, Depth::Final | Depth::Part)
    }

    /// What the log-odds of rows come to; true are rows of class 1.
    pub fn ranking(self, scores: &mut [(f64, bool)]) -> Option<Ranking> {
        if self == Depth::Final {
            return area(scores).map(Ranking::Area);
        }
        let numbers = scores.iter().all(|(score, _)| !score.is_nan());
        numbers.then(|| {
            let mut grid = Grid::default();
            scores
                .iter()
                .for_each(|(score, one)| grid.count(*score, *one));
            Ranking::Grid(grid)
        })
    }
}

/// What is known beyond counts and loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// Which classes are taken for which.
    pub confusion: Option<Confusion>,
    /// Of two classes, how well rows are ranked.
    pub ranking: Option<Ranking>,
    /// Of real values, how large the errors are.
    pub regression: Option<Regression>,
    /// How far participants differ.
    pub spread: Option<Spread>,
}

impl Detail {
    /// Itself, if there is anything in it.
    pub fn shared(self) -> Option<Arc<Detail>> {
        (self != Detail::default()).then(|| Arc::new(self))
    }

    /// What is known of both sets of rows together, of so many each: what is known of each and can be merged.
    fn merge(&self, rows: u64, other: &Detail, others: u64) -> Detail {
        let regression = self.regression.zip(other.regression);
        let regression = regression.map(|(one, other)| one.merge(rows, &other, others));
        let confusion = self.confusion.as_ref().zip(other.confusion.as_ref());
        let ranking = match (&self.ranking, &other.ranking) {
            (Some(Ranking::Grid(one)), Some(Ranking::Grid(other))) => one.merge(other),
            _ => None,
        };
        Detail {
            confusion: confusion.and_then(|(one, other)| one.merge(other)),
            ranking: ranking.map(Ranking::Grid),
            regression,
            spread: None,
        }
    }
}

/// Counts and loss over a set of rows. Sets are merged by their counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose most probable class is the right one; none where rows have real values.
    pub correct: Option<u64>,
    /// Mean loss per row; 0 without rows.
    pub loss: f64,
    /// What else is known.
    pub detail: Option<Arc<Detail>>,
}

impl Metrics {
    /// Which classes are taken for which, if that is known.
    pub fn confusion(&self) -> Option<&Confusion> {
        self.detail.as_ref()?.confusion.as_ref()
    }

    /// The area under the ROC curve of two classes, if it is known.
    pub fn area(&self) -> Option<Area> {
        match self.detail.as_ref()?.ranking.as_ref()? {
            Ranking::Area(area) => Some(*area),
            Ranking::Grid(grid) => grid.area(),
        }
    }

    /// How far participants differ, if that is known.
    pub fn spread(&self) -> Option<Spread> {
        self.detail.as_ref()?.spread
    }

    /// Of real values, how large the errors are, if that is known.
    pub fn regression(&self) -> Option<Regression> {
        self.detail.as_ref()?.regression
    }

    /// Share of rows that are classified correctly, 0 to 1; 0 without rows. None where rows have real values.
    pub fn accuracy(&self) -> Option<f64> {
        self.correct.map(|correct| share(correct, self.rows))
    }

    /// Share of rows that are classified wrongly, 0 to 1; 0 without rows. None where rows have real values.
    pub fn error_rate(&self) -> Option<f64> {
        let wrong = self.rows.saturating_sub(self.correct?);
        Some(share(wrong, self.rows))
    }

    /// What makes one round of a run better than another: more is better. The accuracy, and of real values the loss
    /// the other way round; one that is no number is the worst there is.
    pub fn merit(&self) -> f64 {
        let merit = self.accuracy().unwrap_or(-self.loss);
        if merit.is_nan() {
            f64::NEG_INFINITY
        } else {
            merit
        }
    }

    /// The metrics of both sets of rows together. Counts are exact; losses are weighted by rows, and
    /// rounding makes their order matter, so merge in the order of shards.
    #[must_use]
    pub fn merge(&self, other: &Metrics) -> Metrics {
        let rows = self.rows + other.rows;
        let sum = self.loss * self.rows as f64 + other.loss * other.rows as f64;
        Metrics {
            rows,
            correct: match (self.correct, other.correct) {
                (correct, _) if other.rows == 0 => correct,
                (_, correct) if self.rows == 0 => correct,
                (one, other) => one.zip(other).map(|(one, other)| one + other),
            },
            loss: if rows == 0 { 0.0 } else { sum / rows as f64 },
            detail: match (&self.detail, &other.detail) {
                (detail, _) if other.rows == 0 => detail.clone(),
                (_, detail) if self.rows == 0 => detail.clone(),
                (Some(one), Some(two)) => one.merge(self.rows, two, other.rows).shared(),
                _ => None,
            },
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_merge_by_their_counts() {
        let left = Metrics {
            rows: 3,
            correct: Some(3),
            loss: 1.0,
            ..Metrics::default()
        };
        let right = Metrics {
            rows: 1,
            correct: Some(0),
            loss: 5.0,
            ..Metrics::default()
        };
        let both = left.merge(&right);
        assert_eq!(
            both,
            Metrics {
                rows: 4,
                correct: Some(3),
                loss: 2.0,
                detail: None,
            }
        );
        assert_eq!(
            (both.accuracy(), both.error_rate()),
            (Some(0.75), Some(0.25))
        );
        assert_eq!(
            Metrics::default().merge(&Metrics::default()),
            Metrics::default()
        );
        assert_eq!(left.merge(&Metrics::default()), left);
    }

    #[test]
    fn details_merge_where_both_have_them() {
        let metrics = |counts: Option<Vec<u64>>| Metrics {
            rows: 4,
            correct: Some(3),
            loss: 1.0,
            detail: Detail {
                confusion: counts.and_then(Confusion::from_counts),
                ..Detail::default()
            }
            .shared(),
        };
        let one = metrics(Some(vec![2, 1, 0, 1]));
        let merged = one.merge(&metrics(Some(vec![1, 0, 1, 2])));
        assert_eq!(merged.confusion().unwrap().counts(), [3, 1, 1, 3]);
        assert_eq!(one.merge(&metrics(None)).detail, None);
        assert_eq!(one.merge(&Metrics::default()), one);
    }

    #[test]
    fn without_rows_nothing_is_divided() {
        let none = Metrics {
            correct: Some(0),
            ..Metrics::default()
        };
        let shares = (none.accuracy(), none.error_rate());
        assert_eq!(shares, (Some(0.0), Some(0.0)));
    }

    #[test]
    fn real_values_have_errors_and_no_accuracy() {
        let metrics = |rows, loss: f64, values: &[f32]| Metrics {
            rows,
            correct: None,
            loss,
            detail: Detail {
                regression: Some(Regression::new(2.0 * loss, loss, values)),
                ..Detail::default()
            }
            .shared(),
        };
        let both = metrics(2, 1.0, &[0.0, 2.0]).merge(&metrics(1, 4.0, &[7.0]));
        assert_eq!((both.rows, both.accuracy(), both.loss), (3, None, 2.0));
        let found = both.regression().unwrap();
        assert_eq!((found.mse, found.mae, found.mean), (4.0, 2.0, 3.0));
        assert!((found.variance - 26.0 / 3.0).abs() < 1e-12);
        let merits = [f64::NAN, 9.0, 0.5].map(|loss| metrics(1, loss, &[0.0]).merit());
        assert_eq!(merits, [f64::NEG_INFINITY, -9.0, -0.5]);
        let classes = Metrics {
            correct: Some(2),
            ..metrics(1, 0.0, &[0.0])
        };
        assert_eq!(both.merge(&classes).accuracy(), None, "of some rows only");
    }
}
