//! Looking for values that a codec cannot take, many at once.

use super::CodecError;

/// Fails with the first value whose magnitude is beyond `largest`; infinities and NaN are beyond all.
#[inline(always)]
pub(super) fn within(
    codec: &'static str,
    values: &[f32],
    start: usize,
    largest: f32,
) -> Result<(), CodecError> {
    if magnitude(values) <= largest.to_bits() {
        return Ok(());
    }
    Err(first_beyond(codec, values, start, largest))
}

/// The largest magnitude as bits, which grow with it.
#[inline(always)]
pub(super) fn magnitude(values: &[f32]) -> u32 {
    let bits = values.iter().map(|value| value.to_bits() & 0x7fff_ffff);
    bits.fold(0, u32::max)
}

#[cold]
fn first_beyond(codec: &'static str, values: &[f32], start: usize, largest: f32) -> CodecError {
    let beyond = |value: &f32| magnitude(&[*value]) > largest.to_bits();
    let at = values.iter().position(beyond).unwrap_or(0);
    CodecError::Value {
        codec,
        position: start + at,
        value: values[at].into(),
        largest: largest.into(),
    }
}
