//! Random weights, and whole numbers in their proportion; the same bits on every machine.

use crate::math::{exp, ln};
use crate::seed::Stream;

/// Weights that, divided by their sum, are one draw of a Dirichlet distribution with these parameters
/// (above 0): independent gamma numbers. They are scaled so that the largest is 1, and worked out as
/// logarithms, because with small parameters all of them may be below what an `f64` holds.
pub(super) fn dirichlet(parameters: impl Iterator<Item = f64>, stream: &mut Stream) -> Vec<f64> {
    let mut weights: Vec<f64> = parameters.map(|shape| ln_gamma(shape, stream)).collect();
    let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for weight in &mut weights {
        *weight = exp(*weight - largest);
    }
    weights
}

/// Logarithm of a gamma number of this shape and scale 1 (Marsaglia and Tsang, "A Simple Method for
/// Generating Gamma Variables", 2000). Below shape 1 it is that of shape + 1 times a power of a
/// uniform number (section 6 there).
fn ln_gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        let larger = ln_gamma(shape + 1.0, stream);
        return larger + ln(1.0 - stream.uniform()) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u = 1.0 - stream.uniform();
        if ln(u) < 0.5 * x * x + d - d * v + d * ln(v) {
            return ln(d) + ln(v);
        }
    }
}

/// `total` in whole numbers that are as the weights (at least one above 0, none below): the running
/// sum of the weights, rounded down, so that the numbers sum up to `total` exactly.
pub(super) fn apportion(total: usize, weights: &[f64]) -> impl Iterator<Item = usize> {
    let sum: f64 = weights.iter().sum();
    let mut so_far = 0.0;
    let mut given = 0;
    let last = weights.len() - 1;
    weights.iter().enumerate().map(move |(place, weight)| {
        so_far += weight;
        let end = match place == last {
            true => total,
            false => ((total as f64 * (so_far / sum)) as usize).clamp(given, total),
        };
        let size = end - given;
        given = end;
        size
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn stream() -> Stream {
        Seed(1).stream(Purpose::Partition, 0, 0)
    }

    #[test]
    fn gamma_numbers_have_the_right_moments() {
        let mut stream = stream();
        for shape in [0.1, 0.5, 1.0, 2.5, 100.0] {
            let count = 100_000;
            let draws: Vec<f64> = (0..count)
                .map(|_| exp(ln_gamma(shape, &mut stream)))
                .collect();
            let mean = draws.iter().sum::<f64>() / f64::from(count);
            let squares = draws.iter().map(|draw| (draw - mean) * (draw - mean));
            let variance = squares.sum::<f64>() / f64::from(count);
            // Mean and variance of a gamma number of scale 1 are its shape.
            assert!((mean / shape - 1.0).abs() < 0.03, "{shape}: mean {mean}");
            assert!(
                (variance / shape - 1.0).abs() < 0.1,
                "{shape}: variance {variance}"
            );
        }
    }

    #[test]
    fn tiny_parameters_leave_one_weight() {
        for parameter in [1e-9, 1e-3] {
            let weights = dirichlet([parameter; 10].into_iter(), &mut stream());
            assert_eq!(weights.iter().filter(|weight| **weight == 1.0).count(), 1);
            assert!(weights.iter().sum::<f64>() < 1.01);
        }
    }

    #[test]
    fn the_bits_are_fixed() {
        let weights = dirichlet([0.5, 0.5, 3.0].into_iter(), &mut stream());
        let bits: Vec<u64> = weights.iter().map(|weight| weight.to_bits()).collect();
        assert_eq!(bits, FIXED_BITS, "{bits:?}");
    }

    const FIXED_BITS: [u64; 3] = [
        4_585_384_862_517_697_663,
        4_584_170_695_715_549_207,
        4_607_182_418_800_017_408,
    ];

    #[test]
    fn shares_sum_up() {
        let sizes = |total, weights: &[f64]| apportion(total, weights).collect::<Vec<_>>();
        assert_eq!(sizes(10, &[1.0, 3.0, 1.0]), [2, 6, 2]);
        assert_eq!(sizes(2, &[1.0, 1.0, 1.0]), [0, 1, 1]);
        assert_eq!(sizes(7, &[0.0, 1e-300, 0.0]), [0, 7, 0]);
        let weights = dirichlet([0.1; 1_000].into_iter(), &mut stream());
        assert_eq!(sizes(12_345, &weights).iter().sum::<usize>(), 12_345);
    }
}
