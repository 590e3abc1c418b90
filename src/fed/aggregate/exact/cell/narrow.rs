//! Sums of 32-bit values in 64-bit integers.

use pulp::Arch;

use super::Cell;

/// 1.5 * 2^52: a sum of this and a smaller number is the number rounded to a whole one.
const ONES: f64 = 6_755_399_441_055_744.0;
/// 1.5 * 2^84: the same to multiples of 2^32.
const HIGH: f64 = ONES * 4_294_967_296.0;
/// Values that are checked at once; a few thousand bytes stay in the nearest cache.
const BLOCK: usize = 2048;

impl Cell for i64 {
    const VALUE: usize = 4;
    const BYTES: usize = 8;

    fn first_bad_value(update: &[u8], largest: f64) -> Option<(usize, f64)> {
        let most = largest as f32;
        let most = if f64::from(most) > largest {
            most.next_down()
        } else {
            most
        };
        let (values, _) = update.as_chunks::<4>();
        let arch = Arch::new();
        let bad = |&value: &[u8; 4]| magnitude(value) > most.to_bits();
        for (block, values) in values.chunks(BLOCK).enumerate() {
            if arch.dispatch(|| largest_magnitude(values)) > most.to_bits() {
                let at = values.iter().position(bad)?;
                let value = f64::from(f32::from_le_bytes(values[at]));
                return Some((block * BLOCK + at, value));
            }
        }
        None
    }

    fn first_bad_cell(partial: &[u8], limit: i128) -> Option<(usize, i128)> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (cells, _) = partial.as_chunks::<8>();
        let arch = Arch::new();
        for (block, cells) in cells.chunks(BLOCK).enumerate() {
            if arch.dispatch(|| any_beyond(cells, limit)) {
                let at = cells.iter().position(|&cell| is_beyond(cell, limit))?;
                return Some((block * BLOCK + at, i64::from_le_bytes(cells[at]).into()));
            }
        }
        None
    }

    fn add_values(cells: &mut [i64], update: &[u8], weight: u64, unit: f64, negate: bool) {
        let (values, _) = update.as_chunks::<4>();
        // Exact products: 24 bits times a weight of up to 29 bits fit into 53.
        let factor = weight as f64 * unit;
        let arch = Arch::new();
        match negate {
            false => arch.dispatch(|| add_rounded(cells, values, factor)),
            true => arch.dispatch(|| add_rounded(cells, values, -factor)),
        }
    }

    fn add_cells(cells: &mut [i64], partial: &[u8], negate: bool) {
        let (others, _) = partial.as_chunks::<8>();
        let pairs = cells.iter_mut().zip(others);
        let pairs = pairs.map(|(cell, &other)| (cell, i64::from_le_bytes(other)));
        match negate {
            false => pairs.for_each(|(cell, other)| *cell = cell.wrapping_add(other)),
            true => pairs.for_each(|(cell, other)| *cell = cell.wrapping_sub(other)),
        }
    }

    fn write(cells: &[i64], out: &mut Vec<u8>) {
        out.reserve(cells.len() * 8);
        for cells in cells.chunks(BLOCK) {
            out.extend(cells.iter().flat_map(|cell| cell.to_le_bytes()));
        }
    }

    fn means(cells: &[i64], unit: f64, weight: f64, out: &mut [f64]) {
        Arch::new().dispatch(|| {
            for (mean, &cell) in out.iter_mut().zip(cells) {
                *mean = float(cell) / unit / weight;
            }
        });
    }
}

/// The bits of a value without its sign: they grow with it, and those of infinity and NaN are above
/// all others.
#[inline(always)]
fn magnitude(value: [u8; 4]) -> u32 {
    u32::from_le_bytes(value) & 0x7fff_ffff
}

#[inline(always)]
fn largest_magnitude(values: &[[u8; 4]]) -> u32 {
    let magnitudes = values.iter().map(|&value| magnitude(value));
    magnitudes.fold(0, u32::max)
}

#[inline(always)]
fn is_beyond(cell: [u8; 8], limit: i64) -> bool {
    let cell = i64::from_le_bytes(cell);
    cell > limit || cell < -limit
}

#[inline(always)]
fn any_beyond(cells: &[[u8; 8]], limit: i64) -> bool {
    let beyond = cells.iter().map(|&cell| is_beyond(cell, limit));
    beyond.fold(false, |any, beyond| any | beyond)
}

#[inline(always)]
fn add_rounded(cells: &mut [i64], values: &[[u8; 4]], factor: f64) {
    for (cell, &value) in cells.iter_mut().zip(values) {
        let product = f64::from(f32::from_le_bytes(value)) * factor;
        *cell = cell.wrapping_add(rounded(product));
    }
}

/// The integer nearest to a number of less than 2^63, ties to even.
///
/// In two parts, as the sum with [`ONES`] holds 51 bits: the nearest multiple of 2^32, and what is
/// left, which is exact. The multiple is even and thus changes no tie.
#[inline(always)]
fn rounded(value: f64) -> i64 {
    let high = value + HIGH;
    let low = (value - (high - HIGH)) + ONES;
    // The bits of HIGH end in 32 zeros and vanish by the shift.
    let high = (high.to_bits() as i64) << 32;
    let low = (low.to_bits() as i64).wrapping_sub(ONES.to_bits() as i64);
    high.wrapping_add(low)
}

/// The integer as the nearest number. Its halves become the low bits of two large powers of two; the
/// difference of the first is exact, so the last addition rounds once.
#[inline(always)]
fn float(cell: i64) -> f64 {
    const LOW: u64 = 0x4330_0000_0000_0000; // 2^52
    const UPPER: u64 = 0x4530_0000_8000_0000; // 2^84 + 2^63
    const BOTH: f64 = f64::from_bits(0x4530_0000_8010_0000); // and 2^52
    let cell = cell as u64;
    let low = f64::from_bits((cell & 0xffff_ffff) | LOW);
    let high = f64::from_bits((cell >> 32) ^ UPPER);
    (high - BOTH) + low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    /// Numbers of every size below 2^62, and the awkward ones.
    fn numbers() -> impl Iterator<Item = f64> {
        let mut stream = Seed(1).stream(Purpose::Noise, 0, 0);
        let near = (0..62).flat_map(|power| {
            let power = 2f64.powi(power);
            let steps = [-1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.5];
            let ulp = [power.next_up(), power.next_down(), power * 1.5];
            steps.into_iter().map(move |step| power + step).chain(ulp)
        });
        let random = (0..200_000).map(move |_| {
            let power = 2f64.powi(stream.below(65) as i32 - 3);
            stream.uniform() * power
        });
        near.chain(random).chain([0.0, 0.5, 0.49999999999999994])
    }

    #[test]
    fn rounds_as_the_library_does() {
        for number in numbers() {
            for number in [number, -number] {
                let expected = number.round_ties_even() as i64;
                assert_eq!(rounded(number), expected, "{number:e}");
            }
        }
    }

    #[test]
    fn converts_as_the_library_does() {
        for number in numbers() {
            let cell = number as i64;
            for cell in [cell, -cell, cell + 1, !cell] {
                assert_eq!(float(cell).to_bits(), (cell as f64).to_bits(), "{cell}");
            }
        }
        for cell in [i64::MIN, i64::MAX, 0] {
            assert_eq!(float(cell).to_bits(), (cell as f64).to_bits());
        }
    }
}
