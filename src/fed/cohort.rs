//! Which shards train in a round.

use crate::seed::{Purpose, Seed};

/// Samples `size` of `shards` shards without replacement; all of them if `size` is none or no smaller.
///
/// The sample depends on (seed, round) alone. Ascending. Floyd's algorithm: R. Floyd and J. Bentley,
/// "A sample of brilliance", CACM 30(9), 1987; its cost grows with the sample, not with the shards.
pub fn sample(seed: Seed, round: u32, shards: u32, size: Option<u32>) -> Vec<u32> {
    let size = size.unwrap_or(shards);
    if size >= shards {
        return (0..shards).collect();
    }
    let mut stream = seed.stream(Purpose::Cohort, round, 0);
    let mut chosen = std::collections::BTreeSet::new();
    for last in shards - size..shards {
        let pick = stream.below(u64::from(last) + 1) as u32;
        if !chosen.insert(pick) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_without_a_size() {
        assert_eq!(sample(Seed(1), 1, 4, None), [0, 1, 2, 3]);
        assert_eq!(sample(Seed(1), 1, 4, Some(9)), [0, 1, 2, 3]);
    }

    #[test]
    fn samples_are_distinct_in_range_and_repeatable() {
        for round in 1..50 {
            let cohort = sample(Seed(7), round, 20, Some(5));
            assert_eq!(cohort.len(), 5);
            assert!(cohort.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(cohort.iter().all(|&shard| shard < 20));
            assert_eq!(cohort, sample(Seed(7), round, 20, Some(5)));
        }
    }

    #[test]
    fn every_shard_is_drawn_about_equally_often() {
        let mut drawn = [0u32; 10];
        for round in 1..=3000 {
            for shard in sample(Seed(3), round, 10, Some(3)) {
                drawn[shard as usize] += 1;
            }
        }
        // 900 each are expected; the standard deviation is 25.
        assert!(drawn.iter().all(|&n| (775..1025).contains(&n)), "{drawn:?}");
    }
}
