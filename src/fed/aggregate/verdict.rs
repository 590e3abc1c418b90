//! What a rule says of every update of a round.

use super::clip::middle;
use super::distances::squares_to;
use super::rows::Update;

/// Scores above this are suspicious: three times as far off as the middle one. Updates of honest nodes have
/// nearly equal distances where there are many values; where data differ much, honest ones may be above.
const SUSPICIOUS: f64 = 3.0;

/// What is to be thought of every update.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// One for each update: its distance to the result over the median of all distances. Of Krum, where nothing
    /// is mixed, the root of its score over the root of the median score. Infinite if a value is not finite,
    /// and if it is off while most are not at all.
    pub scores: Vec<f64>,
    /// The numbers of those that had no part in the result, in ascending order.
    pub left_out: Vec<usize>,
}

impl Verdict {
    /// The numbers of those so far off that someone should look at them.
    pub fn suspects(&self) -> Vec<usize> {
        let far = |&update: &usize| self.scores[update] > SUSPICIOUS;
        (0..self.scores.len()).filter(far).collect()
    }

    /// By the distances to the result; nobody is left out.
    pub(super) fn by_distance<U: Update>(updates: &[U], result: &[f32], threads: usize) -> Self {
        Verdict {
            scores: relative(squares_to(updates, Some(result), threads)),
            left_out: Vec::new(),
        }
    }

    /// By squared scores; those not chosen are left out.
    pub(super) fn by_score(scores: Vec<f64>, chosen: Vec<usize>) -> Self {
        Verdict {
            left_out: others(scores.len(), &chosen),
            scores: relative(scores),
        }
    }

    /// The same as said of `count` updates of which only the `usable` ones, in ascending order, were looked at.
    pub(super) fn among(self, count: usize, usable: &[usize]) -> Self {
        let mut scores = vec![f64::INFINITY; count];
        for (&number, score) in usable.iter().zip(self.scores) {
            scores[number] = score;
        }
        let mut left_out = others(count, usable);
        left_out.extend(self.left_out.iter().map(|&at| usable[at]));
        left_out.sort_unstable();
        Verdict { scores, left_out }
    }
}

/// The numbers below `count` that are not in `chosen`, which is ascending.
fn others(count: usize, chosen: &[usize]) -> Vec<usize> {
    let is_other = |number: &usize| chosen.binary_search(number).is_err();
    (0..count).filter(is_other).collect()
}

/// Roots over the median of the roots.
fn relative(squares: Vec<f64>) -> Vec<f64> {
    let roots: Vec<f64> = squares.into_iter().map(f64::sqrt).collect();
    let middle = middle(&roots);
    let over = |root: f64| if root == 0.0 { 0.0 } else { root / middle };
    roots.into_iter().map(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_distances_over_the_median_distance() {
        let updates: [&[f32]; 4] = [&[1.0], &[3.0], &[2.0], &[12.0]];
        // Distances to 1 are 0, 2, 1 and 11, their median 1.5.
        let verdict = Verdict::by_distance(&updates, &[1.0], 1);
        assert_eq!(verdict.scores, [0.0, 2.0 / 1.5, 1.0 / 1.5, 11.0 / 1.5]);
        assert_eq!(verdict.suspects(), [3]);
    }

    #[test]
    fn one_that_is_off_where_most_agree_is_infinitely_far() {
        let updates: [&[f32]; 3] = [&[1.0], &[1.0], &[1.5]];
        let verdict = Verdict::by_distance(&updates, &[1.0], 1);
        assert_eq!(verdict.scores, [0.0, 0.0, f64::INFINITY]);
    }

    #[test]
    fn numbers_are_those_of_the_round() {
        let verdict = Verdict::by_score(vec![1.0, 4.0, 100.0], vec![0, 1]).among(5, &[1, 2, 4]);
        let infinite = f64::INFINITY;
        assert_eq!(verdict.scores, [infinite, 0.5, 1.0, infinite, 5.0]);
        assert_eq!(verdict.left_out, [0, 3, 4]);
        assert_eq!(verdict.suspects(), [0, 3, 4]);
    }
}
