//! What can be wrong with values to encode or bytes to decode.

use std::fmt;

/// Why values cannot be encoded, or bytes not decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CodecError {
    /// The bytes are not those of so many values.
    Length {
        /// Name of the codec.
        codec: &'static str,
        /// Bytes given.
        bytes: usize,
        /// Values wanted.
        values: usize,
        /// Bytes that these take.
        expected: usize,
    },
    /// A value is not finite, or too large for the codec.
    Value {
        /// Name of the codec.
        codec: &'static str,
        /// Its position.
        position: usize,
        /// The value.
        value: f64,
        /// The largest value that the codec takes, either way.
        largest: f64,
    },
    /// A byte or scale is none that the codec writes.
    Foreign {
        /// Name of the codec.
        codec: &'static str,
        /// Where in the bytes.
        at: usize,
    },
    /// Positions of a sparse update do not ascend.
    Order {
        /// Which of the positions.
        entry: usize,
        /// The position.
        position: u32,
        /// The one before it.
        before: u32,
    },
    /// A position of a sparse update is not within the layout.
    Position {
        /// Which of the positions.
        entry: usize,
        /// The position.
        position: u32,
        /// Values of the layout.
        values: usize,
    },
    /// There are more values than positions can be written.
    TooMany {
        /// How many.
        values: usize,
    },
    /// Values and residual are not of one length.
    Residual {
        /// How many values.
        values: usize,
        /// Length of the residual.
        residual: usize,
    },
    /// The codec has no form for 64-bit values.
    OnlyF32 {
        /// Name of the codec.
        codec: &'static str,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CodecError::Length {
                codec,
                bytes,
                values,
                expected,
            } => write!(
                f,
                "{bytes} bytes for {values} values; codec {codec} takes {expected}"
            ),
            CodecError::Value {
                codec,
                position,
                value,
                largest,
            } => write!(
                f,
                "value {position} is {value}; codec {codec} takes up to {largest:.3e} either way"
            ),
            CodecError::Foreign { codec, at } => {
                write!(f, "byte {at} is none that codec {codec} writes there")
            }
            CodecError::Order {
                entry,
                position,
                before,
            } => write!(
                f,
                "position {entry} of a sparse update is {position}, after {before}; they must ascend"
            ),
            CodecError::Position {
                entry,
                position,
                values,
            } => write!(
                f,
                "position {entry} of a sparse update is {position}; there are {values} values"
            ),
            CodecError::TooMany { values } => write!(
                f,
                "{values} values are more than a sparse update has positions for; use a dense codec"
            ),
            CodecError::Residual { values, residual } => {
                write!(f, "a residual of {residual} values for {values}")
            }
            CodecError::OnlyF32 { codec } => write!(
                f,
                "codec {codec} takes 32-bit values only; use raw for 64-bit ones"
            ),
        }
    }
}

impl std::error::Error for CodecError {}
