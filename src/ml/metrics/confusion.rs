//! Which classes are taken for which: counts, and what follows from them for each class.

/// With more classes than this nothing is counted: the counts would be longer than a list of a message may be.
pub const MOST_CLASSES: usize = 512;

/// How many rows of each class were taken for each class. Matrices are merged exactly, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row by row: the right class says which row, the class that was said which column.
    counts: Vec<u64>,
}

/// How well one class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// Rows that are of the class.
    pub rows: u64,
    /// Rows that were taken for it.
    pub said: u64,
    /// Share of the rows taken for the class that are of it; 0 if none were.
    pub precision: f64,
    /// Share of the rows of the class that were taken for it; 0 if there are none.
    pub recall: f64,
    /// Harmonic mean of both; 0 if both are.
    pub f1: f64,
}

impl Confusion {
    /// Of so many classes, without rows. None if they are too many.
    pub fn new(classes: usize) -> Option<Confusion> {
        (1..=MOST_CLASSES).contains(&classes).then(|| Confusion {
            classes,
            counts: vec![0; classes * classes],
        })
    }

    /// From the counts row by row. None unless there are classes x classes of them.
    pub fn from_counts(counts: Vec<u64>) -> Option<Confusion> {
        let classes = counts.len().isqrt();
        let fits = (1..=MOST_CLASSES).contains(&classes) && classes * classes == counts.len();
        fits.then_some(Confusion { classes, counts })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The counts, row by row.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts a row of class `right` that was taken for class `said`.
    pub fn count(&mut self, right: usize, said: usize) {
        self.counts[right * self.classes + said] += 1;
    }

    /// Both together; None if they are of different classes, or a count is too large.
    pub fn merge(&self, other: &Confusion) -> Option<Confusion> {
        if self.classes != other.classes {
            return None;
        }
        let both = self.counts.iter().zip(&other.counts);
        let counts: Option<Vec<u64>> = both.map(|(a, b)| a.checked_add(*b)).collect();
        Some(Confusion {
            classes: self.classes,
            counts: counts?,
        })
    }

    /// Rows counted, unless they are too many for a number.
    pub fn rows(&self) -> Option<u64> {
        self.counts
            .iter()
            .try_fold(0u64, |sum, count| sum.checked_add(*count))
    }

    /// Rows taken for what they are.
    pub fn correct(&self) -> u64 {
        let diagonal = self.counts.iter().step_by(self.classes + 1);
        diagonal.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What the counts say of a class.
    pub fn scores(&self, class: usize) -> ClassScores {
        let sum = |sum: u64, count: &u64| sum.saturating_add(*count);
        let right = self.counts[class * self.classes + class];
        let of_it = &self.counts[class * self.classes..][..self.classes];
        let rows = of_it.iter().fold(0, sum);
        let taken = self.counts[class..].iter().step_by(self.classes);
        let said = taken.fold(0, sum);
        ClassScores {
            rows,
            said,
            precision: super::share(right, said),
            recall: super::share(right, rows),
            f1: 2.0 * super::share(right, rows.saturating_add(said)),
        }
    }

    /// Mean F1 over the classes that rows are of, or were taken for; every class counts the same. 0 without rows.
    pub fn macro_f1(&self) -> f64 {
        let seen = (0..self.classes).map(|class| self.scores(class));
        let seen = seen.filter(|scores| scores.rows > 0 || scores.said > 0);
        let (sum, number) = seen.fold((0.0, 0u64), |(sum, n), scores| (sum + scores.f1, n + 1));
        if number == 0 {
            0.0
        } else {
            sum / number as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scikit-learn 1.9.1: `confusion_matrix`, `precision_recall_fscore_support` and
    /// `f1_score(average="macro")` of y_true = 0 0 0 1 1 1 1 2 2 2, y_pred = 0 0 1 1 1 2 1 2 0 2.
    #[test]
    fn as_scikit_learn_has_it() {
        let right = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2];
        let said = [0, 0, 1, 1, 1, 2, 1, 2, 0, 2];
        let mut confusion = Confusion::new(3).unwrap();
        for (right, said) in right.into_iter().zip(said) {
            confusion.count(right, said);
        }
        assert_eq!(confusion.counts(), [2, 1, 0, 0, 3, 1, 1, 0, 2]);
        assert_eq!((confusion.rows(), confusion.correct()), (Some(10), 7));
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        };
        let expected = [
            (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 3),
            (0.75, 0.75, 0.75, 4),
            (2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 3),
        ];
        for (class, (precision, recall, f1, rows)) in expected.into_iter().enumerate() {
            let scores = confusion.scores(class);
            close(scores.precision, precision);
            close(scores.recall, recall);
            close(scores.f1, f1);
            assert_eq!(scores.rows, rows);
        }
        close(confusion.macro_f1(), 0.694_444_444_444_444_4);
    }

    #[test]
    fn classes_that_do_not_occur_are_left_out_of_the_mean() {
        // scikit-learn 1.9.1 has 0.16666666666666666 for y_true = 0 0 1, y_pred = 0 3 0: of class 0 F1 is 0.5, of 1 and 3 0.
        let mut confusion = Confusion::new(5).unwrap();
        [(0, 0), (0, 3), (1, 0)]
            .into_iter()
            .for_each(|(right, said)| confusion.count(right, said));
        assert!((confusion.macro_f1() - 0.5 / 3.0).abs() < 1e-12);
        let none = confusion.scores(4);
        assert_eq!((none.precision, none.recall, none.f1), (0.0, 0.0, 0.0));
        assert_eq!(Confusion::new(2).unwrap().macro_f1(), 0.0);
    }

    #[test]
    fn only_squares_of_few_classes_are_matrices() {
        for wrong in [0, 2, 3, 1_001 * 1_001] {
            assert_eq!(Confusion::from_counts(vec![0; wrong]), None, "{wrong}");
        }
        assert!(Confusion::new(0).is_none() && Confusion::new(1_001).is_none());
        let one = Confusion::from_counts(vec![1, 2, 3, 4]).unwrap();
        let both = one.merge(&one).unwrap();
        assert_eq!(both.counts(), [2, 4, 6, 8]);
        assert_eq!(one.merge(&Confusion::new(3).unwrap()), None);
        let full = Confusion::from_counts(vec![u64::MAX, 0, 0, 1]).unwrap();
        assert_eq!((full.merge(&one), full.rows()), (None, None));
    }
}
