//! Which files hold what is remembered of which shards, and which of them are still needed.

use std::collections::{BTreeMap, BTreeSet};

/// Shards by the round of the file they are in.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(BTreeMap<u32, BTreeSet<u32>>);

impl Ledger {
    /// There is a file of this round, with these shards.
    pub(super) fn add(&mut self, round: u32, shards: impl Iterator<Item = u32>) {
        self.0.insert(round, shards.collect());
    }

    /// The newest file.
    pub(super) fn newest(&self) -> u32 {
        self.0.keys().next_back().copied().unwrap_or(0)
    }

    /// Rounds of the older files that hold what is newest of some shard, beside a file of this round with these shards.
    pub(super) fn needed_beside(&self, round: u32, shards: BTreeSet<u32>) -> BTreeSet<u32> {
        let mut seen = shards;
        let mut needed = BTreeSet::new();
        for (&older, shards) in self.0.range(..round).rev() {
            if !shards.is_subset(&seen) {
                needed.insert(older);
                seen.extend(shards);
            }
        }
        needed
    }

    /// Takes out the files that none of these rounds needs.
    pub(super) fn take_unneeded(&mut self, kept: &BTreeSet<u32>) -> Vec<u32> {
        let mut needed = kept.clone();
        for &round in kept {
            let own = self.0.get(&round).cloned();
            needed.extend(self.needed_beside(round, own.unwrap_or_default()));
        }
        let unneeded = self.0.keys().filter(|round| !needed.contains(round));
        let unneeded: Vec<u32> = unneeded.copied().collect();
        for round in &unneeded {
            self.0.remove(round);
        }
        unneeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_needed_until_all_of_its_shards_are_in_newer_ones() {
        let mut ledger = Ledger::default();
        ledger.add(1, [0, 1].into_iter());
        ledger.add(2, [1, 2].into_iter());
        ledger.add(3, [0].into_iter());
        let needed =
            |round, own: &[u32]| ledger.needed_beside(round, own.iter().copied().collect());
        assert_eq!(needed(3, &[0]), BTreeSet::from([2]));
        assert_eq!(needed(3, &[]), BTreeSet::from([1, 2]));
        assert_eq!(needed(2, &[1, 2]), BTreeSet::from([1]));
        assert!(ledger.take_unneeded(&BTreeSet::from([2, 3])).is_empty());
        assert_eq!(ledger.take_unneeded(&BTreeSet::from([3])), [1]);
        ledger.add(4, [1, 2].into_iter());
        assert_eq!(ledger.take_unneeded(&BTreeSet::from([4])), [2]);
        assert_eq!(ledger.newest(), 4);
    }
}
