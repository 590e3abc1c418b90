//! Shards of few classes: rows sorted by class, cut into pieces, some pieces to each shard.

use std::sync::Arc;

use super::classes::Classes;
use super::{Partition, Shards, even, too_few};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "label-shards",
    aliases: &[],
    value: "",
    help: "rows sorted by class, cut evenly into pieces, k pieces to each shard",
    options: &[super::K],
    build: |arguments| {
        let k = arguments.number("k", 2, 1..=super::MAX_K, super::K_ALLOWED)?;
        Ok(Arc::new(LabelShards { k }))
    },
};

/// The partition of McMahan et al., "Communication-Efficient Learning of Deep Networks from
/// Decentralized Data", 2017, section 3. Every shard has `k` pieces of consecutive rows, hence
/// rarely more than `k` classes; the sizes differ by at most `k`.
struct LabelShards {
    k: usize,
}

impl Partition for LabelShards {
    fn looks_at_classes(&self) -> bool {
        true
    }

    fn cut(
        &self,
        rows: Vec<u32>,
        label: &dyn Fn(u32) -> u32,
        shards: usize,
        seed: Seed,
    ) -> Result<Shards, DataError> {
        let count = shards.saturating_mul(self.k);
        if count == 0 || count > rows.len() {
            let reason = format!("k={} pieces for each are {count} pieces", self.k);
            return Err(too_few(rows.len(), shards, &reason));
        }
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        let rows = Classes::of(rows, label, &mut stream).into_rows();
        let mut rest = &rows[..];
        let pieces = even(rows.len(), count).map(|size| {
            let (piece, left) = rest.split_at(size);
            rest = left;
            piece
        });
        let mut pieces: Vec<&[u32]> = pieces.collect();
        stream.shuffle(&mut pieces);
        let hands = pieces.chunks(self.k);
        let sizes = hands.map(|hand| hand.iter().map(|piece| piece.len()).sum());
        Ok(Shards::of_sizes(pieces.concat(), sizes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_shard_has_two_pieces() {
        // As in the paper: 100 shards of two digits each, here with 60 rows each.
        let partition = PARTITIONS.build("label-shards:k=2").unwrap();
        let label = |row: u32| row % 10;
        let shards = partition
            .cut((0..6_000).collect(), &label, 100, Seed(1))
            .unwrap();
        let mut kinds = BTreeSet::new();
        for rows in shards.iter() {
            let classes: BTreeSet<u32> = rows.iter().map(|row| label(*row)).collect();
            assert!(classes.len() <= 2 && rows.len() == 60);
            kinds.insert(classes);
        }
        assert!(kinds.len() > 20, "pieces are dealt at random");
    }
}
