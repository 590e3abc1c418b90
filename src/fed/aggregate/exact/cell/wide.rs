//! Sums of 64-bit values in 128-bit integers.

use pulp::Arch;

use super::Cell;

/// 2^52: a sum of this and a smaller positive number is the number rounded to a whole one.
const ONES: f64 = 4_503_599_627_370_496.0;
/// Values that are checked at once.
const BLOCK: usize = 1024;
const SIGN: u64 = 1 << 63;
/// Bits of the significand that are written out.
const FRACTION: u32 = 52;

impl Cell for i128 {
    const VALUE: usize = 8;
    const BYTES: usize = 16;

    fn first_bad_value(update: &[u8], largest: f64) -> Option<(usize, f64)> {
        let most = largest.to_bits();
        let (values, _) = update.as_chunks::<8>();
        let arch = Arch::new();
        for (block, values) in values.chunks(BLOCK).enumerate() {
            if arch.dispatch(|| any_beyond(values, most)) {
                let at = values.iter().position(|&v| magnitude(v) > most)?;
                return Some((block * BLOCK + at, f64::from_le_bytes(values[at])));
            }
        }
        None
    }

    fn first_bad_cell(partial: &[u8], limit: i128) -> Option<(usize, i128)> {
        let (cells, _) = partial.as_chunks::<16>();
        let mut cells = cells.iter().map(|&cell| i128::from_le_bytes(cell));
        let at = cells.position(|cell| cell > limit || cell < -limit)?;
        let (all, _) = partial.as_chunks::<16>();
        Some((at, i128::from_le_bytes(all[at])))
    }

    fn add_values(cells: &mut [i128], update: &[u8], weight: u64, unit: f64, negate: bool) {
        let (values, _) = update.as_chunks::<8>();
        let unit = if negate { -unit } else { unit };
        for (cell, &value) in cells.iter_mut().zip(values) {
            *cell = cell.wrapping_add(rounded(f64::from_le_bytes(value) * unit, weight));
        }
    }

    fn add_cells(cells: &mut [i128], partial: &[u8], negate: bool) {
        let (others, _) = partial.as_chunks::<16>();
        for (cell, &other) in cells.iter_mut().zip(others) {
            let other = i128::from_le_bytes(other);
            *cell = match negate {
                false => cell.wrapping_add(other),
                true => cell.wrapping_sub(other),
            };
        }
    }

    fn write(cells: &[i128], out: &mut Vec<u8>) {
        out.extend(cells.iter().flat_map(|cell| cell.to_le_bytes()));
    }

    fn means(cells: &[i128], unit: f64, weight: f64, out: &mut [f64]) {
        for (mean, &cell) in out.iter_mut().zip(cells) {
            *mean = cell as f64 / unit / weight;
        }
    }
}

#[inline(always)]
fn magnitude(value: [u8; 8]) -> u64 {
    u64::from_le_bytes(value) & !SIGN
}

#[inline(always)]
fn any_beyond(values: &[[u8; 8]], most: u64) -> bool {
    let beyond = values.iter().map(|&value| magnitude(value) > most);
    beyond.fold(false, |any, beyond| any | beyond)
}

/// The integer nearest to a number of less than 2^126, ties to even, times `weight`.
#[inline(always)]
fn rounded(value: f64, weight: u64) -> i128 {
    let bits = value.to_bits() & !SIGN;
    let exponent = (bits >> FRACTION) as u32;
    let whole = 1023 + FRACTION;
    let (digits, shift) = if exponent < whole {
        let nearest = f64::from_bits(bits) + ONES;
        (nearest.to_bits() - ONES.to_bits(), 0)
    } else {
        // No digits behind the point.
        let digits = (bits & ((1 << FRACTION) - 1)) | (1 << FRACTION);
        (digits, (exponent - whole) & 127)
    };
    let product = (u128::from(digits) * u128::from(weight)) << shift;
    let product = product as i128;
    if value.to_bits() & SIGN == 0 {
        product
    } else {
        product.wrapping_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn rounds_as_the_library_does() {
        let mut stream = Seed(2).stream(Purpose::Noise, 0, 0);
        let halves = (0..40).map(|half| f64::from(half) / 4.0);
        let random = (0..200_000).map(|_| {
            let power = 2f64.powi(stream.below(128) as i32 - 3);
            stream.uniform() * power
        });
        for number in random.chain(halves) {
            for number in [number, -number] {
                let expected = number.round_ties_even() as i128;
                assert_eq!(rounded(number, 1), expected, "{number:e}");
                if number.abs() < 2f64.powi(90) {
                    assert_eq!(rounded(number, 77_777), expected * 77_777, "{number:e}");
                }
            }
        }
    }
}
