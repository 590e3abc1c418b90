//! How rows become shards, and which are held out for evaluation.
//!
//! To add a partition, write a file beside this one and add its row to [`PARTITIONS`]. Every
//! partition puts every row into exactly one shard, leaves no shard empty, and gives the same
//! shards for the same rows and seed on every machine; its time grows with rows and shards, not
//! with their product.

mod class_shares;
mod classes;
mod dirichlet;
mod held_out;
mod iid;
mod label_shards;
mod power_law;
mod quantity;
mod shards;
mod similarity;
mod weights;

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::data::DataError;
use crate::seed::Seed;
use crate::spec::{OptionHelp, Table};

pub use held_out::hold_out;
pub use shards::Shards;

/// A way to cut rows into shards.
pub trait Partition: Send + Sync {
    /// Cuts `rows` (numbers of rows) into `shards` shards, none of them empty; `label` gives the
    /// class of a row.
    ///
    /// # Errors
    /// When there are no such shards; says what to change.
    fn cut(
        &self,
        rows: Vec<u32>,
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Shards, DataError>;

    /// Whether it looks at the classes of rows: then they must have some.
    fn looks_at_classes(&self) -> bool;
}

/// Every partition that can be named.
pub static PARTITIONS: Table<Arc<dyn Partition>> = Table {
    kind: "partition",
    rows: &[
        iid::ROW,
        label_shards::ROW,
        dirichlet::ROW,
        class_shares::ROW,
        quantity::ROW,
        power_law::ROW,
        similarity::ROW,
    ],
};

const K: OptionHelp = OptionHelp {
    key: "k",
    value: "NUMBER",
    help: "how many to each shard; 2",
};
const MAX_K: usize = 65_536;
const K_ALLOWED: &str = "a whole number from 1 to 65536";

const ALPHA: OptionHelp = OptionHelp {
    key: "alpha",
    value: "NUMBER",
    help: "how alike shards are, from far apart (near 0) to alike (large); 0.5",
};
const ALPHAS: RangeInclusive<f64> = 1e-9..=1e9;
const ALPHA_ALLOWED: &str = "a number from 1e-9 to 1e9";

/// Sizes that differ by at most 1 and sum up to `rows`, the larger first; `shards` is at least 1.
fn even(rows: usize, shards: usize) -> impl Iterator<Item = usize> {
    let (size, more) = (rows / shards, rows % shards);
    (0..shards).map(move |shard| size + usize::from(shard < more))
}

/// Most shares of a class in a shard that are drawn.
const MOST_SHARES: usize = 50_000_000;

/// Whether so many shards can draw a share of each of so many classes.
fn check_shares(rows: usize, shards: usize, classes: usize) -> Result<(), DataError> {
    if classes.saturating_mul(shards) <= MOST_SHARES {
        return Ok(());
    }
    let reason = format!("{classes} classes have a share for each");
    Err(too_few(rows, shards, &reason))
}

/// The error for shards that cannot all have rows.
fn too_few(rows: usize, shards: usize, reason: &str) -> DataError {
    DataError::Shards(match shards {
        0 => "0 shards are none; ask for 1 or more".to_owned(),
        _ => format!("{rows} rows cannot be cut into {shards} shards: {reason}; ask for fewer"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_keeps_what_all_promise() {
        let rows: Vec<u32> = (0..5_003).map(|row| 2 * row).collect();
        let label = |row: u32| row % 7;
        for name in PARTITIONS.names() {
            let partition = PARTITIONS.build(name).unwrap();
            for count in [10, 1_000] {
                let cut = |seed| {
                    partition
                        .cut(rows.clone(), &label, count, Seed(seed))
                        .unwrap()
                };
                let shards = cut(1);
                assert_eq!(shards.len(), count, "{name}");
                assert!(shards.iter().all(|shard| !shard.is_empty()), "{name}");
                let mut all: Vec<u32> = shards.iter().flatten().copied().collect();
                assert_ne!(all, rows, "{name}");
                all.sort_unstable();
                assert_eq!(all, rows, "{name}");
                assert_eq!(cut(1), shards, "{name}");
                assert_ne!(cut(2), shards, "{name}");
            }
            for count in [0, 5_004, usize::MAX] {
                let error = partition
                    .cut(rows.clone(), &label, count, Seed(1))
                    .unwrap_err();
                assert!(error.to_string().contains("ask for"), "{name}: {error}");
            }
            assert!(partition.cut(vec![], &label, 1, Seed(1)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_hundred_thousand_shards_cost_bytes_only() {
        for name in PARTITIONS.names() {
            let partition = PARTITIONS.build(name).unwrap();
            let rows: Vec<u32> = (0..300_000).collect();
            let shards = partition
                .cut(rows, &|row| row % 10, 100_000, Seed(1))
                .unwrap();
            assert_eq!((shards.len(), shards.rows()), (100_000, 300_000), "{name}");
            assert!(
                shards.bytes() < 4 * 300_000 + 6 * 100_000,
                "{name}: {}",
                shards.bytes()
            );
        }
    }

    #[test]
    fn too_many_shares_are_refused() {
        for name in ["dirichlet", "class-shares"] {
            let partition = PARTITIONS.build(name).unwrap();
            let rows = (0..100_000).collect();
            let error = partition.cut(rows, &|row| row % 60_000, 50_000, Seed(1));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("a share for each"), "{name}: {error}");
        }
    }

    #[test]
    fn impossible_options_are_refused() {
        for spec in [
            "label-shards:k=0",
            "power-law:k=x",
            "dirichlet:alpha=0",
            "quantity:alpha=nan",
            "similarity:share=1.1",
        ] {
            let error = PARTITIONS.build(spec).err().unwrap().to_string();
            assert!(error.contains("is not allowed"), "{error}");
        }
    }
}
