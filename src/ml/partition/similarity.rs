//! Shards that share some of their rows' mixture and are sorted by class otherwise.

use std::sync::Arc;

use super::classes::Classes;
use super::{Partition, Shards, even, too_few};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "similarity",
    aliases: &[],
    value: "",
    help: "a share of the rows is dealt at random to all shards, the others sorted by class and cut evenly",
    options: &[OptionHelp {
        key: "share",
        value: "0..1",
        help: "how much is dealt at random, from sorted (0) to alike (1); 0.1",
    }],
    build: |arguments| {
        let share = arguments.number("share", 0.1, 0.0..=1.0, "a number from 0 to 1")?;
        Ok(Arc::new(Similarity { share }))
    },
};

/// The partition of Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", 2020,
/// section 7: for a similarity of s percent every shard gets s percent of its rows at random, and the others come from
/// the rows sorted by class, in one run. Sizes differ by at most one row.
struct Similarity {
    share: f64,
}

impl Partition for Similarity {
    fn looks_at_classes(&self) -> bool {
        true
    }

    fn cut(
        &self,
        mut rows: Vec<u32>,
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Shards, DataError> {
        if shards == 0 || shards > rows.len() {
            return Err(too_few(rows.len(), shards, "some have no rows"));
        }
        let all = rows.len();
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        stream.shuffle(&mut rows);
        let dealt = ((all as f64 * self.share).round() as usize).min(all);
        let mut sorted = Classes::of(rows.split_off(dealt), label, &mut stream)
            .into_rows()
            .into_iter();
        let mut dealt_rows = rows.into_iter();
        let mut cut = Vec::with_capacity(all);
        // What is dealt grows no faster from shard to shard than the whole, so the difference is never below 0.
        for (size, alike) in even(all, shards).zip(even(dealt, shards)) {
            cut.extend(dealt_rows.by_ref().take(alike));
            cut.extend(sorted.by_ref().take(size - alike));
        }
        Ok(Shards::of_sizes(cut, even(all, shards)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;
    use std::collections::BTreeMap;

    /// Rows of each class in each of 100 shards of 60 rows.
    fn counts(share: &str) -> Vec<BTreeMap<u32, usize>> {
        let partition = PARTITIONS
            .build(&format!("similarity:share={share}"))
            .unwrap();
        let shards = partition
            .cut((0..6_000).collect(), &|row| row % 10, 100, Seed(1))
            .unwrap();
        let count = |rows: &[u32]| {
            assert_eq!(rows.len(), 60);
            let mut counts = BTreeMap::new();
            rows.iter()
                .for_each(|row| *counts.entry(row % 10).or_insert(0) += 1);
            counts
        };
        shards.iter().map(count).collect()
    }

    #[test]
    fn sorted_rows_are_runs_of_one_class() {
        // 600 rows a class are ten shards each, without a rest.
        assert!(counts("0").iter().all(|counts| counts.len() == 1));
    }

    #[test]
    fn a_share_is_alike() {
        let tenth = counts("0.1");
        for counts in &tenth {
            let most = counts.values().max().unwrap();
            assert!(
                counts.values().sum::<usize>() - most <= 6 + 54 / 2,
                "{counts:?}"
            );
        }
        let pure = tenth
            .iter()
            .filter(|counts| counts.values().any(|count| *count >= 54));
        assert!(pure.count() > 70, "most runs lie within a class");
        let mixed = tenth.iter().filter(|counts| counts.len() > 2).count();
        assert!(mixed > 90, "every shard has six rows of any class: {mixed}");
        let all = counts("1");
        assert!(all.iter().all(|counts| counts.len() >= 7), "as iid");
    }
}
