//! The mean of updates and their weighted sums, in double precision and in their order.

use pulp::Arch;

use super::Robust;
use super::ranges::in_parts;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::{Update, check_lengths};

use crate::spec::Row;

pub(super) const ROW: Row<Robust> = Row {
    name: NAME,
    aliases: &["average"],
    value: "",
    help: "the mean, each update once: not robust by itself, for use behind clip or nnm and for comparison",
    options: &[CLIP, NNM],
    build: |arguments| with_prefixes(arguments, Rule::Mean),
};

pub(super) const NAME: &str = "mean";

/// Values that are worked on at once.
const BLOCK: usize = 1024;

/// Writes `keep * out + (w[0] * updates[0] + w[1] * updates[1] + ...) / divisor`. What `out` holds before
/// does not matter where `keep` is 0, nor does an update whose weight is 0.
pub(super) fn combine<U: Update>(
    updates: &[U],
    weights: &[f64],
    divisor: f64,
    keep: f64,
    out: &mut [f32],
    threads: usize,
) {
    check_lengths(updates, out);
    let arch = Arch::new();
    in_parts(out, BLOCK, threads, |start, out| {
        let mut values = [0.0; BLOCK];
        for (index, out) in out.chunks_mut(BLOCK).enumerate() {
            let values = &mut values[..out.len()];
            arch.dispatch(|| {
                let mut sums = [0.0; BLOCK];
                for (update, &weight) in updates.iter().zip(weights) {
                    if weight != 0.0 {
                        update.copy(start + index * BLOCK, values);
                        add(&mut sums, values, weight);
                    }
                }
                finish(&sums, divisor, keep, out);
            });
        }
    });
}

#[inline(always)]
fn add(sums: &mut [f64; BLOCK], values: &[f32], weight: f64) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += weight * f64::from(value);
    }
}

#[inline(always)]
fn finish(sums: &[f64; BLOCK], divisor: f64, keep: f64, out: &mut [f32]) {
    for (out, sum) in out.iter_mut().zip(sums) {
        let kept = if keep == 0.0 {
            0.0
        } else {
            keep * f64::from(*out)
        };
        *out = (kept + sum / divisor) as f32;
    }
}

/// Writes the mean of the updates, each counted once. One of them is enough to move it anywhere.
///
/// # Panics
/// If there are no updates, or their lengths differ from that of `out`.
pub fn mean<U: Update>(updates: &[U], out: &mut [f32], threads: usize) {
    let weights = vec![1.0; updates.len()];
    combine(updates, &weights, updates.len() as f64, 0.0, out, threads);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_hand() {
        let updates: [&[f32]; 3] = [&[1.0, 2.0], &[3.0, 4.0], &[f32::INFINITY, f32::NAN]];
        let mut out = [10.0, 20.0];
        combine(&updates, &[2.0, 1.0, 0.0], 2.0, 0.5, &mut out, 1);
        assert_eq!(out, [7.5, 14.0]);
        let mut out = [f32::NAN; 2];
        mean(&updates[..2], &mut out, 1);
        assert_eq!(out, [2.0, 3.0]);
    }

    #[test]
    fn threads_change_no_bit() {
        let values: Vec<Vec<f32>> = (0..3u32)
            .map(|u| {
                let numbers = (0..700_001u32).map(|i| (i ^ u).wrapping_mul(0x9e37_79b9));
                numbers.map(|number| number as i32 as f32).collect()
            })
            .collect();
        let views: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        let (mut one, mut two) = (vec![1.0; 700_001], vec![1.0; 700_001]);
        combine(&views, &[0.1, 0.2, 0.3], 0.6, 0.7, &mut one, 1);
        combine(&views, &[0.1, 0.2, 0.3], 0.6, 0.7, &mut two, 2);
        assert_eq!(one, two);
    }
}
