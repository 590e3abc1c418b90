//! Rows made from the seed: one cloud of points a class.

use std::sync::Arc;

use ndarray::Array2;

use super::{DataError, Dataset, MAX_CLASSES, Opened, Origin, Pool, Root, TargetKind};
use crate::seed::{Purpose, Seed};
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "synthetic",
    aliases: &[],
    value: "",
    help: "rows made from the seed: a normal cloud of points around a random centre for each class",
    options: &[
        OptionHelp {
            key: "rows",
            value: "NUMBER",
            help: "number of rows; 10000",
        },
        OptionHelp {
            key: "features",
            value: "NUMBER",
            help: "features of a row; 20",
        },
        OptionHelp {
            key: "classes",
            value: "NUMBER",
            help: "number of classes; 4",
        },
        OptionHelp {
            key: "noise",
            value: "NUMBER",
            help: "size of the clouds; centres have 1; 1",
        },
    ],
    build: |arguments| Ok(Arc::new(Synthetic::read(arguments)?)),
};

/// Most rows that are made.
pub(super) const MAX_ROWS: usize = 1 << 28;
/// Most features of all rows together: 16 GiB, were they made at once.
pub(super) const MAX_VALUES: usize = 1 << 32;
/// Most features of all centres together, which every program keeps: 128 MiB.
const MAX_CENTRES: usize = 1 << 24;

struct Synthetic {
    rows: usize,
    features: usize,
    classes: usize,
    noise: f64,
}

impl Synthetic {
    fn read(arguments: &mut Arguments) -> Result<Synthetic, SpecError> {
        let most = "a whole number from 1 to";
        let read = Synthetic {
            rows: arguments.number("rows", 10_000, 1..=MAX_ROWS, &format!("{most} {MAX_ROWS}"))?,
            features: arguments.number("features", 20, 1..=65_536, &format!("{most} 65536"))?,
            classes: arguments.number(
                "classes",
                4,
                1..=MAX_CLASSES,
                &format!("{most} {MAX_CLASSES}"),
            )?,
            noise: arguments.number("noise", 1.0, 0.0..=1e6, "a number from 0 to 1000000")?,
        };
        // A few words from a stranger must not make this program ask for terabytes.
        for (what, count, limit) in [
            ("rows", read.rows, MAX_VALUES),
            ("classes", read.classes, MAX_CENTRES),
        ] {
            if count.saturating_mul(read.features) > limit {
                let features = read.features;
                let reason = format!(
                    "{count} {what} of {features} features; {what} x features is at most {limit}"
                );
                return Err(arguments.invalid(reason));
            }
        }
        Ok(read)
    }
}

impl Origin for Synthetic {
    fn kind(&self) -> Option<TargetKind> {
        Some(TargetKind::Class)
    }

    fn open(&self, _: &Root, seed: Seed) -> Result<Opened, DataError> {
        let mut stream = seed.stream(Purpose::Synthetic, 0, 0);
        let centres = (0..self.classes * self.features)
            .map(|_| stream.normal())
            .collect();
        Ok(Opened::Pool {
            pool: Box::new(Clouds {
                seed,
                rows: self.rows,
                features: self.features,
                classes: self.classes,
                noise: self.noise,
                centres,
            }),
            held_out: None,
        })
    }
}

/// Rows that are made when they are asked for, each from a stream of its own, so a node with one of
/// many shards makes only that.
struct Clouds {
    seed: Seed,
    rows: usize,
    features: usize,
    classes: usize,
    noise: f64,
    /// Classes x features.
    centres: Vec<f64>,
}

impl Pool for Clouds {
    fn rows(&self) -> usize {
        self.rows
    }

    fn features(&self) -> usize {
        self.features
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn label(&self, row: u32) -> u32 {
        let mut stream = self.seed.stream(Purpose::Synthetic, 1, u64::from(row));
        stream.below(self.classes as u64) as u32
    }

    fn select(&self, rows: &[u32]) -> Option<Dataset> {
        let mut labels = Vec::with_capacity(rows.len());
        let mut values = Vec::with_capacity(rows.len() * self.features);
        for row in rows {
            let mut stream = self.seed.stream(Purpose::Synthetic, 1, u64::from(*row));
            let label = stream.below(self.classes as u64) as usize;
            let centre = &self.centres[label * self.features..(label + 1) * self.features];
            values.extend(
                centre
                    .iter()
                    .map(|centre| (centre + self.noise * stream.normal()) as f32),
            );
            labels.push(label as u32);
        }
        let features = Array2::from_shape_vec((rows.len(), self.features), values).ok()?;
        Dataset::new(features, labels, self.classes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::DATA;
    use super::*;

    fn pool(text: &str, seed: u64) -> Box<dyn Pool> {
        let root = Root::new("/").unwrap();
        match DATA.build(text).unwrap().open(&root, Seed(seed)).unwrap() {
            Opened::Pool { pool, .. } => pool,
            Opened::Parts { .. } | Opened::Made(_) => panic!("synthetic rows are one pool"),
        }
    }

    #[test]
    fn rows_depend_on_the_seed_and_their_number_only() {
        let text = "synthetic:rows=100,features=3,classes=5,noise=0.1";
        let all = pool(text, 1).select(&(0..100).collect::<Vec<_>>()).unwrap();
        let some = pool(text, 1).select(&[70, 3]).unwrap();
        assert_eq!((some.row(0), some.row(1)), (all.row(70), all.row(3)));
        assert_eq!(some.labels()[0], pool(text, 1).label(70));
        assert_ne!(pool(text, 2).select(&[70, 3]).unwrap(), some);
        assert_eq!((all.rows(), all.width(), all.classes()), (100, 3, 5));
    }

    #[test]
    fn without_noise_rows_are_their_centres() {
        let all = pool("synthetic:rows=50,features=2,classes=2,noise=0", 1);
        let all = all.select(&(0..50).collect::<Vec<_>>()).unwrap();
        for row in 1..50 {
            assert_eq!(
                all.labels()[row] == all.labels()[0],
                all.row(row) == all.row(0)
            );
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for option in [
            "rows=0",
            "rows=x",
            "features=-1",
            "classes=0",
            "noise=-1",
            "noise=nan",
            "x=1",
            "rows=200000000,features=65536",
            "classes=65536,features=65536",
        ] {
            assert!(
                DATA.build(&format!("synthetic:{option}")).is_err(),
                "{option}"
            );
        }
    }
}
