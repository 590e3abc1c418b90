//! Shards among which every class is divided by a Dirichlet distribution: mixtures and sizes differ.

use std::sync::Arc;

use super::classes::Classes;
use super::{Partition, Shards, check_shares, too_few, weights};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "class-shares",
    aliases: &[],
    value: "",
    help: "each class divided among the shards by a Dirichlet distribution, so that sizes differ, too",
    options: &[super::ALPHA],
    build: |arguments| {
        let alpha = arguments.number("alpha", 0.5, super::ALPHAS, super::ALPHA_ALLOWED)?;
        Ok(Arc::new(ClassShares { alpha }))
    },
};

/// The partition of Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural Networks", ICML 2019, section
/// 4, as Li et al. make it ("Federated Learning on Non-IID Data Silos", 2022, and their code): class by class, the shares
/// of the shards are one draw of a symmetric Dirichlet distribution, and shards that have their even part of all rows
/// get no more. Li et al. draw all again until no shard has fewer than ten rows; here every shard first gets one row.
struct ClassShares {
    alpha: f64,
}

impl Partition for ClassShares {
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
        let count = rows.len();
        if shards == 0 || shards > count {
            return Err(too_few(count, shards, "some have no rows"));
        }
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        stream.shuffle(&mut rows);
        let others = rows.split_off(shards);
        let classes = Classes::of(others, label, &mut stream);
        check_shares(count, shards, classes.len())?;
        let mut sizes = vec![1; shards];
        let mut owners: Vec<u32> = (0..shards as u32).collect();
        for class in 0..classes.len() {
            let mut shares =
                weights::dirichlet(std::iter::repeat_n(self.alpha, shards), &mut stream);
            keep_below(&mut shares, |shard| sizes[shard] * shards < count);
            for (shard, more) in weights::apportion(classes.count(class), &shares).enumerate() {
                owners.extend(std::iter::repeat_n(shard as u32, more));
                sizes[shard] += more;
            }
        }
        rows.extend(classes.rows());
        Ok(Shards::of_owners(&rows, &owners, shards))
    }
}

/// Takes the shares of all shards that want no more. Where those of the others are 0, they get equal ones.
fn keep_below(shares: &mut [f64], wants: impl Fn(usize) -> bool) {
    for (shard, share) in shares.iter_mut().enumerate() {
        if !wants(shard) {
            *share = 0.0;
        }
    }
    if shares.iter().all(|share| *share == 0.0) {
        for (shard, share) in shares.iter_mut().enumerate() {
            *share = f64::from(u8::from(wants(shard)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;

    /// Rows of the smallest and the largest of ten shards, and the mean share of a shard's most frequent class.
    fn found(alpha: f64) -> (usize, usize, f64) {
        let partition = PARTITIONS.build(&format!("class-shares:alpha={alpha}"));
        let cut = |seed| {
            let rows = (0..60_000).collect();
            let shards = partition
                .as_ref()
                .unwrap()
                .cut(rows, &|row| row % 10, 10, Seed(seed));
            shards.unwrap()
        };
        let (mut least, mut most, mut purity) = (usize::MAX, 0, 0.0);
        for seed in 0..10 {
            for rows in cut(seed).iter() {
                let mut counts = [0; 10];
                rows.iter().for_each(|row| counts[*row as usize % 10] += 1);
                (least, most) = (least.min(rows.len()), most.max(rows.len()));
                purity += f64::from(*counts.iter().max().unwrap()) / rows.len() as f64 / 100.0;
            }
        }
        (least, most, purity)
    }

    #[test]
    fn alpha_goes_from_a_shard_for_each_class_to_all_alike() {
        let (least, most, purity) = found(0.5);
        assert!(least < 5_000 && most > 7_000, "{least} to {most}");
        assert!((0.3..0.6).contains(&purity), "{purity}");
        let (least, most, purity) = found(1e6);
        assert!(least > 5_900 && most < 6_100, "{least} to {most}");
        assert!(purity < 0.11, "{purity}");
        let (.., purity) = found(0.001);
        assert!(purity > 0.8, "{purity}");
    }
}
