//! How parameters and updates become bytes, and back.
//!
//! To add a codec, write a file beside this one and add its row to [`CODECS`]. All bytes are in
//! little-endian order. Numbers that are not finite are never written, and refused when read.

mod bf16;
mod check;
mod error;
mod f16;
mod int8;
mod raw;
mod top_k;

use std::fmt::Debug;
use std::sync::Arc;

use super::convert::RAW;
use crate::ml::parameters::{Parameters, Values};
use crate::spec::Table;

pub use error::CodecError;

/// Values that a codec works on at once; they and their bytes stay in the nearest cache.
const BLOCK: usize = 1024;

/// A way to write values as bytes. The same values give the same bytes on every machine.
pub trait Codec: Debug + Send + Sync {
    /// Its name in [`CODECS`].
    fn name(&self) -> &'static str;

    /// The pieces it can be read in, if not only as a whole.
    fn block(&self) -> Option<Block>;

    /// Bytes of `count` encoded values.
    fn encoded_len(&self, count: usize) -> usize;

    /// Appends the encoded values.
    ///
    /// # Errors
    /// When a value is not finite or too large for the codec; nothing is appended then.
    fn encode(&self, values: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads as many values as `out` has. Where the codec has blocks, `bytes` may be any whole number of
    /// them (the last block of all may be shorter), so that chunks are read as they arrive.
    ///
    /// # Errors
    /// When the bytes are not those of so many values, or one is not finite or not as the codec writes
    /// it. What `out` holds then is undefined.
    fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// As [`Codec::encode`], for 64-bit values.
    ///
    /// # Errors
    /// As [`Codec::encode`]; always by codecs of 32-bit values only.
    fn encode_f64(&self, _values: &[f64], _out: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::OnlyF32 { codec: self.name() })
    }

    /// As [`Codec::decode`], for 64-bit values.
    ///
    /// # Errors
    /// As [`Codec::decode`]; always by codecs of 32-bit values only.
    fn decode_f64(&self, _bytes: &[u8], _out: &mut [f64]) -> Result<(), CodecError> {
        Err(CodecError::OnlyF32 { codec: self.name() })
    }

    /// Encodes `values + residual` and leaves in `residual` what the bytes do not say of it, for the next
    /// time: error feedback (Stich, Cordonnier, Jaggi, "Sparsified SGD with memory", 2018, algorithm 1).
    ///
    /// # Errors
    /// As [`Codec::encode`], and when the lengths differ. Neither bytes nor residual are changed then.
    fn encode_with_residual(
        &self,
        values: &[f32],
        residual: &mut [f32],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let sums = sums(values, residual)?;
        let start = out.len();
        self.encode(&sums, out)?;
        let mut sent = vec![0.0; sums.len()];
        if let Err(error) = self.decode(&out[start..], &mut sent) {
            out.truncate(start);
            return Err(error);
        }
        for ((rest, sum), sent) in residual.iter_mut().zip(sums).zip(sent) {
            *rest = sum - sent;
        }
        Ok(())
    }
}

/// What a codec can be read in whole numbers of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Values of a block.
    pub values: usize,
    /// Bytes of a block.
    pub bytes: usize,
}

impl Block {
    /// The most bytes up to `limit` that are whole blocks: the size of chunks to send, each of which is
    /// read by itself. At least one block.
    pub fn chunk(&self, limit: usize) -> usize {
        (limit / self.bytes).max(1) * self.bytes
    }
}

/// Every codec that can be named.
pub static CODECS: Table<Arc<dyn Codec>> = Table {
    kind: "codec",
    rows: &[raw::ROW, f16::ROW, bf16::ROW, int8::ROW, top_k::ROW],
};

/// What is left of an update after a codec: encoded and decoded again.
///
/// # Errors
/// When a value cannot be encoded.
pub fn through(codec: &dyn Codec, update: &mut Parameters) -> Result<(), CodecError> {
    if codec.name() == RAW {
        return Ok(());
    }
    let mut bytes = Vec::new();
    match update.values_mut() {
        Values::F32(values) => {
            codec.encode(values, &mut bytes)?;
            codec.decode(&bytes, values)
        }
        Values::F64(values) => {
            codec.encode_f64(values, &mut bytes)?;
            codec.decode_f64(&bytes, values)
        }
    }
}

/// An update as bytes.
///
/// # Errors
/// When a value cannot be encoded.
pub fn encode(codec: &dyn Codec, update: &Parameters) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(codec.encoded_len(update.layout().elements()));
    match update.values() {
        Values::F32(values) => codec.encode(values, &mut bytes)?,
        Values::F64(values) => codec.encode_f64(values, &mut bytes)?,
    }
    Ok(bytes)
}

/// Values and what was left of those before.
fn sums(values: &[f32], residual: &[f32]) -> Result<Vec<f32>, CodecError> {
    if values.len() != residual.len() {
        return Err(CodecError::Residual {
            values: values.len(),
            residual: residual.len(),
        });
    }
    let pairs = values.iter().zip(residual);
    Ok(pairs.map(|(value, rest)| value + rest).collect())
}

/// Whether `bytes` is the length of `values` encoded values.
fn check_length(codec: &dyn Codec, bytes: usize, values: usize) -> Result<(), CodecError> {
    let expected = codec.encoded_len(values);
    if bytes == expected {
        return Ok(());
    }
    Err(CodecError::Length {
        codec: codec.name(),
        bytes,
        values,
        expected,
    })
}

#[cfg(test)]
mod tests;
