//! Rows that are held out for evaluation.

use crate::seed::{Purpose, Seed};

/// Splits the numbers of `rows` rows into those to train on and those held out, both in ascending
/// order. A `share` from 0 to below 1 is held out, rounded up, but never all.
///
/// Plainly at random, without regard to classes: rows of any kind can be split without looking at
/// them, and the held-out rows are an unbiased sample of what the shards hold. `part` tells apart
/// files that are split each by itself.
pub fn hold_out(rows: usize, share: f64, seed: Seed, part: u64) -> (Vec<u32>, Vec<u32>) {
    let mut all: Vec<u32> = (0..rows as u32).collect();
    if share <= 0.0 || rows < 2 {
        return (all, Vec::new());
    }
    let count = ((rows as f64 * share).ceil() as usize).min(rows - 1);
    seed.stream(Purpose::HeldOut, 0, part).shuffle(&mut all);
    let mut train = all.split_off(count);
    train.sort_unstable();
    all.sort_unstable();
    (train, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_side() {
        let (train, held) = hold_out(1_797, 0.2, Seed(1), 0);
        assert_eq!((train.len(), held.len()), (1_437, 360));
        let mut all = [train, held.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1_797).collect::<Vec<_>>());
        assert_eq!(hold_out(1_797, 0.2, Seed(1), 0).1, held);
        assert_ne!(hold_out(1_797, 0.2, Seed(1), 1).1, held);
    }

    #[test]
    fn neither_side_takes_all() {
        assert!(hold_out(3, 0.0, Seed(1), 0).1.is_empty());
        assert!(hold_out(1, 0.9, Seed(1), 0).1.is_empty());
        assert_eq!(hold_out(3, 0.999, Seed(1), 0).0.len(), 1);
    }
}
