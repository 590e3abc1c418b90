//! Participants who see few classes: rows sorted by class, cut into pieces, some pieces each.
//!
//! McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017, section 3:
//! 200 pieces of 300 digits, two for each of 100 clients.

use std::sync::Arc;

use super::{Partition, by_class};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "label-shards",
    aliases: &[],
    value: "",
    help: "rows sorted by class and cut into pieces, some pieces a shard (McMahan et al., 2017, section 3)",
    options: &[OptionHelp {
        key: "pieces",
        value: "NUMBER",
        help: "pieces of a shard, and so about the classes it sees; 2",
    }],
    build: |arguments| {
        let allowed = "a whole number from 1 to 65536";
        Ok(Arc::new(LabelShards {
            pieces: arguments.number("pieces", 2, 1..=65_536, allowed)?,
        }))
    },
};

struct LabelShards {
    pieces: usize,
}

impl Partition for LabelShards {
    fn cut(
        &self,
        rows: &[u32],
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Vec<Vec<u32>>, DataError> {
        let pieces = shards.saturating_mul(self.pieces);
        if pieces == 0 || pieces > rows.len() {
            let (rows, each) = (rows.len(), self.pieces);
            return Err(DataError::Shards(format!(
                "{rows} rows cannot be cut into {shards} shards of {each} pieces"
            )));
        }
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        let sorted: Vec<u32> = by_class(rows, label)
            .into_values()
            .flat_map(|mut rows| {
                stream.shuffle(&mut rows);
                rows
            })
            .collect();
        let mut order: Vec<u32> = (0..pieces as u32).collect();
        stream.shuffle(&mut order);
        let piece = |&number: &u32| {
            let at = |number: u64| (number * sorted.len() as u64 / pieces as u64) as usize;
            &sorted[at(u64::from(number))..at(u64::from(number) + 1)]
        };
        let deal = |mine: &[u32]| mine.iter().map(piece).collect::<Vec<_>>().concat();
        Ok(order.chunks(self.pieces).map(deal).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use crate::seed::Seed;

    #[test]
    fn every_row_is_dealt_and_shards_see_few_classes() {
        let rows: Vec<u32> = (0..6_000).collect();
        let label = |row: u32| row % 10;
        let partition = PARTITIONS.build("label-shards").unwrap();
        let shards = partition.cut(&rows, &label, 100, Seed(3)).unwrap();
        let mut all = shards.concat();
        all.sort_unstable();
        assert_eq!(all, rows);
        for shard in &shards {
            assert_eq!(shard.len(), 60);
            let mut classes: Vec<u32> = shard.iter().map(|&row| label(row)).collect();
            classes.sort_unstable();
            classes.dedup();
            assert!(classes.len() <= 2, "{classes:?}");
        }
        assert_eq!(partition.cut(&rows, &label, 100, Seed(3)).unwrap(), shards);
        assert!(partition.cut(&rows, &label, 3_001, Seed(3)).is_err());
        assert!(partition.cut(&rows, &label, 0, Seed(3)).is_err());
    }
}
