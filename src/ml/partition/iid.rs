//! Shards that are all alike: rows in random order, cut evenly.

use std::sync::Arc;

use super::{Partition, Shards, even, too_few};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "iid",
    aliases: &[],
    value: "",
    help: "rows in random order, cut evenly",
    options: &[],
    build: |_| Ok(Arc::new(Iid)),
};

/// Rows in random order, cut evenly. The first shards have one row more where the rows do not
/// divide evenly.
struct Iid;

impl Partition for Iid {
    fn looks_at_classes(&self) -> bool {
        false
    }

    fn cut(
        &self,
        mut rows: Vec<u32>,
        _: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Shards, DataError> {
        if shards == 0 || shards > rows.len() {
            return Err(too_few(rows.len(), shards, "some have no rows"));
        }
        seed.stream(Purpose::Partition, 0, 0).shuffle(&mut rows);
        let sizes = even(rows.len(), shards);
        Ok(Shards::of_sizes(rows, sizes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use crate::seed::Seed;

    #[test]
    fn sizes_are_even() {
        let iid = PARTITIONS.build("iid").unwrap();
        let shards = iid.cut((0..103).collect(), &|_| 0, 10, Seed(1)).unwrap();
        let sizes: Vec<usize> = shards.iter().map(<[u32]>::len).collect();
        assert_eq!(sizes, [11, 11, 11, 10, 10, 10, 10, 10, 10, 10]);
    }
}
