//! Transposing, so that the products above always read the right side along its rows.

use crate::ml::real::Real;

/// Edge of the squares that are transposed together, to stay within few lines of the cache.
const EDGE: usize = 16;

/// Writes the transpose of `matrix`, of `rows` x `columns`, to `out`, of `columns` x `rows`.
///
/// # Panics
/// When a slice has another length.
pub fn transpose<T: Real>(out: &mut [T], matrix: &[T], rows: usize, columns: usize) {
    assert_eq!(matrix.len(), rows * columns);
    assert_eq!(out.len(), rows * columns);
    for top in (0..rows).step_by(EDGE) {
        let bottom = rows.min(top + EDGE);
        for column in 0..columns {
            let place = &mut out[column * rows + top..column * rows + bottom];
            for (row, value) in (top..bottom).zip(place) {
                *value = matrix[row * columns + column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut out = [0.0f32; 6];
        transpose(&mut out, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
        assert_eq!(out, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let matrix: Vec<f64> = (0..40 * 33).map(f64::from).collect();
        let (mut there, mut back) = (matrix.clone(), matrix.clone());
        transpose(&mut there, &matrix, 40, 33);
        transpose(&mut back, &there, 33, 40);
        assert_eq!(back, matrix);
        assert_eq!(there[40 + 2], matrix[2 * 33 + 1]);
    }
}
