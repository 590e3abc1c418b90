//! Whole numbers from -127 to 127 times a scale: a byte a value, and 4 bytes a block of 256 values.
//!
//! A block is its scale s = max |x| / 127 as f32 and then, for each value, the integer nearest to x / s,
//! ties to even. The error of a value is at most s / 2. Scales of blocks keep one large value from costing
//! all others their digits (Dettmers et al., "8-bit optimizers via block-wise quantization", 2022, section 2).

use std::sync::Arc;

use pulp::Arch;

use super::check::{magnitude, within};
use super::{Block, Codec, CodecError, check_length};
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Codec>> = Row {
    name: NAME,
    aliases: &[],
    value: "",
    help: "a byte a value, with one scale for every 256 values",
    options: &[],
    build: |_| Ok(Arc::new(Int8)),
};

const NAME: &str = "int8";
/// Values with one scale.
const GROUP: usize = 256;
/// The largest integer, either way.
const STEPS: f32 = 127.0;
/// 1.5 * 2^23: a sum of this and a small number is the number rounded to a whole one.
const ONES: f32 = 12_582_912.0;
/// A little less than there is, so that the largest integer times its scale is finite.
const LARGEST: f32 = f32::MAX / 2.0;

/// Bytes with a scale for each group.
#[derive(Clone, Copy, Debug)]
struct Int8;

impl Codec for Int8 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn block(&self) -> Option<Block> {
        Some(Block {
            values: GROUP,
            bytes: GROUP + 4,
        })
    }

    fn encoded_len(&self, count: usize) -> usize {
        count.saturating_add(count.div_ceil(GROUP).saturating_mul(4))
    }

    fn encode(&self, values: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let arch = Arch::new();
        let old = out.len();
        out.reserve(self.encoded_len(values.len()));
        let mut bytes = [0; GROUP];
        for (index, values) in values.chunks(GROUP).enumerate() {
            let bytes = &mut bytes[..values.len()];
            match arch.dispatch(|| quantise(values, index * GROUP, bytes)) {
                Ok(scale) => out.extend_from_slice(&scale.to_le_bytes()),
                Err(error) => {
                    out.truncate(old);
                    return Err(error);
                }
            }
            out.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        check_length(self, bytes.len(), out.len())?;
        let arch = Arch::new();
        let groups = out.chunks_mut(GROUP).zip(bytes.chunks(GROUP + 4));
        for (index, (out, bytes)) in groups.enumerate() {
            let foreign = |at| CodecError::Foreign {
                codec: NAME,
                at: index * (GROUP + 4) + at,
            };
            let (scale, bytes) = bytes.split_first_chunk().ok_or(foreign(0))?;
            let scale = f32::from_le_bytes(*scale);
            if !(scale.is_sign_positive() && scale <= LARGEST / STEPS) {
                return Err(foreign(0));
            }
            if arch.dispatch(|| expand(bytes, scale, out)) {
                let at = bytes.iter().position(|&byte| byte as i8 == i8::MIN);
                return Err(foreign(4 + at.unwrap_or(0)));
            }
        }
        Ok(())
    }
}

/// The integers of a group, as bytes; its scale.
#[inline(always)]
fn quantise(values: &[f32], start: usize, bytes: &mut [u8]) -> Result<f32, CodecError> {
    within(NAME, values, start, LARGEST)?;
    let scale = f32::from_bits(magnitude(values)) / STEPS;
    if scale == 0.0 {
        bytes.fill(0);
        return Ok(0.0);
    }
    for (byte, value) in bytes.iter_mut().zip(values) {
        let rounded = (value / scale + ONES).to_bits() as i32 - ONES.to_bits() as i32;
        // Only scales too small for all their digits come to more.
        *byte = rounded.clamp(-127, 127) as u8;
    }
    Ok(scale)
}

/// The values of a group; whether one of the bytes is -128.
#[inline(always)]
fn expand(bytes: &[u8], scale: f32, out: &mut [f32]) -> bool {
    for (value, &byte) in out.iter_mut().zip(bytes) {
        *value = f32::from(byte as i8) * scale;
    }
    let lowest = bytes.iter().map(|&byte| byte as i8);
    lowest.fold(0, i8::min) == i8::MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Int8.encode(values, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn bytes_of_known_values() {
        // The scale is 2; 1 / 2 and 3 / 2 are ties, which go to 0 and 2.
        let bytes = encoded(&[254.0, -254.0, 1.0, 3.0, -10.0]);
        assert_eq!(bytes, [0, 0, 0, 0x40, 127, 0x81, 0, 2, 0xfb]);
        let mut back = [0.0; 5];
        Int8.decode(&bytes, &mut back).unwrap();
        assert_eq!(back, [254.0, -254.0, 0.0, 4.0, -10.0]);
        assert_eq!(encoded(&[0.0, -0.0]), [0; 6]);
    }

    #[test]
    fn every_group_has_its_own_scale_and_error() {
        let values: Vec<f32> = (0..1000)
            .map(|i| (i as f32 * 0.7).sin() * 10f32.powi(i / GROUP as i32 - 2))
            .collect();
        let bytes = encoded(&values);
        assert_eq!(bytes.len(), 1000 + 4 * 4);
        let mut back = vec![0.0; 1000];
        Int8.decode(&bytes, &mut back).unwrap();
        for (values, back) in values.chunks(GROUP).zip(back.chunks(GROUP)) {
            let scale = f32::from_bits(magnitude(values)) / STEPS;
            let far = values.iter().zip(back).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f32::max) <= scale * 0.50001);
        }
    }

    #[test]
    fn plain_code_gives_the_same_bytes() {
        let values: Vec<f32> = (0..256).map(|i| (i as f32 * 1.3).cos() * 0.01).collect();
        let mut bytes = [0; 256];
        let scale = quantise(&values, 0, &mut bytes).unwrap();
        let all = encoded(&values);
        assert_eq!(all[..4], scale.to_le_bytes());
        assert_eq!(all[4..], bytes);
    }

    #[test]
    fn the_smallest_and_largest_values_go_round() {
        for size in [1u32, 63, 64, 190, 5000] {
            let tiny = f32::from_bits(size);
            let bytes = encoded(&[tiny, -tiny, 0.0]);
            let mut back = [0.0; 3];
            Int8.decode(&bytes, &mut back).unwrap();
            assert!(
                (back[0] - tiny).abs() < f32::from_bits(64),
                "{tiny:e} {back:?}"
            );
        }
        let mut back = [0.0; 2];
        Int8.decode(&encoded(&[LARGEST, 0.0]), &mut back).unwrap();
        assert!((back[0] / LARGEST - 1.0).abs() < 1e-6);
        let refused = Int8.encode(&[f32::MAX], &mut Vec::new());
        assert!(matches!(refused, Err(CodecError::Value { .. })));
    }

    #[test]
    fn foreign_scales_and_bytes_are_refused() {
        for scale in [f32::NAN, f32::INFINITY, -1.0, -0.0, f32::MAX / 127.0] {
            let mut bytes = encoded(&[1.0; 300]);
            bytes[260..264].copy_from_slice(&scale.to_le_bytes());
            let read = Int8.decode(&bytes, &mut [0.0; 300]);
            let foreign = CodecError::Foreign {
                codec: NAME,
                at: 260,
            };
            assert_eq!(read, Err(foreign), "{scale}");
        }
        let mut bytes = encoded(&[1.0; 3]);
        bytes[6] = 0x80;
        let error = Int8.decode(&bytes, &mut [0.0; 3]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "byte 6 is none that codec int8 writes there"
        );
    }
}
