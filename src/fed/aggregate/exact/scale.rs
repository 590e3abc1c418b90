//! How finely values are rounded before they are summed, and how large they may be.

use std::fmt;

use super::cell::Cell;
use crate::ml::layout::DType;

/// How finely values are rounded, and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    dtype: DType,
    /// A value `v` becomes the integer nearest to `v * 2^bits`.
    bits: i32,
    largest: f64,
    weight_limit: u64,
}

/// A value of an update that cannot be summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutOfRange {
    /// Its position in the layout.
    pub position: usize,
    /// The value.
    pub value: f64,
    /// What is allowed, either way.
    pub largest: f64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "value {} of the update is {}; allowed is up to {} either way",
            self.position, self.value, self.largest
        )
    }
}

impl std::error::Error for OutOfRange {}

impl Scale {
    /// The finest scale at which updates within `largest` whose weights sum up to no more than
    /// `weight_limit` cannot overflow.
    pub fn new(dtype: DType, largest: f64, weight_limit: u64) -> Scale {
        let value_bits = largest.log2().ceil() as i32;
        Scale {
            dtype,
            bits: width(dtype) - bits_of(weight_limit) - value_bits,
            largest,
            weight_limit,
        }
    }

    /// The element type of the updates it sums.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The largest value allowed, either way.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// What the weights may sum up to.
    pub fn weight_limit(&self) -> u64 {
        self.weight_limit
    }

    /// Whether every value of an update, little-endian bytes of this scale's type, is within what the
    /// plan allows.
    ///
    /// # Errors
    /// With the first value that is not finite or too large.
    pub fn check(&self, update: &[u8]) -> Result<(), OutOfRange> {
        let bad = match self.dtype {
            DType::F32 => i64::first_bad_value(update, self.largest),
            DType::F64 => i128::first_bad_value(update, self.largest),
        };
        match bad {
            None => Ok(()),
            Some((position, value)) => Err(OutOfRange {
                position,
                value,
                largest: self.largest,
            }),
        }
    }

    /// How many units of the integers make 1.
    pub(super) fn unit(&self) -> f64 {
        2f64.powi(self.bits)
    }

    /// How large, either way, a sum of updates can be whose weights sum up to `weight`.
    ///
    /// With s = width - bits of the weight limit, a value `v` of weight `w` becomes at most `w * 2^s`
    /// for s >= 0: `v` is at most `2^value_bits`, and rounding to integers keeps the order. For s < 0 it
    /// becomes at most twice that, since what rounds up to an integer is more than half of it. Such
    /// limits add up, and that of the whole weight limit fits into the integer.
    pub(super) fn limit(&self, weight: u64) -> i128 {
        match width(self.dtype) - bits_of(self.weight_limit) {
            shift @ 0.. => i128::from(weight) << shift,
            shift => i128::from(weight) >> (-shift - 1),
        }
    }
}

/// Bits of the largest sum, of those the integers have.
fn width(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 62,
        DType::F64 => 126,
    }
}

fn bits_of(weight: u64) -> i32 {
    64 - weight.leading_zeros() as i32
}
