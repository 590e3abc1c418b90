//! Participants with few classes each and very different numbers of rows.
//!
//! Each shard holds `classes` classes, one after the other from its own number on. Of each it gets a few rows first; what
//! is left of a class is shared among its holders in proportion to log-normal draws, so that most have little and some
//! much. The MNIST job of Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, section 5, cut
//! among 1,000 participants, is `power-law` as it stands: 2 classes, 5 rows first, sigma 2.

use std::sync::Arc;

use super::{Partition, by_class};
use crate::math::exp;
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "power-law",
    aliases: &[],
    value: "",
    help: "a few classes a shard, and sizes from a few rows to many (Li et al., MLSys 2020, section 5)",
    options: &[
        OptionHelp {
            key: "classes",
            value: "NUMBER",
            help: "classes of a shard; 2",
        },
        OptionHelp {
            key: "first",
            value: "NUMBER",
            help: "rows of each of its classes that a shard has at least; 5",
        },
        OptionHelp {
            key: "sigma",
            value: "NUMBER",
            help: "deviation of the logarithms of the sizes; 2",
        },
    ],
    build: |arguments| {
        Ok(Arc::new(PowerLaw {
            classes: arguments.number(
                "classes",
                2,
                1..=65_536,
                "a whole number from 1 to 65536",
            )?,
            first: arguments.number("first", 5, 1..=1 << 20, "a whole number from 1 to 1048576")?,
            sigma: arguments.number("sigma", 2.0, 0.0..=10.0, "a number from 0 to 10")?,
        }))
    },
};

struct PowerLaw {
    classes: usize,
    first: usize,
    sigma: f64,
}

impl Partition for PowerLaw {
    fn cut(
        &self,
        rows: &[u32],
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Vec<Vec<u32>>, DataError> {
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        let classes = by_class(rows, label);
        let mut cut = vec![Vec::new(); shards];
        let holds = self.classes.min(classes.len());
        for (number, (class, rows)) in classes.iter().enumerate() {
            let mut rows = rows.clone();
            stream.shuffle(&mut rows);
            let from =
                |shard: usize| (number + classes.len() - shard % classes.len()) % classes.len();
            let holders: Vec<usize> = (0..shards).filter(|&shard| from(shard) < holds).collect();
            let first = self.first * holders.len();
            if first > rows.len() {
                let (has, holders) = (rows.len(), holders.len());
                return Err(DataError::Shards(format!(
                    "class {class} has {has} rows, too few for {holders} shards with {} each; \
                     take fewer shards or partition=power-law:first=NUMBER",
                    self.first
                )));
            }
            let shares: Vec<f64> = holders
                .iter()
                .map(|_| exp(self.sigma * stream.normal()))
                .collect();
            let total: f64 = shares.iter().sum();
            let left = (rows.len() - first) as f64;
            let mut rest = &rows[..];
            for (&shard, share) in holders.iter().zip(&shares) {
                let size = self.first + (left * (share / total)) as usize;
                let (mine, others) = rest.split_at(size.min(rest.len()));
                cut[shard].extend_from_slice(mine);
                rest = others;
            }
        }
        if let Some(empty) = cut.iter().position(Vec::is_empty) {
            return Err(DataError::Shards(format!("shard {empty} would be empty")));
        }
        Ok(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use crate::seed::Seed;

    #[test]
    fn shards_hold_two_classes_and_very_different_sizes() {
        let rows: Vec<u32> = (0..20_000).collect();
        let label = |row: u32| row % 10;
        let cut = |spec: &str, shards, seed| {
            let partition = PARTITIONS.build(spec).unwrap();
            partition.cut(&rows, &label, shards, Seed(seed))
        };
        let shards = cut("power-law", 100, 1).unwrap();
        for (number, shard) in shards.iter().enumerate() {
            let mut classes: Vec<u32> = shard.iter().map(|&row| label(row)).collect();
            classes.sort_unstable();
            classes.dedup();
            let mut expected = vec![number as u32 % 10, (number as u32 + 1) % 10];
            expected.sort_unstable();
            assert_eq!(classes, expected);
            assert!(shard.len() >= 10);
        }
        let mut all = shards.concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(
            all.len(),
            shards.iter().map(Vec::len).sum::<usize>(),
            "no row twice"
        );
        let largest = shards.iter().map(Vec::len).max().unwrap();
        let small = shards.iter().filter(|shard| shard.len() < 100).count();
        assert!(largest > 1_000 && small > 40, "{largest} {small}");
        assert_eq!(cut("power-law", 100, 1).unwrap(), shards);
        assert_ne!(cut("power-law", 100, 2).unwrap(), shards);
        let few = cut("power-law", 10_000, 1).unwrap_err().to_string();
        assert!(few.contains("too few for 2000 shards with 5 each"), "{few}");
    }
}
