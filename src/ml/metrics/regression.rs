//! How far real values are from what a model says of them.

/// Errors over a set of rows with real values, and how these values spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean of the values.
    pub mean: f64,
    /// Variance of the values: the mean of the squares of their distances from the mean.
    pub variance: f64,
}

impl Regression {
    /// These errors in saying these values.
    pub fn new(mse: f64, mae: f64, values: &[f32]) -> Regression {
        let rows = values.len().max(1) as f64;
        let wide = || values.iter().map(|value| f64::from(*value));
        let mean = wide().sum::<f64>() / rows;
        let squares: f64 = wide().map(|value| (value - mean) * (value - mean)).sum();
        Regression {
            mse,
            mae,
            mean,
            variance: squares / rows,
        }
    }

    /// The root of the mean squared error: an error in the unit of the values.
    pub fn rmse(&self) -> f64 {
        self.mse.sqrt()
    }

    /// The coefficient of determination, R2: the share of the variance that the model explains. 1 is best, 0 is what
    /// saying the mean would get. None where all values are the same.
    pub fn r2(&self) -> Option<f64> {
        (self.variance > 0.0).then(|| 1.0 - self.mse / self.variance)
    }

    /// Those over both sets of rows together, of so many rows each (Chan, Golub and LeVeque, "Algorithms for computing
    /// the sample variance", 1983: no large squares are taken off one another). Rounding makes their order matter, so
    /// merge in the order of shards.
    #[must_use]
    pub fn merge(&self, rows: u64, other: &Regression, others: u64) -> Regression {
        let (n, m) = (rows as f64, others as f64);
        let share = |one: f64, other: f64| (one * n + other * m) / (n + m);
        let apart = other.mean - self.mean;
        let between = apart * apart * (n / (n + m)) * (m / (n + m));
        Regression {
            mse: share(self.mse, other.mse),
            mae: share(self.mae, other.mae),
            mean: share(self.mean, other.mean),
            variance: share(self.variance, other.variance) + between,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of pairs of a value and what was said of it.
    fn of(pairs: &[(f32, f64)]) -> Regression {
        let mean = |error: fn(f64) -> f64| {
            let errors = pairs
                .iter()
                .map(|(value, said)| error(said - f64::from(*value)));
            errors.sum::<f64>() / pairs.len() as f64
        };
        let values: Vec<f32> = pairs.iter().map(|(value, _)| *value).collect();
        Regression::new(mean(|error| error * error), mean(f64::abs), &values)
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let found = of(&[(1.0, 2.0), (2.0, 2.0), (6.0, 3.0)]);
        let third = 1.0 / 3.0;
        assert!((found.mse - 10.0 * third).abs() < 1e-12);
        assert!((found.mae - 4.0 * third).abs() < 1e-12);
        assert!((found.mean - 3.0).abs() < 1e-12 && (found.variance - 14.0 * third).abs() < 1e-12);
        assert!((found.r2().unwrap() - (1.0 - 10.0 / 14.0)).abs() < 1e-12);
        assert!((found.rmse() - (10.0 * third).sqrt()).abs() < 1e-12);
        assert_eq!(of(&[(5.0, 4.0)]).r2(), None, "there is nothing to explain");
    }

    #[test]
    fn merged_sets_are_as_good_as_one() {
        // Far from 0, where the squares of values would swallow their differences.
        let pairs: Vec<(f32, f64)> = (0..30u8)
            .map(|i| (1e6 + f32::from(i), 1e6 + f64::from(i % 7)))
            .collect();
        let whole = of(&pairs);
        let merged = of(&pairs[..4]).merge(4, &of(&pairs[4..]), 26);
        for (one, other) in [
            (whole.mse, merged.mse),
            (whole.mae, merged.mae),
            (whole.mean, merged.mean),
            (whole.variance, merged.variance),
        ] {
            assert!((one - other).abs() <= 1e-9 * one.abs(), "{one} {other}");
        }
    }
}
