//! For studies: shards that do only a part of a round's epochs, as on slow devices (Li et al., MLSys 2020, section 5.2).

use std::collections::BTreeMap;

use crate::seed::{Purpose, Seed};

/// How many shards of a round do less, and what becomes of their updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stragglers {
    /// Share of a round's shards, above 0 and up to 1.
    pub share: f64,
    /// Their updates do not count: they are not even asked.
    pub dropped: bool,
}

impl Stragglers {
    /// The stragglers of a round's shards and how many of so many epochs each does, 1 to one less than all.
    pub fn among(&self, cohort: &[u32], seed: Seed, round: u32, epochs: u32) -> BTreeMap<u32, u32> {
        let mut stream = seed.stream(Purpose::Straggling, round, 0);
        let mut shards = cohort.to_vec();
        stream.shuffle(&mut shards);
        let count = (self.share * cohort.len() as f64).round() as usize;
        let fewer = u64::from(epochs.saturating_sub(1).max(1));
        let stragglers = shards.into_iter().take(count);
        stragglers
            .map(|shard| (shard, 1 + stream.below(fewer) as u32))
            .collect()
    }

    /// The shards that are asked.
    pub fn asked(&self, cohort: Vec<u32>, seed: Seed, round: u32) -> Vec<u32> {
        if !self.dropped {
            return cohort;
        }
        let stragglers = self.among(&cohort, seed, round, 1);
        let left = cohort
            .iter()
            .filter(|shard| !stragglers.contains_key(shard));
        let left: Vec<u32> = left.copied().collect();
        // A round without any update would be none.
        if left.is_empty() { cohort } else { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COHORT: [u32; 10] = [3, 7, 8, 11, 20, 21, 22, 23, 40, 41];

    #[test]
    fn as_many_as_the_share_says_do_less() {
        let half = Stragglers {
            share: 0.5,
            dropped: false,
        };
        let stragglers = half.among(&COHORT, Seed(1), 4, 20);
        assert_eq!(stragglers.len(), 5);
        assert!(stragglers.values().all(|epochs| (1..20).contains(epochs)));
        assert_eq!(stragglers, half.among(&COHORT, Seed(1), 4, 20));
        assert_ne!(stragglers, half.among(&COHORT, Seed(1), 5, 20));
        assert_eq!(half.asked(COHORT.to_vec(), Seed(1), 4), COHORT);
    }

    #[test]
    fn dropped_ones_are_the_same_and_never_all() {
        let most = Stragglers {
            share: 0.9,
            dropped: true,
        };
        let left = most.asked(COHORT.to_vec(), Seed(2), 1);
        let stragglers = most.among(&COHORT, Seed(2), 1, 20);
        assert_eq!(left.len(), 1);
        assert!(!stragglers.contains_key(&left[0]));
        let all = Stragglers { share: 1.0, ..most };
        assert_eq!(all.asked(COHORT.to_vec(), Seed(2), 1), COHORT);
    }
}
