//! The product of a row-major matrix and panels.
//!
//! Every element of a result is its first value plus one product after the other, in the order of
//! the inner dimension, each product and each sum rounded on its own. Tiles only change which elements
//! are worked on together, so neither they nor the width of registers changes a bit.

use pulp::Simd;

use super::isa::{Isa, Work};
use super::panels::Panels;
use super::rows::Rows;
use crate::ml::real::Real;

/// Products between loading and storing a tile; as many rows of a panel stay in the nearest cache.
const DEPTH: usize = 256;

/// Row by row `out = right_0 + left right_1..`, where `right_0` is the first row of `right` and
/// `right_1..` are all others: a dense layer with its biases before its weights. Of rows of `left` the
/// first values count; `out` has rows of `right.width()`.
///
/// # Panics
/// When a slice is too short.
pub fn product<T: Real>(isa: Isa, out: &mut [T], left: Rows<T>, right: &Panels<T>) {
    let step = right.width();
    isa.run(Product {
        rows: out.len() / step,
        out,
        step,
        left,
        right,
    });
}

struct Product<'a, T> {
    out: &'a mut [T],
    rows: usize,
    step: usize,
    left: Rows<'a, T>,
    right: &'a Panels<T>,
}

impl<T: Real> Work for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let right = self.right;
        let inner = right.rows() - 1;
        let mut first = 0;
        while first < inner.max(1) {
            let depth = DEPTH.min(inner - first);
            let panels = right.values().chunks(right.panel_length());
            for (number, panel) in panels.enumerate() {
                let place = Place {
                    column: number * 2 * T::lanes::<S>(),
                    first,
                    depth,
                };
                let registers = T::registers::<S>(panel);
                if panel.len() == right.panel_length() {
                    self.strip(simd, place, registers.as_chunks::<2>().0);
                } else {
                    self.strip(simd, place, registers.as_chunks::<1>().0);
                }
            }
            first += DEPTH;
        }
    }
}

/// Where a strip of tiles is.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    /// The first of the products.
    first: usize,
    depth: usize,
}

impl<T: Real> Product<'_, T> {
    /// All rows of the columns of a panel.
    #[inline(always)]
    fn strip<S: Simd, const WIDTH: usize>(
        &mut self,
        simd: S,
        place: Place,
        panel: &[[T::Register<S>; WIDTH]],
    ) {
        let mut top = 0;
        while top + 6 <= self.rows {
            self.tile::<S, 6, WIDTH>(simd, top, place, panel);
            top += 6;
        }
        if top + 4 <= self.rows {
            self.tile::<S, 4, WIDTH>(simd, top, place, panel);
            top += 4;
        }
        if top + 2 <= self.rows {
            self.tile::<S, 2, WIDTH>(simd, top, place, panel);
            top += 2;
        }
        if top < self.rows {
            self.tile::<S, 1, WIDTH>(simd, top, place, panel);
        }
    }

    /// A tile of the result, whose sums stay in registers.
    #[inline(always)]
    fn tile<S: Simd, const HEIGHT: usize, const WIDTH: usize>(
        &mut self,
        simd: S,
        top: usize,
        place: Place,
        panel: &[[T::Register<S>; WIDTH]],
    ) {
        let step = self.step;
        let out = &mut self.out[top * step + place.column..];
        let mut sums = [panel[0]; HEIGHT];
        if place.first > 0 {
            for (row, sums) in sums.iter_mut().enumerate() {
                sums.copy_from_slice(&T::registers::<S>(&out[row * step..])[..WIDTH]);
            }
        }
        let mut left: [&[T]; HEIGHT] = [&[]; HEIGHT];
        for (left, start) in left.iter_mut().zip(self.left.starts::<HEIGHT>(top)) {
            let start = start + place.first;
            *left = &self.left.values()[start..start + place.depth];
        }
        let right = &panel[1 + place.first..1 + place.first + place.depth];
        for (number, right) in right.iter().enumerate() {
            for (sums, left) in sums.iter_mut().zip(&left) {
                let left = T::splat(simd, left[number]);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = T::add_product(simd, *sum, left, *right);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            T::registers_mut::<S>(&mut out[row * step..])[..WIDTH].copy_from_slice(sums);
        }
    }
}
