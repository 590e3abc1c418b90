//! How rows become shards, and which are held out for evaluation.
//!
//! To add a partition, write a file beside this one and add its row to [`PARTITIONS`].

mod held_out;
mod iid;
mod label_shards;
mod power_law;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::data::DataError;
use crate::seed::Seed;
use crate::spec::Table;

pub use held_out::hold_out;

/// A way to cut rows into shards.
pub trait Partition: Send + Sync {
    /// Cuts `rows` (numbers of rows) into `shards` shards, none of them empty; `label` gives the
    /// class of a row.
    ///
    /// # Errors
    /// When there are no such shards.
    fn cut(
        &self,
        rows: &[u32],
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Vec<Vec<u32>>, DataError>;
}

/// The rows of each class, in the order of the classes.
fn by_class(rows: &[u32], label: &dyn Fn(u32) -> u32) -> BTreeMap<u32, Vec<u32>> {
    let mut classes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &row in rows {
        classes.entry(label(row)).or_default().push(row);
    }
    classes
}

/// Every partition that can be named.
pub static PARTITIONS: Table<Arc<dyn Partition>> = Table {
    kind: "partition",
    rows: &[iid::ROW, label_shards::ROW, power_law::ROW],
};
