//! Why something cannot be added to a sum.

use std::fmt;

use super::OutOfRange;

/// Why something cannot be added to a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AddError {
    /// Its bytes are not those of values within the layout.
    Length {
        /// Bytes given.
        bytes: usize,
        /// Bytes of one value.
        size: usize,
        /// The first value they are for.
        offset: usize,
        /// Values of the layout.
        len: usize,
    },
    /// All weights together would exceed what the scale was made for.
    Weight {
        /// Weight of what was to be added.
        weight: u64,
        /// Weight admitted before.
        folded: u64,
        /// The scale's limit.
        limit: u64,
    },
    /// A value of an update is not finite or too large.
    Value(OutOfRange),
    /// An integer of a partial sum is larger than updates of that weight can make it.
    Partial {
        /// Its position in the layout.
        position: usize,
        /// The integer.
        value: i128,
        /// What is allowed, either way.
        limit: i128,
    },
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddError::Length {
                bytes,
                size,
                offset,
                len,
            } => write!(
                f,
                "{bytes} bytes from value {offset} on, of {size} bytes each; the layout has {len} values"
            ),
            AddError::Weight {
                weight,
                folded,
                limit,
            } => write!(
                f,
                "a weight of {weight} on top of {folded}; the round takes up to {limit} in all"
            ),
            AddError::Value(value) => value.fmt(f),
            AddError::Partial {
                position,
                value,
                limit,
            } => write!(
                f,
                "value {position} of the partial sum is {value}; its weight allows up to {limit} either way"
            ),
        }
    }
}

impl std::error::Error for AddError {}
