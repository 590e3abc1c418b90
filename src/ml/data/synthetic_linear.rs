//! Rows made from the seed with a real value each: a linear function of the features, and noise.

use std::sync::Arc;

use ndarray::Array2;

use super::synthetic::{MAX_ROWS, MAX_VALUES};
use super::{DataError, Dataset, Opened, Origin, Pool, Root, TargetKind, Targets};
use crate::seed::{Purpose, Seed};
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "synthetic-linear",
    aliases: &[],
    value: "",
    help: "rows made from the seed for regression: y = w x + b + noise, where x, w and b are drawn from N(0, 1)",
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
            key: "noise",
            value: "NUMBER",
            help: "standard deviation of the noise; 0.1",
        },
    ],
    build: |arguments| Ok(Arc::new(Linear::read(arguments)?)),
};

struct Linear {
    rows: usize,
    features: usize,
    noise: f64,
}

impl Linear {
    fn read(arguments: &mut Arguments) -> Result<Linear, SpecError> {
        let most = "a whole number from 1 to";
        let read = Linear {
            rows: arguments.number("rows", 10_000, 1..=MAX_ROWS, &format!("{most} {MAX_ROWS}"))?,
            features: arguments.number("features", 20, 1..=65_536, &format!("{most} 65536"))?,
            noise: arguments.number("noise", 0.1, 0.0..=1e6, "a number from 0 to 1000000")?,
        };
        let (rows, features) = (read.rows, read.features);
        if rows.saturating_mul(features) > MAX_VALUES {
            return Err(arguments.invalid(format!(
                "{rows} rows of {features} features; rows x features is at most {MAX_VALUES}"
            )));
        }
        Ok(read)
    }
}

impl Origin for Linear {
    fn kind(&self) -> Option<TargetKind> {
        Some(TargetKind::Value)
    }

    fn open(&self, _: &Root, seed: Seed) -> Result<Opened, DataError> {
        let mut stream = seed.stream(Purpose::Synthetic, 0, 0);
        let pool = Box::new(Plane {
            seed,
            rows: self.rows,
            noise: self.noise,
            weights: (0..self.features).map(|_| stream.normal()).collect(),
            bias: stream.normal(),
        });
        let held_out = None;
        Ok(Opened::Pool { pool, held_out })
    }
}

/// Rows that are made when they are asked for, each from a stream of its own.
struct Plane {
    seed: Seed,
    rows: usize,
    noise: f64,
    weights: Vec<f64>,
    bias: f64,
}

impl Pool for Plane {
    fn rows(&self) -> usize {
        self.rows
    }

    fn features(&self) -> usize {
        self.weights.len()
    }

    fn classes(&self) -> usize {
        0
    }

    fn label(&self, _: u32) -> u32 {
        0
    }

    fn select(&self, rows: &[u32]) -> Option<Dataset> {
        let width = self.weights.len();
        let mut features = Vec::with_capacity(rows.len() * width);
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let mut stream = self.seed.stream(Purpose::Synthetic, 1, u64::from(*row));
            let mut value = self.bias;
            for weight in &self.weights {
                // The features as they are kept, so that without noise the values are theirs to the last bit of f32.
                let feature = stream.normal() as f32;
                value += weight * f64::from(feature);
                features.push(feature);
            }
            values.push((value + self.noise * stream.normal()) as f32);
        }
        let features = Array2::from_shape_vec((rows.len(), width), features).ok()?;
        Dataset::with_targets(features, Targets::Values(values)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DATA, TargetsView};
    use super::*;

    fn rows(text: &str, seed: u64, rows: &[u32]) -> Dataset {
        let root = Root::new("/").unwrap();
        match DATA.build(text).unwrap().open(&root, Seed(seed)).unwrap() {
            Opened::Pool { pool, .. } => pool.select(rows).unwrap(),
            Opened::Parts { .. } | Opened::Made(_) => panic!("synthetic rows are one pool"),
        }
    }

    #[test]
    fn rows_depend_on_the_seed_and_their_number_only() {
        let text = "synthetic-linear:rows=100,features=3";
        let all = rows(text, 1, &(0..100).collect::<Vec<_>>());
        assert_eq!(rows(text, 1, &[70, 3]), all.select(&[70, 3]).unwrap());
        assert_ne!(rows(text, 2, &[70, 3]), all.select(&[70, 3]).unwrap());
        assert_eq!((all.rows(), all.width(), all.classes()), (100, 3, 0));
    }

    #[test]
    fn without_noise_four_rows_of_one_feature_lie_on_a_line() {
        let data = rows("synthetic-linear:features=1,noise=0", 1, &[0, 1, 2, 3]);
        let TargetsView::Values(y) = data.targets().view() else {
            panic!("they have real values")
        };
        let x = |row: usize| data.row(row)[0];
        let slope = (y[1] - y[0]) / (x(1) - x(0));
        for row in 2..4 {
            let expected = y[0] + slope * (x(row) - x(0));
            assert!((y[row] - expected).abs() < 1e-4, "row {row}");
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for option in ["rows=0", "features=0", "noise=-1", "noise=nan", "classes=2"] {
            let text = format!("synthetic-linear:{option}");
            assert!(DATA.build(&text).is_err(), "{option}");
        }
        let huge = "synthetic-linear:rows=200000000,features=65536";
        assert!(DATA.build(huge).is_err());
    }
}
