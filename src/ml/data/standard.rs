//! Features made comparable: mean 0 and deviation 1 over the rows that train.

use super::Dataset;

/// Mean and deviation of each column.
pub(super) struct Standard {
    columns: Vec<(f64, f64)>,
}

impl Standard {
    /// Of all rows together, added up in their order, so that every program that reads the same rows finds the same.
    pub(super) fn of(parts: &[&Dataset]) -> Standard {
        let width = parts.first().map_or(0, |part| part.width());
        let rows: usize = parts.iter().map(|part| part.rows()).sum();
        let each = |see: &mut dyn FnMut(&[f32])| {
            for part in parts {
                (0..part.rows()).for_each(|row| see(part.row(row)));
            }
        };
        let mut means = vec![0.0; width];
        each(&mut |row| {
            let pairs = means.iter_mut().zip(row);
            pairs.for_each(|(mean, value)| *mean += f64::from(*value));
        });
        means.iter_mut().for_each(|mean| *mean /= rows as f64);
        let mut squares = vec![0.0; width];
        each(&mut |row| {
            for ((square, mean), value) in squares.iter_mut().zip(&means).zip(row) {
                let from_mean = f64::from(*value) - mean;
                *square += from_mean * from_mean;
            }
        });
        let deviation = |square: &f64| (square / rows as f64).sqrt();
        let columns = means.iter().zip(&squares);
        Standard {
            columns: columns
                .map(|(mean, square)| (*mean, deviation(square)))
                .collect(),
        }
    }

    /// The same rows by this standard. A column that never changes becomes 0.
    pub(super) fn apply(&self, data: Dataset) -> Dataset {
        data.map_columns(|column, value| match self.columns[column] {
            (mean, deviation) if deviation > 0.0 => ((f64::from(value) - mean) / deviation) as f32,
            _ => 0.0,
        })
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
        let standard = Standard::of(&[&first, &second]);
        // Mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
        let expected = (3.0 / 5f64.sqrt()) as f32;
        assert_eq!(standard.apply(second).row(1), [expected, 0.0]);
        assert_eq!(standard.apply(first).row(0), [-expected, 0.0]);
    }
}
