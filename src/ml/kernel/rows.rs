//! Rows of a matrix that lie some step apart, and so may overlap.

use crate::ml::real::Real;

/// Rows, `step` values apart within a line of rows, and lines `line_step` values apart. Of a row,
/// as many values count as whoever reads it needs.
///
/// A matrix is one line. The patches that a convolution sees are rows that overlap; see
/// [`super::Window`].
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    values: &'a [T],
    step: usize,
    line: usize,
    line_step: usize,
}

impl<'a, T: Real> Rows<'a, T> {
    /// Rows of a matrix, from one to the next so many values.
    pub fn of(values: &'a [T], step: usize) -> Self {
        Rows::in_lines(values, step, usize::MAX, 0)
    }

    /// Lines of `line` rows each.
    ///
    /// # Panics
    /// When a line has no rows.
    pub fn in_lines(values: &'a [T], step: usize, line: usize, line_step: usize) -> Self {
        assert!(line > 0);
        Rows {
            values,
            step,
            line,
            line_step,
        }
    }

    /// The values that rows lie in.
    #[inline(always)]
    pub(super) fn values(&self) -> &'a [T] {
        self.values
    }

    /// Values from a row to the next of its line.
    #[inline(always)]
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// Where these rows start.
    #[inline(always)]
    pub(super) fn starts<const COUNT: usize>(&self, first: usize) -> [usize; COUNT] {
        let mut within = first % self.line;
        let mut line = first / self.line * self.line_step;
        let mut starts = [0; COUNT];
        for start in &mut starts {
            *start = line + within * self.step;
            within += 1;
            if within == self.line {
                (within, line) = (0, line + self.line_step);
            }
        }
        starts
    }

    /// Cuts the first `rows` rows into those of each line: where its first starts, and how many.
    #[inline(always)]
    pub(super) fn runs(self, rows: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..rows.div_ceil(self.line)).map(move |line| {
            let first = line * self.line;
            (line * self.line_step, self.line.min(rows - first))
        })
    }
}
