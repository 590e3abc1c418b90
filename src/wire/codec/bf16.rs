//! The upper half of single precision ("bfloat16"): 2 bytes a value, 8 bits of precision, all of the range.

use std::sync::Arc;

use pulp::Arch;

use super::check::within;
use super::{BLOCK, Block, Codec, CodecError, check_length};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Codec>> = Row {
    name: NAME,
    aliases: &[],
    value: "",
    help: "upper half of single precision, 2 bytes a value; 8 bits of precision",
    options: &[],
    build: |_| Ok(Arc::new(Bf16)),
};

const NAME: &str = "bf16";
/// The largest value that is not rounded up to infinity.
const LARGEST: f32 = f32::from_bits(0x7f7f_7fff);

/// The upper half, rounded to nearest, ties to even.
#[derive(Clone, Copy, Debug)]
struct Bf16;

impl Codec for Bf16 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn block(&self) -> Option<Block> {
        Some(Block {
            values: 1,
            bytes: 2,
        })
    }

    fn encoded_len(&self, count: usize) -> usize {
        count.saturating_mul(2)
    }

    fn encode(&self, values: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let arch = Arch::new();
        let old = out.len();
        out.reserve(self.encoded_len(values.len()));
        let mut bytes = [0; BLOCK * 2];
        for (index, values) in values.chunks(BLOCK).enumerate() {
            let bytes = &mut bytes[..values.len() * 2];
            let written = arch.dispatch(|| {
                within(NAME, values, index * BLOCK, LARGEST)?;
                let pairs = bytes.as_chunks_mut::<2>().0.iter_mut().zip(values);
                pairs.for_each(|(bytes, &value)| *bytes = upper_half(value).to_le_bytes());
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
        let blocks = out.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK * 2));
        for (index, (out, bytes)) in blocks.enumerate() {
            arch.dispatch(|| {
                for (value, &bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *value = f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16);
                }
                within(NAME, out, index * BLOCK, f32::MAX)
            })?;
        }
        Ok(())
    }
}

/// The nearest number with an empty lower half. Half a unit less one is added, and one more if the upper
/// half is odd: the carry rounds to nearest, ties to even.
#[inline(always)]
fn upper_half(value: f32) -> u16 {
    let bits = value.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_known_values() {
        let mut bytes = Vec::new();
        // 257 is halfway between 256 and 258, 259 between 258 and 260: ties go to even digits.
        Bf16.encode(&[1.0, -2.0, 257.0, 259.0], &mut bytes).unwrap();
        let halves = [0x3f80u16, 0xc000, 0x4380, 0x4382];
        assert!(
            bytes
                .iter()
                .copied()
                .eq(halves.iter().flat_map(|h| h.to_le_bytes()))
        );
        let mut back = [0.0; 4];
        Bf16.decode(&bytes, &mut back).unwrap();
        assert_eq!(back, [1.0, -2.0, 256.0, 260.0]);
    }

    #[test]
    fn rounds_as_others_do() {
        let values: Vec<f32> = (0..200_000u32)
            .map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)))
            .filter(|value| value.abs() <= LARGEST)
            .collect();
        let mut bytes = Vec::new();
        Bf16.encode(&values, &mut bytes).unwrap();
        for (bytes, &value) in bytes.as_chunks::<2>().0.iter().zip(&values) {
            let expected = half::bf16::from_f32_const(value).to_le_bytes();
            assert_eq!(*bytes, expected, "{value:e}");
        }
    }

    #[test]
    fn too_large_values_and_foreign_bytes_are_refused() {
        let mut bytes = Vec::new();
        Bf16.encode(&[LARGEST], &mut bytes).unwrap();
        assert_eq!(bytes, [0x7f, 0x7f]);
        assert!(Bf16.encode(&[LARGEST.next_up()], &mut bytes).is_err());
        assert_eq!(bytes.len(), 2);
        for bad in [0x7f80u16, 0xff80, 0x7fc0, 0x7f81] {
            let read = Bf16.decode(&bad.to_le_bytes(), &mut [0.0]);
            assert!(matches!(read, Err(CodecError::Value { position: 0, .. })));
        }
    }
}
