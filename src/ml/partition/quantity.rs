//! Shards that are alike but for their sizes, drawn from a Dirichlet distribution.

use std::sync::Arc;

use super::{Partition, Shards, too_few, weights};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "quantity",
    aliases: &[],
    value: "",
    help: "rows in random order, cut into sizes drawn from a Dirichlet distribution",
    options: &[super::ALPHA],
    build: |arguments| {
        let alpha = arguments.number("alpha", 0.5, super::ALPHAS, super::ALPHA_ALLOWED)?;
        Ok(Arc::new(Quantity { alpha }))
    },
};

/// Quantity skew as in Li et al., "Federated Learning on Non-IID Data Silos", 2022, section 4: the
/// shares of the shards are one draw of a symmetric Dirichlet distribution. Every shard first gets
/// one row, so none is empty; the shares are of the others.
struct Quantity {
    alpha: f64,
}

impl Partition for Quantity {
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
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        stream.shuffle(&mut rows);
        let parameters = std::iter::repeat_n(self.alpha, shards);
        let shares = weights::dirichlet(parameters, &mut stream);
        let others = weights::apportion(rows.len() - shards, &shares);
        Ok(Shards::of_sizes(rows, others.map(|size| size + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;

    #[test]
    fn alpha_goes_from_one_large_shard_to_all_alike() {
        let largest = |alpha: &str| {
            let partition = PARTITIONS
                .build(&format!("quantity:alpha={alpha}"))
                .unwrap();
            let shards = partition
                .cut((0..10_000).collect(), &|_| 0, 100, Seed(1))
                .unwrap();
            shards.iter().map(<[u32]>::len).max().unwrap()
        };
        let (one, some, alike) = (largest("0.0001"), largest("0.5"), largest("1000000"));
        assert!(one > 9_000, "{one}");
        assert!((300..2_000).contains(&some), "{some}");
        assert!((100..110).contains(&alike), "{alike}");
    }
}
