//! The geometric median: the point whose distances to all updates have the least sum.
//!
//! Found by smoothed Weiszfeld steps: the mean of the updates, each weighted by 1 / max(nu, its distance
//! to the last point) (Pillutla, Kakade, Harchaoui, "Robust aggregation for federated learning", 2022,
//! section 3, algorithm 2, there named RFA). The paper leaves the first point open; as in byzfl it is zero,
//! for updates "no step", which no attacker can move. Every update counts once, whatever its rows,
//! because a node that lies about its update can lie about its rows.

use super::Robust;
use super::distances::squares_to;
use super::mean::combine;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::Update;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Robust> = Row {
    name: NAME,
    aliases: &["RFA", "rfa"],
    value: "",
    help: "the point of least total distance to all updates: the first choice against less than half of attackers \
           whose number is unknown (Pillutla, Kakade, Harchaoui 2022)",
    options: &[
        OptionHelp {
            key: "nu",
            value: "NUMBER",
            help: "distances below this count as this; 1e-6, far below those of updates",
        },
        OptionHelp {
            key: "iterations",
            value: "1..1000",
            help: "how many steps are made towards it; 10",
        },
        CLIP,
        NNM,
    ],
    build: |arguments| {
        // Smaller ones would make weights whose sum is no number.
        let nu = arguments.number("nu", 1e-6, 1e-300..=1e30, "1e-300 to 1e30")?;
        let iterations =
            arguments.number("iterations", 10, 1..=1000, "a whole number from 1 to 1000")?;
        with_prefixes(arguments, Rule::GeometricMedian { nu, iterations })
    },
};

pub(super) const NAME: &str = "geometric-median";

/// Writes the geometric median of the updates after `iterations` steps, by up to `threads` threads. All
/// values are finite.
///
/// # Panics
/// If there are no updates, or their lengths differ from that of `out`.
pub fn geometric_median<U: Update>(
    updates: &[U],
    nu: f64,
    iterations: u32,
    out: &mut [f32],
    threads: usize,
) {
    out.fill(0.0);
    for _ in 0..iterations {
        let squares = squares_to(updates, Some(out), threads);
        let weights: Vec<f64> = squares.iter().map(|s| 1.0 / s.sqrt().max(nu)).collect();
        combine(updates, &weights, weights.iter().sum(), 0.0, out, threads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_by_hand() {
        // Distances to zero are 1, 5 and 10, so the weights are 10, 2 and 1 in 13.
        let updates: [&[f32]; 3] = [&[1.0, 0.0], &[3.0, 4.0], &[0.0, -10.0]];
        let mut out = [f32::NAN; 2];
        geometric_median(&updates, 1e-6, 1, &mut out, 1);
        assert_eq!(out, [16.0 / 13.0, -2.0 / 13.0]);
        // With nu = 5 the first counts as being at 5: weights 2, 2, 1 in 5.
        geometric_median(&updates, 5.0, 1, &mut out, 1);
        assert_eq!(out, [8.0 / 5.0, -2.0 / 5.0]);
    }

    #[test]
    fn it_comes_to_where_the_directions_cancel() {
        // Of the corners of a square it is the centre; one corner far out along the diagonal changes nothing.
        let updates: [&[f32]; 4] = [&[1.0, 0.0], &[3.0, 2.0], &[1.0, 2.0], &[1e9, -1e9 + 2.0]];
        let mut out = [0.0; 2];
        geometric_median(&updates, 1e-6, 100, &mut out, 1);
        assert!(
            (out[0] - 2.0).abs() < 1e-3 && (out[1] - 1.0).abs() < 1e-3,
            "{out:?}"
        );
    }
}
