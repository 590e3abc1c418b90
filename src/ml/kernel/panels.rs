//! A matrix cut into panels as wide as a tile, so that a tile reads its columns one row after the
//! other, in full registers.
//!
//! Two registers make a panel; one is enough for the last panel if its columns fit. Columns beyond
//! those of the matrix are there to fill registers; they start as zeros, and nothing reads what
//! becomes of them.

use super::isa::Isa;
use crate::ml::real::Real;

/// A matrix of some rows, cut into panels of columns.
#[derive(Clone, Debug)]
pub struct Panels<T> {
    rows: usize,
    columns: usize,
    lanes: usize,
    values: Vec<T>,
}

impl<T: Real> Panels<T> {
    /// Zeros, for kernels that run with this instruction set.
    ///
    /// # Panics
    /// When there are no rows or no columns.
    pub fn new(isa: Isa, rows: usize, columns: usize) -> Self {
        assert!(rows > 0 && columns > 0);
        let lanes = isa.lanes::<T>();
        let values = vec![T::ZERO; rows * columns.next_multiple_of(lanes)];
        Panels {
            rows,
            columns,
            lanes,
            values,
        }
    }

    /// As many zeros.
    pub fn zeros_like(&self) -> Self {
        Panels {
            values: vec![T::ZERO; self.values.len()],
            ..*self
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns rounded up to full registers: the width of a matrix that a kernel writes.
    pub fn width(&self) -> usize {
        self.columns.next_multiple_of(self.lanes)
    }

    /// Values in a full panel; the last one may be half as wide.
    pub(super) fn panel_length(&self) -> usize {
        2 * self.lanes * self.rows
    }

    /// The panels, one after the other, each row by row.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Takes rows from `first` on from a row-major matrix.
    ///
    /// # Panics
    /// When it has more rows.
    pub fn load(&mut self, first: usize, matrix: &[T]) {
        let (rows, columns) = (self.rows, self.columns);
        let wide = 2 * self.lanes;
        for (number, panel) in self.values.chunks_mut(wide * rows).enumerate() {
            let (width, left) = (panel.len() / rows, number * wide);
            let filled = width.min(columns - left);
            let places = panel.chunks_exact_mut(width).skip(first);
            for (place, row) in places.zip(matrix.chunks_exact(columns)) {
                place[..filled].copy_from_slice(&row[left..left + filled]);
            }
        }
    }

    /// Gives the rows from `first` on to a row-major matrix.
    ///
    /// # Panics
    /// When it has more rows.
    pub fn store(&self, first: usize, matrix: &mut [T]) {
        let (rows, columns) = (self.rows, self.columns);
        let wide = 2 * self.lanes;
        for (number, panel) in self.values.chunks(wide * rows).enumerate() {
            let (width, left) = (panel.len() / rows, number * wide);
            let filled = width.min(columns - left);
            let values = panel.chunks_exact(width).skip(first);
            for (value, row) in values.zip(matrix.chunks_exact_mut(columns)) {
                row[left..left + filled].copy_from_slice(&value[..filled]);
            }
        }
    }

    /// Takes the transpose of the other's rows but the first to its own rows but the first.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn load_transposed(&mut self, other: &Panels<T>) {
        self.load_flipped(other, 1);
    }

    /// The same for each of `taps` blocks of rows on its own, the last block of the other first: of the weights of a
    /// convolution, a tap for each pixel of its window, those of the way back.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn load_flipped(&mut self, other: &Panels<T>, taps: usize) {
        assert!(self.rows == taps * other.columns + 1 && other.rows == taps * self.columns + 1);
        let (from, to) = (2 * other.lanes, 2 * self.lanes);
        for (number, source) in other.values.chunks(from * other.rows).enumerate() {
            let width = source.len() / other.rows;
            let top = number * from;
            let height = width.min(other.columns - top);
            for (number, panel) in self.values.chunks_mut(to * self.rows).enumerate() {
                let across = panel.len() / self.rows;
                let left = number * to;
                let filled = across.min(self.columns - left);
                for tap in 0..taps {
                    let first = 1 + tap * self.columns + left;
                    let source = &source[first * width..(first + filled) * width];
                    let first = 1 + (taps - 1 - tap) * other.columns + top;
                    let places = panel[first * across..].chunks_exact_mut(across);
                    for (row, place) in places.take(height).enumerate() {
                        for (place, values) in place.iter_mut().zip(source.chunks_exact(width)) {
                            *place = values[row];
                        }
                    }
                }
            }
        }
    }
}
