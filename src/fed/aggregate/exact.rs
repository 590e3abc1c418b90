//! Weighted sums that are the same to the bit in any order and any grouping.
//!
//! Floating-point addition is not associative, integer addition is. So every value is rounded once to
//! a multiple of a power of two, the *scale*, and then added as an integer. The scale is fixed by the
//! plan of the round, from the largest sum of weights and the largest value allowed, so that no sum
//! can overflow. Parameters of 32 bits are summed in 64, those of 64 bits in 128.
//!
//! The rounding costs at most half a unit of the scale for each update: with updates up to 1,024 and
//! 65,536 rows in all, 2^-36 (1.5e-11) for 32-bit parameters and 2^-100 for those of 64 bits.
//!
//! Updates come as little-endian bytes, whole ([`ExactSum::fold`], [`ExactSum::fold_all`]) or a piece at
//! a time: the weight is [admitted](ExactSum::admit) once, then each piece [added](ExactSum::add). A
//! call that is refused leaves the sum as it was.

mod cell;
mod engine;
mod error;
mod scale;

use super::ranges::in_parts;
use crate::ml::layout::DType;
use cell::Cell;
use engine::apply;

pub use engine::Addend;
pub use error::AddError;
pub use scale::{OutOfRange, Scale};

/// Means that are worked out at once, before they are rounded to 32 bits.
const BLOCK: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Total {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// A sum of weighted updates.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactSum {
    scale: Scale,
    total: Total,
    weight: u64,
}

impl ExactSum {
    /// An empty sum of `len` values.
    pub fn new(scale: Scale, len: usize) -> ExactSum {
        let total = match scale.dtype() {
            DType::F32 => Total::Narrow(vec![0; len]),
            DType::F64 => Total::Wide(vec![0; len]),
        };
        ExactSum {
            scale,
            total,
            weight: 0,
        }
    }

    /// The same memory as an empty sum of as many values.
    ///
    /// # Panics
    /// If the scale is for another element type.
    #[must_use]
    pub fn emptied(mut self, scale: Scale) -> ExactSum {
        assert_eq!(scale.dtype(), self.scale.dtype(), "sums of different types");
        match &mut self.total {
            Total::Narrow(total) => total.fill(0),
            Total::Wide(total) => total.fill(0),
        }
        ExactSum {
            scale,
            total: self.total,
            weight: 0,
        }
    }

    /// How finely it sums and what it accepts.
    pub fn scale(&self) -> &Scale {
        &self.scale
    }

    /// Sum of the weights folded.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// How many values it sums.
    pub fn len(&self) -> usize {
        match &self.total {
            Total::Narrow(total) => total.len(),
            Total::Wide(total) => total.len(),
        }
    }

    /// Whether it sums no values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the weight of an update that is going to be added.
    ///
    /// # Errors
    /// When the weights exceed the scale's limit.
    pub fn admit(&mut self, weight: u64) -> Result<(), AddError> {
        let refused = AddError::Weight {
            weight,
            folded: self.weight,
            limit: self.scale.weight_limit(),
        };
        let sum = self.weight.checked_add(weight);
        let sum = sum.filter(|&sum| sum <= self.scale.weight_limit());
        self.weight = sum.ok_or(refused)?;
        Ok(())
    }

    /// Adds a piece of something whose weight was admitted, from value `offset` on, by up to `threads`
    /// threads. No sum overflows as long as each value of it is added once.
    ///
    /// # Errors
    /// When the piece is not within the layout, or a value of it not within the range that its weight
    /// allows. Nothing is added then.
    pub fn add(&mut self, offset: usize, piece: Addend, threads: usize) -> Result<(), AddError> {
        self.apply(offset, &[piece], threads)
    }

    /// Adds whole updates or partial sums, by up to `threads` threads. A block of the sum stays in the
    /// processor's cache while all are added to it.
    ///
    /// # Errors
    /// As [`ExactSum::admit`] and [`ExactSum::add`]; also when one does not cover the whole layout.
    /// Nothing is added then, of none.
    pub fn fold_all(&mut self, addends: &[Addend], threads: usize) -> Result<(), AddError> {
        let admitted = self.weight;
        let len = self.len();
        let folded = addends
            .iter()
            .try_for_each(|addend| {
                addend.covers(len, self.scale.dtype())?;
                self.admit(addend.weight())
            })
            .and_then(|()| self.apply(0, addends, threads));
        if folded.is_err() {
            self.weight = admitted;
        }
        folded
    }

    /// Adds an update, given as little-endian bytes that passed [`Scale::check`], `weight` times.
    ///
    /// # Panics
    /// If the update has another length, was not checked, or the weights exceed the scale's limit: each
    /// is a mistake of the caller, and going on would give a wrong model.
    pub fn fold(&mut self, update: &[u8], weight: u64) {
        let addend = Addend::update(update, weight);
        if let Err(error) = self.fold_all(&[addend], 1) {
            panic!("an unchecked update: {error}");
        }
    }

    /// Adds what another sum of the same scale and length holds.
    ///
    /// # Panics
    /// If scale or length differ, or the weights exceed the scale's limit.
    pub fn merge(&mut self, other: &ExactSum) {
        assert_eq!(self.scale, other.scale, "sums of different scales");
        assert_eq!(self.len(), other.len(), "sums of different lengths");
        if let Err(error) = self.admit(other.weight) {
            panic!("more weight than planned: {error}");
        }
        match (&mut self.total, &other.total) {
            (Total::Narrow(a), Total::Narrow(b)) => {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            }
            (Total::Wide(a), Total::Wide(b)) => {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            }
            _ => unreachable!("the scale says which"),
        }
    }

    /// Bytes of the sum as [`ExactSum::to_bytes`] writes it.
    pub fn byte_length(&self) -> usize {
        match &self.total {
            Total::Narrow(total) => total.len() * i64::BYTES,
            Total::Wide(total) => total.len() * i128::BYTES,
        }
    }

    /// Appends the sum: its integers, 8 bytes each for 32-bit parameters and 16 for those of 64, in
    /// little-endian order. With its weight, this is a partial sum for [`Addend::partial`].
    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        match &self.total {
            Total::Narrow(total) => Cell::write(total, out),
            Total::Wide(total) => Cell::write(total, out),
        }
    }

    /// The weighted mean, value by value; zeros if nothing was folded.
    pub fn mean(&self) -> impl Iterator<Item = f64> + '_ {
        let mut block = [0.0; BLOCK];
        (0..self.len()).map(move |at| {
            if at % BLOCK == 0 {
                let count = BLOCK.min(self.len() - at);
                self.mean_into(at, &mut block[..count]);
            }
            block[at % BLOCK]
        })
    }

    /// Writes the weighted mean of the values from `start` on.
    ///
    /// # Panics
    /// If `out` goes beyond the last value.
    pub fn mean_into(&self, start: usize, out: &mut [f64]) {
        let range = start..start + out.len();
        let (unit, weight) = (self.scale.unit(), self.weight.max(1) as f64);
        match &self.total {
            Total::Narrow(total) => Cell::means(&total[range], unit, weight, out),
            Total::Wide(total) => Cell::means(&total[range], unit, weight, out),
        }
    }

    /// Writes the whole weighted mean rounded to 32 bits, by up to `threads` threads.
    ///
    /// # Panics
    /// If `out` has another length than the sum.
    pub fn mean_f32_into(&self, out: &mut [f32], threads: usize) {
        assert_eq!(out.len(), self.len(), "length of the mean");
        in_parts(out, BLOCK, threads, |start, part| {
            let mut block = [0.0; BLOCK];
            for (index, out) in part.chunks_mut(BLOCK).enumerate() {
                let means = &mut block[..out.len()];
                self.mean_into(start + index * BLOCK, means);
                out.iter_mut()
                    .zip(means)
                    .for_each(|(out, mean)| *out = *mean as f32);
            }
        });
    }

    fn apply(&mut self, offset: usize, addends: &[Addend], threads: usize) -> Result<(), AddError> {
        match &mut self.total {
            Total::Narrow(total) => apply(total, &self.scale, offset, addends, threads),
            Total::Wide(total) => apply(total, &self.scale, offset, addends, threads),
        }
    }
}

#[cfg(test)]
mod tests;
