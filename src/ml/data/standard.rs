//! Features made comparable: mean 0 and deviation 1 over the rows that train.

use super::{Dataset, Moments};

/// Mean and deviation of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    columns: Vec<(f64, f64)>,
}

impl Standard {
    /// Of rows with these sums.
    pub fn of(moments: &Moments) -> Standard {
        let summaries = moments.summaries();
        Standard {
            columns: summaries.iter().map(|s| (s.mean, s.deviation)).collect(),
        }
    }

    /// Of all these rows together.
    ///
    /// # Errors
    /// When they have different numbers of features.
    pub(super) fn fit<'a>(parts: impl Iterator<Item = &'a Dataset>) -> Result<Standard, String> {
        let mut moments = Moments::default();
        for part in parts {
            moments.merge(Moments::of(part))?;
        }
        Ok(Standard::of(&moments))
    }

    /// From pairs of mean and deviation, eight bytes each, little-endian.
    ///
    /// # Errors
    /// When they are none, or not numbers that columns can have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Standard, String> {
        let (pairs, rest) = bytes.as_chunks::<16>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(format!("{} bytes are no pairs of numbers", bytes.len()));
        }
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |bits, &byte| bits << 8 | u64::from(byte))
        };
        let columns: Vec<(f64, f64)> = pairs
            .iter()
            .map(|pair| {
                let (mean, deviation) = pair.split_at(8);
                (
                    f64::from_bits(number(mean)),
                    f64::from_bits(number(deviation)),
                )
            })
            .collect();
        let right = |&(mean, deviation): &(f64, f64)| {
            mean.is_finite() && deviation.is_finite() && deviation >= 0.0
        };
        match columns.iter().find(|column| !right(column)) {
            Some((mean, deviation)) => Err(format!("mean {mean}, deviation {deviation}")),
            None => Ok(Standard { columns }),
        }
    }

    /// See [`from_bytes`](Standard::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self
            .columns
            .iter()
            .flat_map(|(mean, deviation)| [mean, deviation]);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Features of the rows that it is for.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// A value of a column by this standard. One that never changes becomes 0.
    pub fn value(&self, column: usize, value: f32) -> f32 {
        match self.columns[column] {
            (mean, deviation) if deviation > 0.0 => {
                let value = ((f64::from(value) - mean) / deviation) as f32;
                // What is far outside of the rows it was made of stays a number.
                value.clamp(f32::MIN, f32::MAX)
            }
            _ => 0.0,
        }
    }

    /// The same rows by this standard.
    ///
    /// # Errors
    /// When they have another number of features.
    pub fn apply(&self, data: Dataset) -> Result<Dataset, String> {
        if data.width() != self.width() {
            return Err(format!(
                "rows of {} features, and means of {}",
                data.width(),
                self.width()
            ));
        }
        Ok(data.map_columns(|column, value| self.value(column, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_get_mean_0_and_deviation_1() {
        let part = |rows| Dataset::new(rows, vec![0, 0], 1).unwrap();
        let (first, second) = (
            part(array![[1., 5.], [3., 5.]]),
            part(array![[5., 5.], [7., 5.]]),
        );
        let mut moments = Moments::of(&first);
        moments.merge(Moments::of(&second)).unwrap();
        let standard = Standard::of(&moments);
        // Mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
        let expected = (3.0 / 5f64.sqrt()) as f32;
        assert_eq!(standard.apply(second).unwrap().row(1), [expected, 0.0]);
        assert_eq!(standard.apply(first).unwrap().row(0), [-expected, 0.0]);
        let again = Standard::from_bytes(&standard.to_bytes());
        assert_eq!(again, Ok(standard.clone()));
        assert!(
            standard
                .apply(Dataset::new(array![[1.0]], vec![0], 1).unwrap())
                .is_err()
        );
    }

    #[test]
    fn what_is_no_standard_is_refused() {
        assert!(Standard::from_bytes(&[]).is_err() && Standard::from_bytes(&[0; 17]).is_err());
        let with = |mean: f64, deviation: f64| {
            Standard::from_bytes(&[mean.to_le_bytes(), deviation.to_le_bytes()].concat())
        };
        assert!(with(0.0, -1.0).is_err() && with(f64::NAN, 1.0).is_err());
        assert!(with(1.5, 0.0).is_ok());
    }
}
