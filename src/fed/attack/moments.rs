//! Mean and deviation of every coordinate, and the quantile of the normal distribution.

use std::f64::consts::PI;

use crate::math::exp;

/// The mean of every coordinate.
pub(super) fn means(updates: &[&[f32]]) -> Vec<f64> {
    let mut sums = vec![0.0; updates.first().map_or(0, |first| first.len())];
    for update in updates {
        for (sum, &value) in sums.iter_mut().zip(*update) {
            *sum += f64::from(value);
        }
    }
    let count = updates.len() as f64;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// The standard deviation of every coordinate around these means, estimated from a sample (the sum of squares
/// over n - 1); zero of a single update.
pub(super) fn deviations(updates: &[&[f32]], means: &[f64]) -> Vec<f64> {
    let mut squares = vec![0.0; means.len()];
    for update in updates {
        for ((square, mean), &value) in squares.iter_mut().zip(means).zip(*update) {
            let difference = f64::from(value) - mean;
            *square += difference * difference;
        }
    }
    let count = updates.len().saturating_sub(1).max(1) as f64;
    squares
        .iter()
        .map(|square| (square / count).sqrt())
        .collect()
}

/// The z below which a standard normal number is with probability `p`; at most 8 to either side. Found by
/// halving, because it is asked for once a round.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..64 {
        let z = (low + high) / 2.0;
        if normal_share(z) < p {
            low = z;
        } else {
            high = z;
        }
    }
    (low + high) / 2.0
}

/// The probability of a standard normal number below `z`: 1/2 plus the density times
/// z + z^3/3 + z^5/(3 * 5) + z^7/(3 * 5 * 7) + ... (Marsaglia, "Evaluating the normal distribution", 2004).
fn normal_share(z: f64) -> f64 {
    let (mut sum, mut term, mut odd) = (z, z, 3.0);
    while sum + term != sum || odd == 3.0 && z != 0.0 {
        term *= z * z / odd;
        sum += term;
        odd += 2.0;
    }
    0.5 + sum * exp(-z * z / 2.0) / (2.0 * PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let updates: [&[f32]; 3] = [&[1.0, 5.0], &[2.0, 5.0], &[6.0, 5.0]];
        let means = means(&updates);
        assert_eq!(means, [3.0, 5.0]);
        assert_eq!(deviations(&updates, &means), [7f64.sqrt(), 0.0]);
        assert_eq!(deviations(&updates[..1], &[1.0, 5.0]), [0.0, 0.0]);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_8),
            (0.841_344_746_068_542_9, 1.0),
            (0.975, 1.959_963_984_540_054),
            (0.999, 3.090_232_306_167_813_5),
            (0.025, -1.959_963_984_540_054),
        ] {
            assert!(
                (normal_quantile(p) - z).abs() < 1e-12,
                "{p}: {}",
                normal_quantile(p)
            );
        }
        assert!((7.9..=8.0).contains(&normal_quantile(1.0)));
        assert!((-8.0..=-7.9).contains(&normal_quantile(0.0)));
    }
}
