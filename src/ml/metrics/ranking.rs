//! How well the scores of two classes rank rows: the area under the ROC curve.
//!
//! It is the chance that a row of class 1 scores higher than one of class 0, where a tie counts half. A row's score is
//! its log-odds: the score of class 1 less that of class 0. Who has all scores at hand finds the area exactly. Over
//! rows that lie apart, each holder counts its scores on one fixed grid; the grids add up, and only rows whose scores
//! fall into the same cell are not told apart.

/// Cells of the grid.
pub const CELLS: usize = 4_096;
/// Cells are this fraction wide, from -16 to 16; the outermost ones take all beyond.
const CELLS_PER_UNIT: f64 = 128.0;

/// An area under the ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The area, 0 to 1.
    pub value: f64,
    /// The true area is no farther from it than this; 0 if it is exact.
    pub error: f64,
}

/// How well rows are ranked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ranking {
    /// The area, which cannot be merged.
    Area(Area),
    /// The counts from which it is worked out.
    Grid(Grid),
}

/// Rows of either class by their scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Those of class 0, then those of class 1.
    counts: Vec<u64>,
}

/// The exact area over rows with these scores; true are those of class 1. None if a class has no row, or a
/// score is no number.
pub fn area(scores: &mut [(f64, bool)]) -> Option<Area> {
    if scores.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let groups = scores.chunk_by(|a, b| a.0 == b.0).map(|group| {
        let ones = group.iter().filter(|(_, one)| *one).count() as u64;
        (group.len() as u64 - ones, ones)
    });
    let Area { value, .. } = area_of(groups)?;
    Some(Area { value, error: 0.0 })
}

/// The area over groups of rows, each of (class 0, class 1), by rising score.
fn area_of(groups: impl Iterator<Item = (u64, u64)>) -> Option<Area> {
    // In halves of a pair. Counts are below 2^41, so that nothing overflows.
    let (mut zeros, mut ones) = (0u128, 0u128);
    let (mut won, mut tied) = (0u128, 0u128);
    for (zero, one) in groups {
        let (zero, one) = (u128::from(zero), u128::from(one));
        won += 2 * zeros * one;
        tied += zero * one;
        zeros += zero;
        ones += one;
    }
    let halves = 2 * zeros * ones;
    (halves > 0).then(|| Area {
        value: (won + tied) as f64 / halves as f64,
        error: tied as f64 / halves as f64,
    })
}

impl Default for Grid {
    fn default() -> Grid {
        Grid {
            counts: vec![0; 2 * CELLS],
        }
    }
}

impl Grid {
    /// From its counts; None unless there are twice [`CELLS`] of them.
    pub fn from_counts(counts: Vec<u64>) -> Option<Grid> {
        (counts.len() == 2 * CELLS).then_some(Grid { counts })
    }

    /// The counts: class 0 by rising score, then class 1.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts a row.
    pub fn count(&mut self, score: f64, one: bool) {
        let cell = (score * CELLS_PER_UNIT).floor() + (CELLS / 2) as f64;
        let cell = cell.clamp(0.0, (CELLS - 1) as f64) as usize;
        self.counts[usize::from(one) * CELLS + cell] += 1;
    }

    /// Rows of class 0 and of class 1, unless they are too many for a number.
    pub fn rows(&self) -> Option<[u64; 2]> {
        let (zeros, ones) = self.counts.split_at(CELLS);
        let sum = |counts: &[u64]| counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
        Some([sum(zeros)?, sum(ones)?])
    }

    /// Both together, unless a count is too large.
    pub fn merge(&self, other: &Grid) -> Option<Grid> {
        let both = self.counts.iter().zip(&other.counts);
        let counts: Option<Vec<u64>> = both.map(|(a, b)| a.checked_add(*b)).collect();
        Some(Grid { counts: counts? })
    }

    /// The area, as far as the grid tells; None if a class has no row.
    pub fn area(&self) -> Option<Area> {
        let (zeros, ones) = self.counts.split_at(CELLS);
        area_of(zeros.iter().copied().zip(ones.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `roc_auc_score` of scikit-learn 1.9.1 has 0.75 and, with ties, 0.6666666666666667.
    #[test]
    fn as_scikit_learn_has_it() {
        let mut scores = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        let exact = |value| Some(Area { value, error: 0.0 });
        assert_eq!(area(&mut scores), exact(0.75));
        // Of 3 x 3 pairs 5 are won and 2 tied.
        let mut ties = [
            (0.0, false),
            (0.5, false),
            (0.5, true),
            (0.5, true),
            (0.7, false),
            (0.9, true),
        ];
        assert_eq!(area(&mut ties), exact(6.0 / 9.0));
    }

    #[test]
    fn without_both_classes_there_is_no_area() {
        assert_eq!(area(&mut []), None);
        assert_eq!(area(&mut [(1.0, true), (2.0, true)]), None);
        assert_eq!(area(&mut [(f64::NAN, true), (2.0, false)]), None);
        assert_eq!(Grid::default().area(), None);
    }

    #[test]
    fn grids_of_parts_tell_the_area_within_their_error() {
        let mut scores: Vec<(f64, bool)> = (0..3_000u32)
            .map(|row| {
                let spread = f64::from(row.wrapping_mul(2_654_435_761) >> 8) / 2e6 - 4.0;
                (spread + f64::from(row % 3), row % 3 == 2)
            })
            .collect();
        let mut grids = [Grid::default(), Grid::default()];
        for (row, (score, one)) in scores.iter().enumerate() {
            grids[row % 2].count(*score, *one);
        }
        let both = grids[0].merge(&grids[1]).unwrap();
        assert_eq!(both.rows(), Some([2_000, 1_000]));
        let (found, exact) = (both.area().unwrap(), area(&mut scores).unwrap());
        assert!((found.value - exact.value).abs() <= found.error);
        assert!(found.error > 0.0 && found.error < 1e-3, "{found:?}");
        assert_eq!(grids[1].merge(&grids[0]).unwrap().area(), Some(found));
    }

    #[test]
    fn the_outermost_cells_take_all_beyond() {
        let mut grid = Grid::default();
        for score in [f64::NEG_INFINITY, -16.5, -16.0] {
            grid.count(score, false);
        }
        for score in [f64::INFINITY, 1e9, 15.999] {
            grid.count(score, true);
        }
        assert_eq!((grid.counts()[0], grid.counts()[2 * CELLS - 1]), (3, 3));
        let perfect = Area {
            value: 1.0,
            error: 0.0,
        };
        assert_eq!(grid.area(), Some(perfect));
        assert_eq!(Grid::from_counts(vec![0; CELLS]), None);
    }
}
