//! Nearest-neighbour mixing, before another rule: every update becomes the mean of those near it.
//!
//! Each update is replaced by the mean of the n - f nearest to it, itself among them (Allouah, Farhadkhani,
//! Guerraoui, Gupta, Pinot, Stephan, "Fixing by mixing: a recipe for optimal Byzantine ML under
//! heterogeneity", 2023, algorithm 2). Honest updates come closer together, so that the rule behind it does
//! not take differences of data for attacks. Of equally near ones those with lower numbers are taken.

use super::distances::{Pairs, means_of_groups};
use super::faults::check_pairs;
use super::rows::Update;

/// Whether `updates` can be mixed if `faults` of them may be false.
///
/// # Errors
/// When they are too few, or so many that the pairs are.
pub fn check_mixing(updates: usize, faults: usize) -> Result<(), String> {
    if 2 * faults >= updates {
        let least = 2 * faults + 1;
        return Err(format!(
            "nearest-neighbour mixing with f={faults} needs at least 2f + 1 = {least} updates; there are {updates}"
        ));
    }
    check_pairs("nearest-neighbour mixing", updates)
}

/// The updates after mixing, as many and as long as those given; so it takes as much memory again. All
/// values are finite.
///
/// # Panics
/// If `faults` is not less than the number of updates, or the lengths of the updates differ.
pub fn mix_nearest<U: Update>(updates: &[U], faults: usize, threads: usize) -> Vec<Vec<f32>> {
    assert!(faults < updates.len(), "more faults than updates");
    let pairs = Pairs::of(updates, threads);
    let others = updates.len() - faults - 1;
    let group = |one: usize| {
        let mut group = pairs.nearest(one);
        group.truncate(others);
        group.push(one);
        // One order of the sum, whoever is nearest.
        group.sort_unstable();
        group
    };
    let groups: Vec<Vec<usize>> = (0..updates.len()).map(group).collect();
    means_of_groups(updates, &groups, threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_becomes_the_mean_of_the_nearest() {
        let updates: [&[f32]; 4] = [&[0.0], &[1.0], &[3.0], &[100.0]];
        // With one fault three are taken: of 3 they are 3, 1 and 0; of 100 they are 100, 3 and 1.
        let found = mix_nearest(&updates, 1, 1);
        assert_eq!(
            found,
            [[4.0 / 3.0], [4.0 / 3.0], [4.0 / 3.0], [104.0 / 3.0]]
        );
        // With two faults two: of 0 and of 1 they are these, of 3 they are 3 and 1.
        let found = mix_nearest(&updates, 2, 1);
        assert_eq!(found, [[0.5], [0.5], [2.0], [51.5]]);
        assert_eq!(mix_nearest(&updates, 0, 1), [[26.0]; 4]);
    }

    #[test]
    fn of_equally_near_ones_the_first_is_taken() {
        let updates: [&[f32]; 3] = [&[-1.0], &[0.0], &[1.0]];
        assert_eq!(mix_nearest(&updates, 1, 1), [[-0.5], [-0.5], [0.5]]);
    }

    #[test]
    fn half_of_faults_are_too_many() {
        assert_eq!(check_mixing(5, 2), Ok(()));
        let told = check_mixing(4, 2).unwrap_err();
        assert!(
            told.ends_with("needs at least 2f + 1 = 5 updates; there are 4"),
            "{told}"
        );
    }
}
