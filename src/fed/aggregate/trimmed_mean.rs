//! The mean of every coordinate without its largest and smallest values.
//!
//! Of n values the floor(share * n) smallest and as many largest are left out (Yin, Chen, Ramchandran,
//! Bartlett, "Byzantine-robust distributed learning: towards optimal statistical rates", 2018,
//! definition 2). The rest is added in ascending order with 64 bits, so the order of the updates changes
//! no bit.
//!
//! Many coordinates are sorted at once by the same exchanges: Batcher's merge exchange (Knuth, "The
//! art of computer programming", volume 3, section 5.2.2, algorithm M).

use pulp::{Arch, Simd, WithSimd};

use super::Robust;
use super::faults::{self, F, SHARE};
use super::ranges::in_parts;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::{LANES, Row, Update, check_lengths, from_key, gather};

use crate::spec;

pub(super) const ROW: spec::Row<Robust> = spec::Row {
    name: NAME,
    aliases: &["trimmed"],
    value: "",
    help: "the mean of every coordinate without its f largest and f smallest values: right where f is known, and nearer to \
           the mean than the median (Yin et al. 2018)",
    options: &[F, SHARE, CLIP, NNM],
    build: |arguments| {
        let faults = faults::read(arguments)?;
        with_prefixes(arguments, Rule::TrimmedMean(faults))
    },
};

pub(super) const NAME: &str = "trimmed-mean";

/// Whether `faults` values can be left out at either end of `updates`.
///
/// # Errors
/// When nothing would be left.
pub fn check_trimmed_mean(updates: usize, faults: usize) -> Result<(), String> {
    if 2 * faults < updates {
        return Ok(());
    }
    let least = 2 * faults + 1;
    Err(format!(
        "{NAME} with f={faults} needs at least 2f + 1 = {least} updates; there are {updates}"
    ))
}

/// How many values are left out at either end of `count`. A product that is a whole number but for the
/// rounding of the share counts as that: 0.29 of 100 are 29.
pub fn trimmed(count: usize, share: f64) -> usize {
    (share * count as f64 + 1e-9).floor() as usize
}

/// Writes the mean of the updates without the floor(`share` * n) smallest and largest values, coordinate
/// by coordinate, by up to `threads` threads. All values are finite.
///
/// # Panics
/// If there are no updates, their lengths differ from that of `out`, or `share` is not within 0..0.5.
pub fn trimmed_mean<U: Update>(updates: &[U], share: f64, out: &mut [f32], threads: usize) {
    check_lengths(updates, out);
    assert!((0.0..0.5).contains(&share), "the share is {share}");
    let arch = Arch::new();
    let cut = trimmed(updates.len(), share);
    let exchanges = exchanges(updates.len());
    in_parts(out, LANES, threads, |start, out| {
        let mut rows: Vec<Row> = Vec::with_capacity(updates.len());
        for (index, out) in out.chunks_mut(LANES).enumerate() {
            let means = arch.dispatch(Means {
                updates,
                start: start + index * LANES,
                count: out.len(),
                exchanges: &exchanges,
                cut,
                rows: &mut rows,
            });
            out.copy_from_slice(&means[..out.len()]);
        }
    });
}

/// The work on some coordinates; see `median` for why it is no closure.
struct Means<'a, U> {
    updates: &'a [U],
    start: usize,
    count: usize,
    exchanges: &'a [(u32, u32)],
    cut: usize,
    rows: &'a mut Vec<Row>,
}

impl<U: Update> WithSimd for Means<'_, U> {
    type Output = [f32; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; LANES] {
        gather(self.updates, self.start, self.count, self.rows);
        sort(self.rows, self.exchanges);
        means(&self.rows[self.cut..self.rows.len() - self.cut])
    }
}

#[inline(always)]
fn sort(rows: &mut [Row], exchanges: &[(u32, u32)]) {
    for &(first, second) in exchanges {
        let (front, back) = rows.split_at_mut(second as usize);
        for (low, high) in front[first as usize].iter_mut().zip(&mut back[0]) {
            (*low, *high) = ((*low).min(*high), (*low).max(*high));
        }
    }
}

#[inline(always)]
fn means(rows: &[Row]) -> [f32; LANES] {
    let mut sums = [0f64; LANES];
    for row in rows {
        for (sum, &key) in sums.iter_mut().zip(row) {
            *sum += f64::from(from_key(key));
        }
    }
    let mut means = [0.0; LANES];
    for (mean, sum) in means.iter_mut().zip(sums) {
        *mean = (sum / rows.len() as f64) as f32;
    }
    means
}

/// The exchanges that sort `count` values, in order: the lesser of two values goes to the first position.
fn exchanges(count: usize) -> Vec<(u32, u32)> {
    let mut exchanges = Vec::new();
    let top = count.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            let pairs = (0..count.saturating_sub(d)).filter(|i| i & p == r);
            exchanges.extend(pairs.map(|i| (i as u32, (i + d) as u32)));
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    exchanges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn exchanges_sort_whatever_comes() {
        // What sorts all zeros and ones sorts everything (Knuth, section 5.3.4, theorem Z).
        for count in 0..=14usize {
            let exchanges = exchanges(count);
            for bits in 0..1u32 << count {
                let mut values: Vec<u32> = (0..count).map(|at| bits >> at & 1).collect();
                for &(a, b) in &exchanges {
                    if values[a as usize] > values[b as usize] {
                        values.swap(a as usize, b as usize);
                    }
                }
                assert!(values.is_sorted(), "{count} {bits:b}");
            }
        }
    }

    #[test]
    fn is_that_of_the_definition() {
        let mut stream = Seed(8).stream(Purpose::Noise, 0, 0);
        for (count, share) in [
            (1, 0.4),
            (2, 0.1),
            (10, 0.1),
            (10, 0.25),
            (33, 0.49),
            (300, 0.2),
        ] {
            let updates: Vec<Vec<f32>> = (0..count)
                .map(|_| (0..77).map(|_| stream.normal() as f32).collect())
                .collect();
            let views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
            let mut out = vec![0.0; 77];
            trimmed_mean(&views, share, &mut out, 1);
            for (at, &out) in out.iter().enumerate() {
                let mut column: Vec<f32> = updates.iter().map(|update| update[at]).collect();
                column.sort_by(f32::total_cmp);
                let cut = trimmed(count, share);
                let kept = &column[cut..count - cut];
                let sum = kept.iter().fold(0.0, |sum, &value| sum + f64::from(value));
                let expected = (sum / kept.len() as f64) as f32;
                assert_eq!(out.to_bits(), expected.to_bits(), "{count} {at}");
            }
        }
    }

    #[test]
    fn by_hand() {
        let updates: [&[f32]; 5] = [&[1.0], &[-1e30], &[2.0], &[6.0], &[1e30]];
        let mut out = [0.0];
        trimmed_mean(&updates, 0.2, &mut out, 1);
        assert_eq!(out, [3.0]);
        assert_eq!(
            [trimmed(5, 0.2), trimmed(9, 0.2), trimmed(4, 0.2)],
            [1, 1, 0]
        );
    }

    #[test]
    fn threads_and_order_change_no_bit() {
        let count = 600_011;
        let updates: Vec<Vec<f32>> = (0..5)
            .map(|u: u32| {
                let bits = (0..count).map(|i: u32| (i ^ (u << 9)).wrapping_mul(0x9e37_79b9));
                bits.map(|bits| bits as i32 as f32 * 1e-3).collect()
            })
            .collect();
        let mut views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
        let (mut one, mut two) = (vec![0.0; count as usize], vec![0.0; count as usize]);
        trimmed_mean(&views, 0.2, &mut one, 1);
        views.reverse();
        trimmed_mean(&views, 0.2, &mut two, 2);
        assert_eq!(one, two);
    }
}
