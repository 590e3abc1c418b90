//! How well a model does on a set of rows.

use std::sync::Arc;

mod confusion;
mod ranking;
mod spread;

pub use confusion::{ClassScores, Confusion, MOST_CLASSES};
pub use ranking::{Area, CELLS, Grid, Ranking, area};
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
    /// How far participants differ.
    pub spread: Option<Spread>,
}

impl Detail {
    /// Itself, if there is anything in it.
    pub fn shared(self) -> Option<Arc<Detail>> {
        (self != Detail::default()).then(|| Arc::new(self))
    }

    /// What is known of both sets of rows together: what is known of each and can be merged, exactly.
    fn merge(&self, other: &Detail) -> Detail {
        let confusion = self.confusion.as_ref().zip(other.confusion.as_ref());
        let ranking = match (&self.ranking, &other.ranking) {
            (Some(Ranking::Grid(one)), Some(Ranking::Grid(other))) => one.merge(other),
            _ => None,
        };
        Detail {
            confusion: confusion.and_then(|(one, other)| one.merge(other)),
            ranking: ranking.map(Ranking::Grid),
            spread: None,
        }
    }
}

/// Counts and loss over a set of rows. Sets are merged by their counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose most probable class is the right one.
    pub correct: u64,
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

    /// Share of rows that are classified correctly, 0 to 1; 0 without rows.
    pub fn accuracy(&self) -> f64 {
        share(self.correct, self.rows)
    }

    /// Share of rows that are classified wrongly, 0 to 1; 0 without rows.
    pub fn error_rate(&self) -> f64 {
        share(self.rows.saturating_sub(self.correct), self.rows)
    }

    /// The metrics of both sets of rows together. Counts are exact; losses are weighted by rows, and
    /// rounding makes their order matter, so merge in the order of shards.
    #[must_use]
    pub fn merge(&self, other: &Metrics) -> Metrics {
        let rows = self.rows + other.rows;
        let sum = self.loss * self.rows as f64 + other.loss * other.rows as f64;
        Metrics {
            rows,
            correct: self.correct + other.correct,
            loss: if rows == 0 { 0.0 } else { sum / rows as f64 },
            detail: match (&self.detail, &other.detail) {
                (detail, _) if other.rows == 0 => detail.clone(),
                (_, detail) if self.rows == 0 => detail.clone(),
                (Some(one), Some(other)) => one.merge(other).shared(),
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
            correct: 3,
            loss: 1.0,
            ..Metrics::default()
        };
        let right = Metrics {
            rows: 1,
            correct: 0,
            loss: 5.0,
            ..Metrics::default()
        };
        let both = left.merge(&right);
        assert_eq!(
            both,
            Metrics {
                rows: 4,
                correct: 3,
                loss: 2.0,
                detail: None,
            }
        );
        assert_eq!((both.accuracy(), both.error_rate()), (0.75, 0.25));
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
            correct: 3,
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
        assert_eq!(
            (
                Metrics::default().accuracy(),
                Metrics::default().error_rate()
            ),
            (0.0, 0.0)
        );
    }
}
