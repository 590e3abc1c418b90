//! The gradient of a dense layer, and the step against it.
//!
//! With inputs x and derivatives d of the loss by the weighted sums, the slope of a weight is the sum
//! of x d over the rows, and that of a bias the sum of d: from 0 on, one row after the other. Sums may
//! go on from one block of rows to the next, so the size of a block changes no bit. The last block of
//! a step changes the parameters while the slopes are still in registers, or, if more than the slopes
//! goes into the step, in the nearest cache.

use std::ops::Range;

use pulp::Simd;

use super::isa::{Isa, Work};
use super::panels::Panels;
use super::rows::Rows;
use super::step::Step;
use crate::ml::real::Real;

/// Inputs worked on before going to the next panel; their columns stay in the nearest cache.
const INPUTS: usize = 96;

/// What a block of rows adds to the gradient of a layer.
pub struct Gradient<'a, T> {
    /// Rows whose first values are the layer's inputs.
    pub inputs: Rows<'a, T>,
    /// Rows of as many values as the panels are wide.
    pub derivatives: &'a [T],
    /// Sums over rows: biases, then weights.
    pub sums: &'a mut Panels<T>,
    /// Sums begin with these rows; otherwise they go on.
    pub is_first: bool,
    /// The step, if these rows are the last.
    pub step: Option<Step<'a, T>>,
}

impl<T: Real> Gradient<'_, T> {
    /// Adds it up. Afterwards the parameters have been changed, or the sums, or both.
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn add(mut self, isa: Isa) {
        let width = self.sums.width();
        let rows = self.derivatives.len() / width;
        let (plain, step) = match self.step.take() {
            Some(Step {
                parameters,
                length,
                terms: None,
            }) => (Some((parameters, length)), None),
            step => (None, step),
        };
        isa.run(Adding {
            of: self,
            plain,
            step,
            rows,
            width,
        });
    }
}

struct Adding<'a, T> {
    of: Gradient<'a, T>,
    /// What takes a step that is the slopes and nothing else, and its length.
    plain: Option<(&'a mut Panels<T>, T)>,
    /// Any other step.
    step: Option<Step<'a, T>>,
    rows: usize,
    width: usize,
}

impl<T: Real> Work for Adding<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let length = self.of.sums.panel_length();
        let count = self.of.sums.rows() - 1;
        let total = self.of.sums.values().len();
        let mut top = 0;
        while top < count {
            let bottom = count.min(top + INPUTS);
            for panel in (0..total).step_by(length) {
                let panel = panel..total.min(panel + length);
                if panel.len() == length {
                    self.strip::<S, 2>(simd, panel.start, top, bottom);
                } else {
                    self.strip::<S, 1>(simd, panel.start, top, bottom);
                }
                self.step(simd, panel, top, bottom);
            }
            top = bottom;
        }
    }
}

/// Where the values of a tile are.
#[derive(Clone, Copy)]
struct Place {
    /// In the panels.
    start: usize,
    /// In rows of derivatives.
    column: usize,
    /// In rows of inputs.
    input: usize,
}

impl<T: Real> Adding<'_, T> {
    /// Some inputs' weights to the outputs of a panel, which starts at `panel`.
    #[inline(always)]
    fn strip<S: Simd, const WIDTH: usize>(
        &mut self,
        simd: S,
        panel: usize,
        top: usize,
        bottom: usize,
    ) {
        let lanes = T::lanes::<S>();
        let column = panel / self.of.sums.rows();
        let place = |input| Place {
            start: panel + (1 + input) * WIDTH * lanes,
            column,
            input,
        };
        if top == 0 {
            self.biases::<S, WIDTH>(simd, panel, column);
        }
        let mut top = top;
        while top + 6 <= bottom {
            self.tile::<S, 6, WIDTH>(simd, place(top));
            top += 6;
        }
        if top + 4 <= bottom {
            self.tile::<S, 4, WIDTH>(simd, place(top));
            top += 4;
        }
        if top + 2 <= bottom {
            self.tile::<S, 2, WIDTH>(simd, place(top));
            top += 2;
        }
        if top < bottom {
            self.tile::<S, 1, WIDTH>(simd, place(top));
        }
    }

    /// The step of these inputs' weights, and with the first of the biases before them.
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, panel: Range<usize>, top: usize, bottom: usize) {
        if let Some(step) = &mut self.step {
            let width = panel.len() / self.of.sums.rows();
            let first = if top == 0 { 0 } else { 1 + top };
            let places = panel.start + first * width..panel.start + (1 + bottom) * width;
            step.take_some(simd, self.of.sums, places);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const HEIGHT: usize, const WIDTH: usize>(&mut self, simd: S, place: Place) {
        let mut slopes = self.begin::<S, HEIGHT, WIDTH>(simd, place.start);
        let width = self.width;
        let (values, step) = (self.of.inputs.values(), self.of.inputs.step());
        let mut derivative = place.column;
        for (start, rows) in self.of.inputs.runs(self.rows) {
            let mut input = start + place.input;
            for _ in 0..rows {
                let inputs = &values[input..input + HEIGHT];
                let derivatives = &T::registers::<S>(&self.of.derivatives[derivative..])[..WIDTH];
                for (slopes, input) in slopes.iter_mut().zip(inputs) {
                    let input = T::splat(simd, *input);
                    for (slope, derivative) in slopes.iter_mut().zip(derivatives) {
                        *slope = T::add_product(simd, *slope, input, *derivative);
                    }
                }
                input += step;
                derivative += width;
            }
        }
        self.end(simd, place.start, slopes);
    }

    #[inline(always)]
    fn biases<S: Simd, const WIDTH: usize>(&mut self, simd: S, start: usize, column: usize) {
        let mut slopes = self.begin::<S, 1, WIDTH>(simd, start);
        for row in self.of.derivatives.chunks_exact(self.width) {
            let derivatives = T::registers::<S>(&row[column..]);
            for (slope, derivative) in slopes[0].iter_mut().zip(derivatives) {
                *slope = T::plus(simd, *slope, *derivative);
            }
        }
        self.end(simd, start, slopes);
    }

    /// The sums so far.
    #[inline(always)]
    fn begin<S: Simd, const HEIGHT: usize, const WIDTH: usize>(
        &self,
        simd: S,
        start: usize,
    ) -> [[T::Register<S>; WIDTH]; HEIGHT] {
        let mut slopes = [[T::splat(simd, T::ZERO); WIDTH]; HEIGHT];
        if !self.of.is_first {
            let sums = T::registers::<S>(&self.of.sums.values()[start..]);
            slopes
                .as_flattened_mut()
                .copy_from_slice(&sums[..HEIGHT * WIDTH]);
        }
        slopes
    }

    /// Makes the step, or keeps the sums.
    #[inline(always)]
    fn end<S: Simd, const HEIGHT: usize, const WIDTH: usize>(
        &mut self,
        simd: S,
        start: usize,
        slopes: [[T::Register<S>; WIDTH]; HEIGHT],
    ) {
        let places = start..start + HEIGHT * WIDTH * T::lanes::<S>();
        match &mut self.plain {
            Some((parameters, length)) => {
                let length = T::splat(simd, *length);
                let parameters = T::registers_mut::<S>(&mut parameters.values_mut()[places]);
                let (rows, _) = parameters.as_chunks_mut::<WIDTH>();
                for (row, slopes) in rows.iter_mut().zip(&slopes) {
                    for (parameter, slope) in row.iter_mut().zip(slopes) {
                        *parameter = T::take_product(simd, *parameter, length, *slope);
                    }
                }
            }
            None => T::registers_mut::<S>(&mut self.of.sums.values_mut()[places])
                .copy_from_slice(slopes.as_flattened()),
        }
    }
}
