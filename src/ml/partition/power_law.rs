//! Shards of a few classes each, of very different sizes: few have many rows, most have few.

use std::sync::Arc;

use super::classes::Classes;
use super::{Partition, Shards, too_few, weights};
use crate::math::exp;
use crate::ml::data::DataError;
use crate::seed::{Purpose, Seed};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Partition>> = Row {
    name: "power-law",
    aliases: &[],
    value: "",
    help: "k classes to each shard, sizes following a power law (lognormal)",
    options: &[super::K],
    build: |arguments| {
        let k = arguments.number("k", 2, 1..=super::MAX_K, super::K_ALLOWED)?;
        Ok(Arc::new(PowerLaw { k }))
    },
};

/// Rows that a shard has of each of its classes at least, where there are so many.
const FIRST_ROWS: usize = 5;
/// Standard deviation of the logarithm of the shares.
const SPREAD: f64 = 2.0;

/// The partition of MNIST in Li et al., "Federated Optimization in Heterogeneous Networks" (FedProx),
/// 2020, section 5.1 and appendix C: 1,000 shards of two digits each, sizes by a power law.
///
/// Shard `s` has the `k` classes from `s` on, counted round the classes. It gets 5 rows of each
/// first (fewer where a class has not so many for all, at least 1), and then a share of what is left
/// of the class, as a lognormal number of spread 2. Other than in the paper's program every
/// row is given away, and shares are of the shards that have the class, however many there are.
struct PowerLaw {
    k: usize,
}

impl Partition for PowerLaw {
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
        let mut stream = seed.stream(Purpose::Partition, 0, 0);
        let classes = Classes::of(rows, label, &mut stream);
        if self.k > classes.len() {
            let (k, there) = (self.k, classes.len());
            return Err(DataError::Shards(format!(
                "there are {there} classes, so a shard cannot have k={k} of them; give a smaller k"
            )));
        }
        let mut owners = vec![0; classes.rows().len()];
        for class in 0..classes.len() {
            let users: Vec<u32> = self.shards_of(class, classes.len(), shards).collect();
            if users.is_empty() {
                let (k, label) = (self.k, classes.label(class));
                return Err(DataError::Shards(format!(
                    "{shards} shards of k={k} classes leave class {label} out; ask for more \
                     shards or a larger k"
                )));
            }
            let first = FIRST_ROWS.min(classes.count(class) / users.len());
            if first == 0 {
                let (count, label) = (classes.count(class), classes.label(class));
                let reason = format!(
                    "{} of them share the {count} rows of class {label}",
                    users.len()
                );
                return Err(too_few(classes.rows().len(), shards, &reason));
            }
            let shares: Vec<f64> = users
                .iter()
                .map(|_| exp(SPREAD * stream.normal()))
                .collect();
            let others = weights::apportion(classes.count(class) - first * users.len(), &shares);
            let mut at = classes.start(class);
            for (user, more) in users.iter().zip(others) {
                owners[at..at + first + more].fill(*user);
                at += first + more;
            }
        }
        Ok(Shards::of_owners(classes.rows(), &owners, shards))
    }
}

impl PowerLaw {
    /// The shards that have a class, in order.
    fn shards_of(&self, class: usize, classes: usize, shards: usize) -> impl Iterator<Item = u32> {
        let k = self.k;
        // Shard s has class (s + j) % classes for j below k.
        let mut first: Vec<usize> = (0..k).map(|j| (class + classes - j) % classes).collect();
        first.sort_unstable();
        (0..shards.div_ceil(classes))
            .flat_map(move |lap| first.clone().into_iter().map(move |s| lap * classes + s))
            .filter(move |shard| *shard < shards)
            .map(|shard| shard as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PARTITIONS;
    use super::*;
    use std::collections::BTreeMap;

    fn cut(rows: u32, classes: u32, shards: usize, k: usize) -> Result<Shards, String> {
        let partition = PARTITIONS.build(&format!("power-law:k={k}")).unwrap();
        let cut = partition.cut((0..rows).collect(), &|row| row % classes, shards, Seed(1));
        cut.map_err(|error| error.to_string())
    }

    #[test]
    fn shards_have_consecutive_classes_and_unequal_sizes() {
        let shards = cut(60_000, 10, 1_000, 2).unwrap();
        let mut sizes = Vec::new();
        for (shard, rows) in shards.iter().enumerate() {
            let mut counts = BTreeMap::new();
            rows.iter()
                .for_each(|row| *counts.entry(row % 10).or_insert(0) += 1);
            let first = shard as u32 % 10;
            let mut expected = [first, (first + 1) % 10];
            expected.sort_unstable();
            assert!(counts.keys().eq(&expected), "{shard}: {counts:?}");
            assert!(counts.values().all(|count| *count >= 5), "{counts:?}");
            sizes.push(rows.len());
        }
        sizes.sort_unstable();
        assert!(sizes[500] < 40, "most are small: {}", sizes[500]);
        assert!(sizes[999] > 500, "few are large: {}", sizes[999]);
    }

    #[test]
    fn few_rows_are_enough_for_one_of_each_class() {
        assert!(
            cut(200, 10, 100, 2)
                .unwrap()
                .iter()
                .all(|rows| rows.len() == 2)
        );
        let error = cut(190, 10, 100, 2).unwrap_err();
        assert!(
            error.contains("20 of them share the 19 rows of class 0"),
            "{error}"
        );
        assert!(cut(100, 10, 10, 11).unwrap_err().contains("smaller k"));
        assert!(cut(100, 10, 3, 2).unwrap_err().contains("larger k"));
        assert_eq!(cut(100, 1, 10, 1).unwrap().len(), 10);
    }
}
