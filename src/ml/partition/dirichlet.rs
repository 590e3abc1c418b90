//! Shards with a mixture of classes of their own, drawn from a Dirichlet distribution.

use std::sync::Arc;

use super::classes::Classes;
use super::{Partition, Shards, check_shares, even, too_few, weights};
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed, Stream};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "dirichlet",
    aliases: &[],
    value: "",
    help: "shards of even size, the classes of each mixed by a Dirichlet distribution",
    options: &[super::ALPHA],
    build: |arguments| {
        let alpha = arguments.number("alpha", 0.5, super::ALPHAS, super::ALPHA_ALLOWED)?;
        Ok(Arc::new(Dirichlet { alpha }))
    },
};

/// The partition of Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for
/// Federated Visual Classification", 2019, section 3: every shard draws its mixture of classes, then
/// its rows one by one from the classes by that mixture, as long as a class has rows left. So every
/// row is in one shard, and sizes are even (`quantity` makes them differ). The last shards take
/// what is left, and may be less pure than their mixture.
///
/// `alpha` is the parameter of one class when all classes are equally frequent, as in Li et al.,
/// "Federated Learning on Non-IID Data Silos", 2022. Hsu et al. write alpha for the sum over classes.
struct Dirichlet {
    alpha: f64,
}

impl Partition for Dirichlet {
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
        if shards == 0 || shards > rows.len() {
            return Err(too_few(rows.len(), shards, "some have no rows"));
        }
        let count = rows.len();
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        let classes = Classes::of(rows, label, &mut stream);
        check_shares(count, shards, classes.len())?;
        let frequent = |class| classes.count(class) as f64 / count as f64 * classes.len() as f64;
        let parameters: Vec<f64> = (0..classes.len())
            .map(|class| self.alpha * frequent(class))
            .collect();
        // Where the rows of each class that are left start, and end.
        let mut left: Vec<(usize, usize)> = (0..classes.len())
            .map(|class| {
                (
                    classes.start(class),
                    classes.start(class) + classes.count(class),
                )
            })
            .collect();
        let mut dealt = Vec::with_capacity(count);
        for size in even(count, shards) {
            let mixture = weights::dirichlet(parameters.iter().copied(), &mut stream);
            let mut urn = Urn::new(&mixture, &left);
            for _ in 0..size {
                let class = urn.draw(&mut stream);
                let (start, end) = &mut left[class];
                dealt.push(classes.rows()[*start]);
                *start += 1;
                if start == end {
                    urn = Urn::new(&mixture, &left);
                }
            }
        }
        Ok(Shards::of_sizes(dealt, even(count, shards)))
    }
}

/// Classes to draw from by their weights.
struct Urn {
    /// Sums of the weights up to each class.
    sums: Vec<f64>,
}

impl Urn {
    /// The classes that have rows left. Where all of these have weight 0, their rows count instead.
    fn new(mixture: &[f64], left: &[(usize, usize)]) -> Urn {
        let rows = || left.iter().map(|(start, end)| end - start);
        let masked = mixture.iter().zip(rows());
        let urn = Urn::of(masked.map(|(weight, rows)| if rows > 0 { *weight } else { 0.0 }));
        if urn.total() > 0.0 {
            urn
        } else {
            Urn::of(rows().map(|rows| rows as f64))
        }
    }

    fn of(weights: impl Iterator<Item = f64>) -> Urn {
        let mut sum = 0.0;
        let add = |weight| {
            sum += weight;
            sum
        };
        Urn {
            sums: weights.map(add).collect(),
        }
    }

    fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }

    /// The first class whose sum is above a random share of the whole: its own weight is above 0.
    fn draw(&self, stream: &mut Stream) -> usize {
        let share = stream.uniform() * self.total();
        let class = self.sums.partition_point(|sum| *sum <= share);
        if class < self.sums.len() {
            return class;
        }
        // The product was rounded up to the whole; the last class with a weight ends there.
        self.sums.partition_point(|sum| *sum < self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;

    /// Mean share of the most frequent class of a shard.
    fn purity(alpha: f64) -> f64 {
        let partition = PARTITIONS
            .build(&format!("dirichlet:alpha={alpha}"))
            .unwrap();
        let shards = partition
            .cut((0..10_000).collect(), &|row| row % 10, 100, Seed(1))
            .unwrap();
        let mut sum = 0.0;
        for rows in shards.iter() {
            assert_eq!(rows.len(), 100, "sizes are even");
            let mut counts = [0; 10];
            rows.iter().for_each(|row| counts[*row as usize % 10] += 1);
            sum += f64::from(*counts.iter().max().unwrap()) / 100.0;
        }
        sum / 100.0
    }

    #[test]
    fn alpha_goes_from_one_class_to_all_alike() {
        let (pure, mixed, alike) = (purity(0.001), purity(0.5), purity(1e6));
        assert!(pure > 0.9, "{pure}");
        // Mean of the largest of ten shares under Dirichlet(0.5): about 0.41; less as classes end.
        assert!((0.3..0.5).contains(&mixed), "{mixed}");
        assert!(alike < 0.2, "{alike}");
    }

    #[test]
    fn rare_classes_are_dealt_completely() {
        let partition = PARTITIONS.build("dirichlet:alpha=0.1").unwrap();
        let label = |row: u32| if row < 3 { 9 } else { row % 2 };
        let shards = partition
            .cut((0..1_000).collect(), &label, 1_000, Seed(1))
            .unwrap();
        assert!(shards.iter().all(|rows| rows.len() == 1));
    }
}
