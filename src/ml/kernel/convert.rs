//! Between the element type of a model and the double precision of its loss.

use pulp::Simd;

use super::isa::{Isa, Work};
use crate::ml::real::Real;

/// Copies the first `columns` of each row of `width` values.
pub fn widen<T: Real>(isa: Isa, out: &mut [f64], values: &[T], width: usize, columns: usize) {
    isa.run(Widen {
        out,
        values,
        width,
        columns,
    });
}

/// Rounds rows of `columns` values to the first of rows of `width`; the others become 0.
pub fn narrow<T: Real>(isa: Isa, out: &mut [T], values: &[f64], width: usize, columns: usize) {
    isa.run(Narrow {
        out,
        values,
        width,
        columns,
    });
}

struct Widen<'a, T> {
    out: &'a mut [f64],
    values: &'a [T],
    width: usize,
    columns: usize,
}

impl<T: Real> Work for Widen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let rows = self.values.chunks_exact(self.width);
        for (out, row) in self.out.chunks_exact_mut(self.columns).zip(rows) {
            for (out, value) in out.iter_mut().zip(row) {
                *out = value.to_f64();
            }
        }
    }
}

struct Narrow<'a, T> {
    out: &'a mut [T],
    values: &'a [f64],
    width: usize,
    columns: usize,
}

impl<T: Real> Work for Narrow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let rows = self.values.chunks_exact(self.columns);
        for (out, row) in self.out.chunks_exact_mut(self.width).zip(rows) {
            for (out, value) in out.iter_mut().zip(row) {
                *out = T::from_f64(*value);
            }
            out[self.columns..].fill(T::ZERO);
        }
    }
}
