//! The largest of each 2 x 2 pixels, rectified.
//!
//! Images are matrices of pixels x channels, column of pixels after column of pixels. A last line or column without
//! a partner is left out.

use pulp::Simd;

use super::isa::{Isa, Work};
use crate::ml::real::Real;

/// Where the largest was not positive, so that nothing goes back.
const NOWHERE: u32 = 4;

/// Sizes of an image before pooling.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Pixels of a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Values of a pixel.
    pub channels: usize,
}

impl Pool {
    /// Pixels after pooling.
    pub fn pixels(&self) -> usize {
        (self.width / 2) * (self.height / 2)
    }

    /// Writes the largest of each four values, or 0 where none is positive, and which it was: of equals the first,
    /// line by line.
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn forward<T: Real>(&self, isa: Isa, out: &mut [T], chosen: &mut [u32], image: &[T]) {
        isa.run(Forward {
            of: *self,
            out,
            chosen,
            image,
        });
    }

    /// Writes each derivative to where its value came from, and zeros elsewhere.
    ///
    /// # Panics
    /// When lengths do not fit.
    pub fn backward<T: Real>(&self, isa: Isa, image: &mut [T], derivatives: &[T], chosen: &[u32]) {
        isa.run(Backward {
            of: *self,
            image,
            derivatives,
            chosen,
        });
    }

    /// Values of a column of pixels, and of the part of it that has partners.
    #[inline(always)]
    fn column(&self) -> (usize, usize) {
        let column = self.height * self.channels;
        (column, self.height / 2 * 2 * self.channels)
    }
}

struct Forward<'a, T> {
    of: Pool,
    out: &'a mut [T],
    chosen: &'a mut [u32],
    image: &'a [T],
}

impl<T: Real> Work for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let channels = self.of.channels;
        let (column, paired) = self.of.column();
        let mut out = self.out.chunks_exact_mut(channels);
        let mut chosen = self.chosen.chunks_exact_mut(channels);
        for columns in self.image.chunks_exact(2 * column) {
            let (left, right) = columns.split_at(column);
            let left = left[..paired].chunks_exact(2 * channels);
            let right = right[..paired].chunks_exact(2 * channels);
            for (((left, right), out), chosen) in
                left.zip(right).zip(out.by_ref()).zip(chosen.by_ref())
            {
                let (first, third) = left.split_at(channels);
                let (second, fourth) = right.split_at(channels);
                let four = first.iter().zip(second).zip(third.iter().zip(fourth));
                for ((four, out), chosen) in four.zip(out).zip(chosen) {
                    let ((first, second), (third, fourth)) = four;
                    let (mut largest, mut which) = (T::ZERO, NOWHERE);
                    for (number, value) in [first, second, third, fourth].into_iter().enumerate() {
                        let is_larger = *value > largest;
                        largest = if is_larger { *value } else { largest };
                        which = if is_larger { number as u32 } else { which };
                    }
                    (*out, *chosen) = (largest, which);
                }
            }
        }
    }
}

struct Backward<'a, T> {
    of: Pool,
    image: &'a mut [T],
    derivatives: &'a [T],
    chosen: &'a [u32],
}

impl<T: Real> Work for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let channels = self.of.channels;
        let (column, paired) = self.of.column();
        if self.of.width % 2 + self.of.height % 2 > 0 {
            self.image.fill(T::ZERO);
        }
        let derivatives = self.derivatives.chunks_exact(channels);
        let mut pairs = derivatives.zip(self.chosen.chunks_exact(channels));
        for columns in self.image.chunks_exact_mut(2 * column) {
            let (left, right) = columns.split_at_mut(column);
            let left = left[..paired].chunks_exact_mut(2 * channels);
            let right = right[..paired].chunks_exact_mut(2 * channels);
            for ((left, right), (derivatives, chosen)) in left.zip(right).zip(pairs.by_ref()) {
                let (first, third) = left.split_at_mut(channels);
                let (second, fourth) = right.split_at_mut(channels);
                for (number, values) in [first, second, third, fourth].into_iter().enumerate() {
                    let pairs = derivatives.iter().zip(chosen);
                    for (value, (derivative, chosen)) in values.iter_mut().zip(pairs) {
                        let is_source = *chosen == number as u32;
                        *value = if is_source { *derivative } else { T::ZERO };
                    }
                }
            }
        }
    }
}
