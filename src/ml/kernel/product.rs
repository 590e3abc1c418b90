//! Products of row-major matrices, added to what the result holds.
//!
//! Every element of a result is its first value plus one product after the other, in the order of
//! the inner dimension, each product and each sum rounded on its own. Blocks and tiles only change
//! which elements are worked on together, so neither they nor the width of vectors changes a bit.
//! A dense layer starts from its bias; a gradient over many rows may be added up in parts.

use crate::ml::real::Real;

/// Rows of a tile.
const HEIGHT: usize = 4;
/// Products between loading and storing a tile; as many rows of the right side stay in the cache.
const DEPTH: usize = 256;

/// `out += left right`, with `left` of `rows` x `inner`, `right` of `inner` x `columns` and `out` of
/// `rows` x `columns`.
///
/// # Panics
/// When a slice has another length.
pub fn add_product<T: Real>(out: &mut [T], left: &[T], right: &[T], shape: [usize; 3]) {
    let [rows, inner, columns] = shape;
    assert_eq!(left.len(), rows * inner);
    let left = Left {
        values: left,
        row_step: inner,
        inner_step: 1,
    };
    by_type(out, left, right, shape);
    debug_assert_eq!(out.len(), rows * columns);
}

/// `out += left^T right`, with `left` of `inner` x `rows`, `right` of `inner` x `columns` and `out`
/// of `rows` x `columns`.
///
/// # Panics
/// When a slice has another length.
pub fn add_transposed_product<T: Real>(out: &mut [T], left: &[T], right: &[T], shape: [usize; 3]) {
    let [rows, inner, _] = shape;
    assert_eq!(left.len(), rows * inner);
    let left = Left {
        values: left,
        row_step: 1,
        inner_step: rows,
    };
    by_type(out, left, right, shape);
}

/// The left side of a product, which may lie transposed.
#[derive(Clone, Copy)]
struct Left<'a, T> {
    values: &'a [T],
    row_step: usize,
    inner_step: usize,
}

/// Chooses tiles whose sums fit the 16 vector registers that every x86-64 has.
fn by_type<T: Real>(out: &mut [T], left: Left<T>, right: &[T], shape: [usize; 3]) {
    let [rows, inner, columns] = shape;
    assert_eq!(right.len(), inner * columns);
    assert_eq!(out.len(), rows * columns);
    if columns == 0 {
        return;
    }
    match size_of::<T>() {
        4 => blocks::<T, 8>(out, left, right, shape),
        _ => blocks::<T, 4>(out, left, right, shape),
    }
}

fn blocks<T: Real, const WIDTH: usize>(
    out: &mut [T],
    left: Left<T>,
    right: &[T],
    [rows, inner, columns]: [usize; 3],
) {
    let mut packed = [[T::ZERO; HEIGHT]; DEPTH];
    for first in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - first);
        let right = &right[first * columns..(first + depth) * columns];
        for top in (0..rows).step_by(HEIGHT) {
            let height = HEIGHT.min(rows - top);
            let packed = &mut packed[..depth];
            pack(packed, left, top, height, first);
            let out = &mut out[top * columns..(top + height) * columns];
            strip::<T, WIDTH>(out, packed, right, columns);
        }
    }
}

/// Copies `height` rows of the left side so that the tiles read them one after the other. Rows
/// that a tile has beyond them are worked out from what is there and never stored.
fn pack<T: Real>(
    packed: &mut [[T; HEIGHT]],
    left: Left<T>,
    top: usize,
    height: usize,
    first: usize,
) {
    for row in 0..height {
        let start = (top + row) * left.row_step + first * left.inner_step;
        let values = left.values[start..].iter().step_by(left.inner_step);
        for (place, value) in packed.iter_mut().zip(values) {
            place[row] = *value;
        }
    }
}

/// All columns of a few rows: wide tiles first, then narrower ones for what remains.
fn strip<T: Real, const WIDTH: usize>(
    out: &mut [T],
    packed: &[[T; HEIGHT]],
    right: &[T],
    columns: usize,
) {
    let mut column = 0;
    while column + WIDTH <= columns {
        tile::<T, WIDTH>(out, packed, right, columns, column);
        column += WIDTH;
    }
    if column + 4 <= columns {
        tile::<T, 4>(out, packed, right, columns, column);
        column += 4;
    }
    if column + 2 <= columns {
        tile::<T, 2>(out, packed, right, columns, column);
        column += 2;
    }
    if column < columns {
        tile::<T, 1>(out, packed, right, columns, column);
    }
}

/// A tile of the result, whose sums stay in registers.
#[inline(always)]
fn tile<T: Real, const WIDTH: usize>(
    out: &mut [T],
    packed: &[[T; HEIGHT]],
    right: &[T],
    columns: usize,
    column: usize,
) {
    let mut sums = [[T::ZERO; WIDTH]; HEIGHT];
    for (sums, out) in sums.iter_mut().zip(out.chunks_exact(columns)) {
        sums.copy_from_slice(&out[column..column + WIDTH]);
    }
    for (left, right) in packed.iter().zip(right.chunks_exact(columns)) {
        let right = &right[column..column + WIDTH];
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += *left * *right;
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
        out[column..column + WIDTH].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::kernel::transpose;
    use crate::seed::{Purpose, Seed};

    fn matrix<T: Real>(count: usize, number: u64) -> Vec<T> {
        let mut stream = Seed(3).stream(Purpose::Synthetic, 0, number);
        (0..count).map(|_| T::from_f64(stream.normal())).collect()
    }

    /// The definition: one product after the other.
    fn plain<T: Real>(out: &mut [T], left: &[T], right: &[T], [rows, inner, columns]: [usize; 3]) {
        for row in 0..rows {
            for column in 0..columns {
                for place in 0..inner {
                    out[row * columns + column] +=
                        left[row * inner + place] * right[place * columns + column];
                }
            }
        }
    }

    fn check<T: Real>() {
        for shape in [
            [1, 1, 1],
            [4, 3, 8],
            [5, 7, 26],
            [33, 64, 10],
            [7, 600, 15],
            [64, 257, 1],
            [3, 0, 5],
            [0, 3, 5],
            [2, 3, 0],
        ] {
            let [rows, inner, columns] = shape;
            let left = matrix::<T>(rows * inner, 1);
            let right = matrix::<T>(inner * columns, 2);
            let start = matrix::<T>(rows * columns, 3);
            let mut expected = start.clone();
            plain(&mut expected, &left, &right, shape);
            let mut found = start.clone();
            add_product(&mut found, &left, &right, shape);
            assert_eq!(found, expected, "{shape:?}");
            let mut lying = vec![T::ZERO; left.len()];
            transpose(&mut lying, &left, rows, inner);
            let mut found = start;
            add_transposed_product(&mut found, &lying, &right, shape);
            assert_eq!(found, expected, "{shape:?}");
        }
    }

    #[test]
    fn tiles_give_the_bits_of_the_definition() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn a_product_may_be_added_up_in_parts() {
        let (left, right) = (matrix::<f32>(300 * 20, 1), matrix::<f32>(300 * 9, 2));
        let mut whole = vec![0.0; 180];
        add_transposed_product(&mut whole, &left, &right, [20, 300, 9]);
        let mut parts = vec![0.0; 180];
        for (left, right) in left.chunks(20 * 37).zip(right.chunks(9 * 37)) {
            add_transposed_product(&mut parts, left, right, [20, right.len() / 9, 9]);
        }
        assert_eq!(whole, parts);
    }
}
