//! How well a model does on a set of rows.

/// Counts and loss over a set of rows. Sets are merged by their counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Number of rows.
    pub rows: u64,
    /// Rows whose most probable class is the right one.
    pub correct: u64,
    /// Mean loss per row; 0 without rows.
    pub loss: f64,
}

impl Metrics {
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
        };
        let right = Metrics {
            rows: 1,
            correct: 0,
            loss: 5.0,
        };
        let both = left.merge(&right);
        assert_eq!(
            both,
            Metrics {
                rows: 4,
                correct: 3,
                loss: 2.0
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
