//! Shards that are all alike: rows in random order, cut evenly.

use std::sync::Arc;

use super::Partition;
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
    fn cut(
        &self,
        rows: &[u32],
        _: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Vec<Vec<u32>>, DataError> {
        if shards == 0 || shards > rows.len() {
            let rows = rows.len();
            return Err(DataError::Shards(format!(
                "{rows} rows cannot be cut into {shards} shards"
            )));
        }
        let mut rows = rows.to_vec();
        seed.stream(Purpose::Partition, 0, 0).shuffle(&mut rows);
        let (size, more) = (rows.len() / shards, rows.len() % shards);
        let mut rest = &rows[..];
        let cut = (0..shards).map(|shard| {
            let (taken, left) = rest.split_at(size + usize::from(shard < more));
            rest = left;
            taken.to_vec()
        });
        Ok(cut.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use crate::seed::Seed;

    #[test]
    fn every_row_is_in_one_shard() {
        let rows: Vec<u32> = (0..103).map(|row| 2 * row).collect();
        let iid = PARTITIONS.build("iid").unwrap();
        let shards = iid.cut(&rows, &|_| 0, 10, Seed(1)).unwrap();
        let sizes: Vec<usize> = shards.iter().map(Vec::len).collect();
        assert_eq!(sizes, [11, 11, 11, 10, 10, 10, 10, 10, 10, 10]);
        let mut all = shards.concat();
        assert_ne!(all, rows);
        all.sort_unstable();
        assert_eq!(all, rows);
        assert_eq!(iid.cut(&rows, &|_| 0, 10, Seed(1)).unwrap(), shards);
        assert_ne!(iid.cut(&rows, &|_| 0, 10, Seed(2)).unwrap(), shards);
        assert!(iid.cut(&rows, &|_| 0, 0, Seed(1)).is_err());
        assert!(iid.cut(&rows, &|_| 0, 104, Seed(1)).is_err());
    }
}
