//! Centred clipping: a step from a centre, in which no update counts farther than a radius.
//!
//! v becomes v + the mean of (x - v) min(1, tau / |x - v|) over the updates x, some times over (Karimireddy, He,
//! Jaggi, "Learning from history for Byzantine robust optimization", 2021, section 4, algorithm 2). The
//! centre is the aggregate of the round before, and zero in the first.
//!
//! The paper leaves tau to be set for the size of the updates. Where none is given it is here the median of
//! the distances to the centre, which fits updates of any size and which less than half of attackers cannot
//! take beyond those of honest updates.

use std::fmt;
use std::str::FromStr;

use super::Robust;
use super::clip::middle;
use super::distances::squares_to;
use super::mean::combine;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::Update;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Robust> = Row {
    name: NAME,
    aliases: &["centered-clipping", "CC"],
    value: "",
    help: "a step from the last round's aggregate, none counts farther than a radius: the right one over many rounds, \
           where attackers add a little each time (Karimireddy, He, Jaggi 2021)",
    options: &[
        OptionHelp {
            key: "tau",
            value: "median|NUMBER",
            help: "the radius; the median of the distances to the centre",
        },
        OptionHelp {
            key: "iterations",
            value: "1..1000",
            help: "how many steps are made; 1",
        },
        CLIP,
        NNM,
    ],
    build: |arguments| {
        let allowed = "`median` or a number above 0, up to 1e30";
        let radius = arguments.option("tau", allowed)?.unwrap_or(Radius::Median);
        let iterations =
            arguments.number("iterations", 1, 1..=1000, "a whole number from 1 to 1000")?;
        with_prefixes(arguments, Rule::CentredClipping { radius, iterations })
    },
};

pub(super) const NAME: &str = "centred-clipping";

/// How far from the centre an update counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Radius {
    /// As far as the median of the distances.
    Median,
    /// As far as this.
    Given(f64),
}

impl FromStr for Radius {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "median" {
            return Ok(Radius::Median);
        }
        let number = text.parse().map_err(|_| ())?;
        let is_allowed = (f64::MIN_POSITIVE..=1e30).contains(&number);
        is_allowed.then_some(Radius::Given(number)).ok_or(())
    }
}

impl fmt::Display for Radius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Radius::Median => f.write_str("median"),
            Radius::Given(number) => number.fmt(f),
        }
    }
}

/// Writes where `iterations` steps lead from `centre`, or from zero, by up to `threads` threads. All values
/// are finite.
///
/// # Panics
/// If there are no updates, or their lengths or that of the centre differ from that of `out`.
pub fn centred_clipping<U: Update>(
    updates: &[U],
    centre: Option<&[f32]>,
    radius: Radius,
    iterations: u32,
    out: &mut [f32],
    threads: usize,
) {
    match centre {
        Some(centre) => out.copy_from_slice(centre),
        None => out.fill(0.0),
    }
    let count = updates.len() as f64;
    for _ in 0..iterations {
        let squares = squares_to(updates, Some(out), threads);
        let distances: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
        let radius = match radius {
            Radius::Median => middle(&distances),
            Radius::Given(radius) => radius,
        };
        let factor = |&distance: &f64| {
            if distance > radius {
                radius / distance
            } else {
                1.0
            }
        };
        let factors: Vec<f64> = distances.iter().map(factor).collect();
        let keep = 1.0 - factors.iter().sum::<f64>() / count;
        combine(updates, &factors, count, keep, out, threads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATES: [&[f32]; 3] = [&[3.0, 4.0], &[0.0, 1.0], &[0.0, -100.0]];

    fn clipped(centre: Option<&[f32]>, radius: Radius, iterations: u32) -> [f32; 2] {
        let mut out = [f32::NAN; 2];
        centred_clipping(&UPDATES, centre, radius, iterations, &mut out, 1);
        out
    }

    #[test]
    fn steps_by_hand() {
        // From zero with radius 2.5: halves of the first, the second, and -2.5 of the third.
        let first = clipped(None, Radius::Given(2.5), 1);
        assert_eq!(first, [0.5, (2.0 + 1.0 - 2.5) / 3.0]);
        // Distances are 5, 1 and 100: their median is 5.
        assert_eq!(clipped(None, Radius::Median, 1), [1.0, 0.0]);
        // From the first update: 0, then (-3, -3) to length 1, then (-3, -104) to length 1.
        let from = clipped(Some(&[3.0, 4.0]), Radius::Given(1.0), 1);
        let (near, far) = (0.5f64.sqrt(), (9.0f64 + 104.0 * 104.0).sqrt());
        let expected = [
            3.0 - (near + 3.0 / far) / 3.0,
            4.0 - (near + 104.0 / far) / 3.0,
        ];
        assert_eq!(from, expected.map(|value| value as f32));
    }

    #[test]
    fn a_step_goes_on_from_the_last_one() {
        let once = clipped(None, Radius::Given(2.0), 1);
        let twice = clipped(Some(&once), Radius::Given(2.0), 1);
        assert_eq!(clipped(None, Radius::Given(2.0), 2), twice);
    }

    #[test]
    fn a_wide_radius_gives_the_mean() {
        assert_eq!(
            clipped(Some(&[7.0, 7.0]), Radius::Given(1e9), 1),
            [1.0, -95.0 / 3.0]
        );
    }
}
