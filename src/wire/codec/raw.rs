//! Values as they are: 4 or 8 bytes each.

use std::sync::Arc;

use pulp::Arch;

use super::check::within;
use super::{BLOCK, Block, Codec, CodecError, check_length};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Codec>> = Row {
    name: NAME,
    aliases: &[],
    value: "",
    help: "values as they are, 4 or 8 bytes each",
    options: &[],
    build: |_| Ok(Arc::new(Raw)),
};

const NAME: &str = "raw";

/// Values as they are.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    fn name(&self) -> &'static str {
        NAME
    }

    fn block(&self) -> Option<Block> {
        Some(Block {
            values: 1,
            bytes: 4,
        })
    }

    fn encoded_len(&self, count: usize) -> usize {
        count.saturating_mul(4)
    }

    fn encode(&self, values: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let arch = Arch::new();
        let old = out.len();
        out.reserve(self.encoded_len(values.len()));
        let mut bytes = [0; BLOCK * 4];
        for (index, values) in values.chunks(BLOCK).enumerate() {
            let bytes = &mut bytes[..values.len() * 4];
            let written = arch.dispatch(|| {
                within(NAME, values, index * BLOCK, f32::MAX)?;
                let pairs = bytes.as_chunks_mut::<4>().0.iter_mut().zip(values);
                pairs.for_each(|(bytes, value)| *bytes = value.to_le_bytes());
                Ok(())
            });
            if written.is_err() {
                out.truncate(old);
                return written;
            }
            out.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        check_length(self, bytes.len(), out.len())?;
        let arch = Arch::new();
        let blocks = out.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK * 4));
        for (index, (out, bytes)) in blocks.enumerate() {
            arch.dispatch(|| {
                let pairs = out.iter_mut().zip(bytes.as_chunks::<4>().0);
                pairs.for_each(|(value, &bytes)| *value = f32::from_le_bytes(bytes));
                within(NAME, out, index * BLOCK, f32::MAX)
            })?;
        }
        Ok(())
    }

    fn encode_f64(&self, values: &[f64], out: &mut Vec<u8>) -> Result<(), CodecError> {
        all_finite(values, 0)?;
        out.reserve(values.len() * 8);
        let mut bytes = [0; BLOCK * 8];
        for values in values.chunks(BLOCK) {
            let bytes = &mut bytes[..values.len() * 8];
            let pairs = bytes.as_chunks_mut::<8>().0.iter_mut().zip(values);
            pairs.for_each(|(bytes, value)| *bytes = value.to_le_bytes());
            out.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn decode_f64(&self, bytes: &[u8], out: &mut [f64]) -> Result<(), CodecError> {
        if out.len().checked_mul(8) != Some(bytes.len()) {
            return Err(CodecError::Length {
                codec: NAME,
                bytes: bytes.len(),
                values: out.len(),
                expected: out.len().saturating_mul(8),
            });
        }
        let blocks = out.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK * 8));
        for (index, (out, bytes)) in blocks.enumerate() {
            let pairs = out.iter_mut().zip(bytes.as_chunks::<8>().0);
            pairs.for_each(|(value, &bytes)| *value = f64::from_le_bytes(bytes));
            all_finite(out, index * BLOCK)?;
        }
        Ok(())
    }
}

fn all_finite(values: &[f64], start: usize) -> Result<(), CodecError> {
    let all = |values: &[f64]| values.iter().fold(true, |all, v| all & v.is_finite());
    if values.chunks(BLOCK).all(all) {
        return Ok(());
    }
    let bad = values.iter().position(|value| !value.is_finite());
    let at = bad.unwrap_or(0);
    Err(CodecError::Value {
        codec: NAME,
        position: start + at,
        value: values[at],
        largest: f64::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_values() {
        let mut bytes = Vec::new();
        Raw.encode(&[1.0, -2.5], &mut bytes).unwrap();
        assert_eq!(bytes, [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]);
        bytes.clear();
        Raw.encode_f64(&[-2.5], &mut bytes).unwrap();
        assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 4, 0xc0]);
    }

    #[test]
    fn wide_values_go_round_and_are_checked() {
        let values: Vec<f64> = (0..3000).map(|i| f64::from(i).sqrt() - 9.0).collect();
        let mut bytes = Vec::new();
        Raw.encode_f64(&values, &mut bytes).unwrap();
        let mut back = vec![0.0; values.len()];
        Raw.decode_f64(&bytes, &mut back).unwrap();
        assert_eq!(back, values);
        assert!(Raw.decode_f64(&bytes[1..], &mut back).is_err());
        bytes[2000 * 8..][..8].copy_from_slice(&f64::NAN.to_le_bytes());
        let error = Raw.decode_f64(&bytes, &mut back).unwrap_err();
        assert_eq!(
            error.to_string(),
            "value 2000 is NaN; codec raw takes up to 1.798e308 either way"
        );
        let error = Raw.encode_f64(&[0.0, f64::INFINITY], &mut bytes);
        assert!(matches!(error, Err(CodecError::Value { position: 1, .. })));
    }
}
