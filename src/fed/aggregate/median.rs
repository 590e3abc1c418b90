//! The median of every coordinate: no minority of updates can move it far.
//!
//! Of an even number the mean of the two in the middle (Yin, Chen, Ramchandran, Bartlett,
//! "Byzantine-robust distributed learning: towards optimal statistical rates", 2018, definition 1).
//!
//! Nothing is sorted. Values are integers of 32 bits in the same order, and the bits of the one at a rank
//! are found from the top: a bit is set if no more values than the rank are below. Many coordinates are
//! worked on at once, first by their upper 16 bits, then by their lower ones: twice as many fit into a
//! register.

use pulp::{Arch, Simd, WithSimd};

use super::Robust;
use super::ranges::in_parts;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::{LANES, Row, Update, check_lengths, from_key, gather};

use crate::spec;

pub(super) const ROW: spec::Row<Robust> = spec::Row {
    name: NAME,
    aliases: &["coordinate-median"],
    value: "",
    help: "the median of every coordinate: right where a few values of an update may be wild and nothing is known of \
           how many (Yin et al. 2018)",
    options: &[CLIP, NNM],
    build: |arguments| with_prefixes(arguments, Rule::Median),
};

pub(super) const NAME: &str = "median";

/// Halves of keys of some coordinates.
type HalfRow = [i16; LANES];

/// Most updates: their count must fit into a lane.
const MOST: usize = i16::MAX as usize;

/// Whether it can be taken of so many updates.
///
/// # Errors
/// When they are more than can be counted.
pub fn check_median(updates: usize) -> Result<(), String> {
    if updates <= MOST {
        return Ok(());
    }
    Err(format!(
        "{NAME} counts at most {MOST} updates; there are {updates}"
    ))
}

/// Writes the median of the updates, coordinate by coordinate, by up to `threads` threads. All values
/// are finite; -0 counts as less than 0.
///
/// # Panics
/// If there are no updates or more than 32,767, or their lengths differ from that of `out`.
pub fn median<U: Update>(updates: &[U], out: &mut [f32], threads: usize) {
    check_lengths(updates, out);
    assert_eq!(check_median(updates.len()), Ok(()));
    let arch = Arch::new();
    in_parts(out, LANES, threads, |start, out| {
        let mut rows: Vec<Row> = Vec::with_capacity(updates.len());
        let mut halves: Vec<HalfRow> = Vec::with_capacity(updates.len());
        for (index, out) in out.chunks_mut(LANES).enumerate() {
            let medians = arch.dispatch(Medians {
                updates,
                start: start + index * LANES,
                count: out.len(),
                rows: &mut rows,
                halves: &mut halves,
            });
            out.copy_from_slice(&medians[..out.len()]);
        }
    });
}

/// The work on some coordinates. A closure would do, were it not too large for the compiler to put it in
/// the place where it may use the processor's instructions.
struct Medians<'a, U> {
    updates: &'a [U],
    start: usize,
    count: usize,
    rows: &'a mut Vec<Row>,
    halves: &'a mut Vec<HalfRow>,
}

impl<U: Update> WithSimd for Medians<'_, U> {
    type Output = [f32; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; LANES] {
        gather(self.updates, self.start, self.count, self.rows);
        medians(self.rows, self.halves)
    }
}

#[inline(always)]
fn medians(rows: &[Row], halves: &mut Vec<HalfRow>) -> [f32; LANES] {
    let below = (rows.len() - 1) / 2;
    let low = at_rank(rows, halves, below);
    let is_even = rows.len().is_multiple_of(2);
    let high = if is_even {
        next(rows, &low, below)
    } else {
        low
    };
    let mut medians = [0.0; LANES];
    for ((median, &low), &high) in medians.iter_mut().zip(&low).zip(&high) {
        let sum = f64::from(from_key(low)) + f64::from(from_key(high));
        *median = (sum / 2.0) as f32;
    }
    medians
}

/// The values after those of rank `below`: equal ones, or the least of those above.
#[inline(always)]
fn next(rows: &[Row], low: &Row, below: usize) -> Row {
    let (mut up_to, mut least) = ([0i32; LANES], [i32::MAX; LANES]);
    for row in rows {
        for lane in 0..LANES {
            let is_above = row[lane] > low[lane];
            up_to[lane] += i32::from(!is_above);
            least[lane] = least[lane].min(if is_above { row[lane] } else { i32::MAX });
        }
    }
    let mut next = *low;
    for lane in 0..LANES {
        let is_same = up_to[lane] > below as i32 + 1;
        next[lane] = if is_same { low[lane] } else { least[lane] };
    }
    next
}

/// The values that `rank` others come before, in every lane.
#[inline(always)]
fn at_rank(rows: &[Row], halves: &mut Vec<HalfRow>, rank: usize) -> Row {
    let rank = rank as i16;
    halves.clear();
    for row in rows {
        let mut half = [0; LANES];
        for (half, &key) in half.iter_mut().zip(row) {
            *half = upper_half(key);
        }
        halves.push(half);
    }
    let upper = half_at_rank(halves, rank);
    // Of those with another upper half only the side they are on matters.
    for (half, row) in halves.iter_mut().zip(rows) {
        for lane in 0..LANES {
            let lower = lower_half(row[lane]);
            let lower = if half[lane] > upper[lane] {
                i16::MAX
            } else {
                lower
            };
            half[lane] = if half[lane] < upper[lane] {
                i16::MIN
            } else {
                lower
            };
        }
    }
    let lower = half_at_rank(halves, rank);
    let mut keys = [0; LANES];
    for lane in 0..LANES {
        let lower = i32::from(lower[lane] as u16 ^ SIGN);
        keys[lane] = (i32::from(upper[lane]) << 16) | lower;
    }
    keys
}

/// Turns 16 bits into a signed number of the same order, and back.
const SIGN: u16 = 1 << 15;

#[inline(always)]
fn upper_half(key: i32) -> i16 {
    (key >> 16) as i16
}

#[inline(always)]
fn lower_half(key: i32) -> i16 {
    (key as u16 ^ SIGN) as i16
}

#[inline(always)]
fn half_at_rank(rows: &[HalfRow], rank: i16) -> HalfRow {
    let mut found = [i16::MIN; LANES];
    // Eight rows at a time, so that counts and pivots are fetched once for all of them.
    let (eights, rest) = rows.as_chunks::<8>();
    for bit in (0..16).rev() {
        let mut pivot = found;
        pivot.iter_mut().for_each(|pivot| *pivot ^= 1 << bit);
        let mut below = [0i16; LANES];
        for rows in eights {
            for lane in 0..LANES {
                let mut count = 0;
                for row in rows {
                    count += i16::from(row[lane] < pivot[lane]);
                }
                below[lane] += count;
            }
        }
        for row in rest {
            for lane in 0..LANES {
                below[lane] += i16::from(row[lane] < pivot[lane]);
            }
        }
        for lane in 0..LANES {
            let takes = below[lane] <= rank;
            found[lane] = if takes { pivot[lane] } else { found[lane] };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn plain(column: &mut [f32]) -> f32 {
        column.sort_by(f32::total_cmp);
        let middle = column.len() / 2;
        match column.len() % 2 {
            1 => column[middle],
            _ => ((f64::from(column[middle - 1]) + f64::from(column[middle])) / 2.0) as f32,
        }
    }

    #[test]
    fn is_that_of_the_definition() {
        let mut stream = Seed(7).stream(Purpose::Noise, 0, 0);
        for count in [1, 2, 3, 4, 5, 10, 33, 100, 257] {
            let updates: Vec<Vec<f32>> = (0..count)
                .map(|_| {
                    let mut value = || match stream.below(4) {
                        0 => (stream.normal() * 2.0).round() as f32,
                        1 => f32::from_bits((stream.bits() as u32) & 0xff7f_ffff),
                        2 => -0.0,
                        _ => stream.normal() as f32,
                    };
                    (0..77).map(|_| value()).collect()
                })
                .collect();
            let views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
            let mut out = vec![0.0; 77];
            median(&views, &mut out, 1);
            for (at, &out) in out.iter().enumerate() {
                let mut column: Vec<f32> = updates.iter().map(|update| update[at]).collect();
                let expected = plain(&mut column);
                assert_eq!(
                    out.to_bits(),
                    expected.to_bits(),
                    "{count} {at}: {column:?}"
                );
            }
        }
    }

    #[test]
    fn threads_order_and_form_change_no_bit() {
        let count = 600_011;
        let mut updates: Vec<Vec<f32>> = (0..4)
            .map(|u: u32| {
                let bits = (0..count).map(|i: u32| (i ^ (u << 9)).wrapping_mul(0x9e37_79b9));
                bits.map(|bits| bits as i32 as f32).collect()
            })
            .collect();
        let mut one = vec![0.0; count as usize];
        let views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
        median(&views, &mut one, 1);
        updates.reverse();
        let bytes: Vec<Vec<u8>> = updates
            .iter()
            .map(|update| {
                update
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect()
            })
            .collect();
        let views: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let mut two = vec![0.0; count as usize];
        median(&views, &mut two, 2);
        assert_eq!(one, two);
    }

    #[test]
    fn an_outlier_does_not_move_it() {
        let updates: [&[f32]; 3] = [&[1.0], &[1e30], &[1.5]];
        let mut out = [0.0];
        median(&updates, &mut out, 1);
        assert_eq!(out, [1.5]);
    }
}
