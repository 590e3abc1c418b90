//! IEEE 754 half precision: 2 bytes a value, 11 bits of precision, up to 65,504.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::Arch;

use super::check::within;
use super::{BLOCK, Block, Codec, CodecError, check_length};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Codec>> = Row {
    name: NAME,
    aliases: &[],
    value: "",
    help: "half precision, 2 bytes a value; 11 bits of precision, values up to 65504",
    options: &[],
    build: |_| Ok(Arc::new(F16)),
};

const NAME: &str = "f16";
/// The largest value that is rounded down to 65,504 and not up to infinity.
const LARGEST: f32 = 65_520.0_f32.next_down();

/// Half precision, rounded to nearest, ties to even.
#[derive(Clone, Copy, Debug)]
struct F16;

impl Codec for F16 {
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
        let mut halves = [f16::ZERO; BLOCK];
        let mut bytes = [0; BLOCK * 2];
        for (index, values) in values.chunks(BLOCK).enumerate() {
            let good = arch.dispatch(|| within(NAME, values, index * BLOCK, LARGEST));
            if good.is_err() {
                out.truncate(old);
                return good;
            }
            let halves = &mut halves[..values.len()];
            halves.convert_from_f32_slice(values);
            let bytes = &mut bytes[..values.len() * 2];
            let pairs = bytes.as_chunks_mut::<2>().0.iter_mut().zip(halves);
            pairs.for_each(|(bytes, half)| *bytes = half.to_le_bytes());
            out.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        check_length(self, bytes.len(), out.len())?;
        let arch = Arch::new();
        let mut halves = [f16::ZERO; BLOCK];
        let blocks = out.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK * 2));
        for (index, (out, bytes)) in blocks.enumerate() {
            let halves = &mut halves[..out.len()];
            let pairs = halves.iter_mut().zip(bytes.as_chunks::<2>().0);
            pairs.for_each(|(half, &bytes)| *half = f16::from_le_bytes(bytes));
            halves.convert_to_f32_slice(out);
            // Infinities and NaN stay what they are.
            arch.dispatch(|| within(NAME, out, index * BLOCK, LARGEST))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_known_values() {
        let mut bytes = Vec::new();
        // 2049 is halfway between 2048 and 2050, 2051 between 2050 and 2052: ties go to even digits.
        let values = [1.0, -2.0, 65_519.0, 2f32.powi(-24), 2049.0, 2051.0];
        F16.encode(&values, &mut bytes).unwrap();
        let halves = [0x3c00u16, 0xc000, 0x7bff, 0x0001, 0x6800, 0x6802];
        assert!(
            bytes
                .iter()
                .copied()
                .eq(halves.iter().flat_map(|h| h.to_le_bytes()))
        );
        let mut back = [0.0; 6];
        F16.decode(&bytes, &mut back).unwrap();
        assert_eq!(back, [1.0, -2.0, 65_504.0, 2f32.powi(-24), 2048.0, 2052.0]);
    }

    #[test]
    fn the_processors_instructions_and_plain_code_agree() {
        let values: Vec<f32> = (0..200_000u32)
            .map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)))
            .filter(|value| value.abs() <= LARGEST)
            .collect();
        let mut bytes = Vec::new();
        F16.encode(&values, &mut bytes).unwrap();
        for (bytes, &value) in bytes.as_chunks::<2>().0.iter().zip(&values) {
            assert_eq!(
                *bytes,
                f16::from_f32_const(value).to_le_bytes(),
                "{value:e}"
            );
        }
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for half in halves.into_iter().filter(|half| half.is_finite()) {
            let mut back = [0.0];
            F16.decode(&half.to_le_bytes(), &mut back).unwrap();
            assert_eq!(back[0].to_bits(), half.to_f32_const().to_bits());
        }
    }

    #[test]
    fn too_large_values_and_foreign_bytes_are_refused() {
        let mut bytes = vec![7];
        let error = F16.encode(&[0.0, 65_520.0], &mut bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "value 1 is 65520; codec f16 takes up to 6.552e4 either way"
        );
        assert_eq!(bytes, [7]);
        for bad in [0x7c00u16, 0xfc00, 0x7e00, 0x7c01] {
            let read = F16.decode(&bad.to_le_bytes(), &mut [0.0]);
            assert!(matches!(read, Err(CodecError::Value { position: 0, .. })));
        }
    }
}
