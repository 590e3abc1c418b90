//! A robust rule as a value: clipping and mixing before, the rule, and what it says of every update.
//!
//! Written `RULE:options,clip=median,nnm=F`. Updates are first clipped, then mixed, then the rule is applied.

use std::fmt;

use super::centred_clipping::{self, Radius, centred_clipping};
use super::clip::{Scaled, clip_to_median};
use super::distances::squares_to;
use super::faults::Faults;
use super::geometric_median::{self, geometric_median};
use super::krum::{Chosen, Krum};
use super::mean::{self, mean};
use super::median::{self, check_median, median};
use super::nnm::{check_mixing, mix_nearest};
use super::rows::Update;
use super::trimmed_mean::{self, check_trimmed_mean, trimmed_mean};
use super::verdict::Verdict;
use crate::spec::{Arguments, OptionHelp, SpecError};

/// A rule with what comes before it. `Display` gives the spec that builds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robust {
    /// Whether updates are clipped to the median of their norms.
    pub clips: bool,
    /// How many may be false for the mixing of neighbours, where they are mixed.
    pub mixes: Option<Faults>,
    /// The rule behind that.
    pub rule: Rule,
}

/// How many updates become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The mean.
    Mean,
    /// The median of every coordinate.
    Median,
    /// The mean of every coordinate without so many values at either end.
    TrimmedMean(Faults),
    /// The point of least total distance.
    GeometricMedian {
        /// Distances below count as this.
        nu: f64,
        /// How many steps are made.
        iterations: u32,
    },
    /// A step from a centre.
    CentredClipping {
        /// How far an update counts.
        radius: Radius,
        /// How many steps are made.
        iterations: u32,
    },
    /// The updates with the nearest neighbours.
    Krum(Krum),
}

pub(super) const CLIP: OptionHelp = OptionHelp {
    key: "clip",
    value: "no|median",
    help: "first scale updates down to the median of their norms; no",
};

pub(super) const NNM: OptionHelp = OptionHelp {
    key: "nnm",
    value: "COUNT|SHARE",
    help: "then replace each by the mean of the n - f nearest, for data that differ (Allouah et al. 2023); none",
};

/// A rule with the options that every rule has.
pub(super) fn with_prefixes(arguments: &mut Arguments, rule: Rule) -> Result<Robust, SpecError> {
    let clips = arguments.choice(CLIP.key, &[("no", false), ("median", true)])?;
    let allowed = "a whole number, or a share from 0.0 to below 0.5";
    let mixes = arguments.option(NNM.key, allowed)?;
    Ok(Robust { clips, mixes, rule })
}

impl Robust {
    /// The name of its rule in [`RULES`](super::RULES).
    pub fn name(&self) -> &'static str {
        match &self.rule {
            Rule::Mean => mean::NAME,
            Rule::Median => median::NAME,
            Rule::TrimmedMean(_) => trimmed_mean::NAME,
            Rule::GeometricMedian { .. } => geometric_median::NAME,
            Rule::CentredClipping { .. } => centred_clipping::NAME,
            Rule::Krum(krum) => krum.name(),
        }
    }

    /// Whether the distances of all pairs of updates are worked out.
    pub fn compares_pairs(&self) -> bool {
        self.mixes.is_some() || matches!(self.rule, Rule::Krum(_))
    }

    /// Whether a round of so many updates fits what the rule needs.
    ///
    /// # Errors
    /// When it does not; the message says what would.
    pub fn check(&self, updates: usize) -> Result<(), String> {
        self.check_without(updates, 0)
    }

    /// As [`Robust::check`] when some of the updates turned out to be unusable: they are taken off from
    /// those that may be false.
    fn check_without(&self, updates: usize, unusable: usize) -> Result<(), String> {
        let usable = updates - unusable;
        if usable == 0 {
            return Err(format!("{} of no updates", self.name()));
        }
        let left = |faults: Faults| faults.among(updates).saturating_sub(unusable);
        if let Some(faults) = self.mixes {
            check_mixing(usable, left(faults))?;
        }
        match self.rule {
            Rule::Median => check_median(usable),
            Rule::TrimmedMean(faults) => check_trimmed_mean(usable, left(faults)),
            Rule::Krum(krum) => krum.check(usable, left(krum.faults)),
            Rule::Mean | Rule::GeometricMedian { .. } | Rule::CentredClipping { .. } => Ok(()),
        }
    }

    /// Writes what the updates become into `out`, by up to `threads` threads, and says what is to be thought
    /// of every update. Updates with a value that is not finite are left out. `centre` is the result of the
    /// round before, where there was one; only centred clipping looks at it. An error leaves `out` as it was.
    ///
    /// # Errors
    /// When the number of updates does not fit the rule.
    ///
    /// # Panics
    /// If the length of an update or of the centre differs from that of `out`.
    pub fn aggregate<U: Update>(
        &self,
        updates: &[U],
        centre: Option<&[f32]>,
        out: &mut [f32],
        threads: usize,
    ) -> Result<Verdict, String> {
        for update in updates {
            assert_eq!(update.count(), out.len(), "length of an update");
        }
        self.check(updates.len())?;
        let squares = squares_to(updates, None, threads);
        let is_finite = |&number: &usize| squares[number].is_finite();
        let (usable, unusable): (Vec<usize>, _) = (0..updates.len()).partition(is_finite);
        self.check_without(updates.len(), unusable.len())?;
        let round = Round {
            given: updates.len(),
            unusable: unusable.len(),
            centre,
            threads,
        };
        let kept: Vec<Scaled<U>> = usable
            .iter()
            .map(|&at| Scaled::whole(&updates[at]))
            .collect();
        let krum = if self.clips {
            self.mix(&clip_to_median(&kept, threads), round, out)
        } else {
            self.mix(&kept, round, out)
        };
        let verdict = match krum {
            Some((scores, chosen)) => Verdict::by_score(scores, chosen),
            None => Verdict::by_distance(&kept, out, threads),
        };
        Ok(verdict.among(updates.len(), &usable))
    }

    /// The result of the rule on updates that are mixed before if it says so, with Krum's scores and choice
    /// where these are about the updates themselves.
    fn mix<U: Update>(&self, updates: &[U], round: Round, out: &mut [f32]) -> Found {
        let Some(faults) = self.mixes else {
            return self.apply(updates, round, out);
        };
        let mixed = mix_nearest(updates, round.left(faults), round.threads);
        let views: Vec<&[f32]> = mixed.iter().map(Vec::as_slice).collect();
        self.apply(&views, round, out);
        None
    }

    fn apply<U: Update>(&self, updates: &[U], round: Round, out: &mut [f32]) -> Found {
        let threads = round.threads;
        match self.rule {
            Rule::Mean => mean(updates, out, threads),
            Rule::Median => median(updates, out, threads),
            Rule::TrimmedMean(faults) => {
                let share = round.left(faults) as f64 / updates.len() as f64;
                trimmed_mean(updates, share, out, threads);
            }
            Rule::GeometricMedian { nu, iterations } => {
                geometric_median(updates, nu, iterations, out, threads);
            }
            Rule::CentredClipping { radius, iterations } => {
                centred_clipping(updates, round.centre, radius, iterations, out, threads);
            }
            Rule::Krum(krum) => {
                let faults = round.left(krum.faults);
                let choice = krum.choose(updates, faults, out, threads);
                return Some((choice.scores, choice.chosen));
            }
        }
        None
    }
}

/// Krum's scores and choice.
type Found = Option<(Vec<f64>, Vec<usize>)>;

/// What a rule needs to know of a round beside its usable updates.
#[derive(Clone, Copy)]
struct Round<'a> {
    given: usize,
    unusable: usize,
    centre: Option<&'a [f32]>,
    threads: usize,
}

impl Round<'_> {
    /// How many of the usable updates may be false.
    fn left(&self, faults: Faults) -> usize {
        faults.among(self.given).saturating_sub(self.unusable)
    }
}

impl fmt::Display for Robust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = self.rule.options();
        if self.clips {
            options.push((CLIP.key, "median".to_owned()));
        }
        if let Some(faults) = self.mixes {
            options.push((NNM.key, faults.to_string()));
        }
        f.write_str(self.name())?;
        for (position, (key, value)) in options.iter().enumerate() {
            let mark = if position == 0 { ':' } else { ',' };
            write!(f, "{mark}{key}={value}")?;
        }
        Ok(())
    }
}

impl Rule {
    fn options(&self) -> Vec<(&'static str, String)> {
        match self {
            Rule::Mean | Rule::Median => Vec::new(),
            Rule::TrimmedMean(faults) => vec![faults.option()],
            Rule::GeometricMedian { nu, iterations } => {
                vec![
                    ("nu", nu.to_string()),
                    ("iterations", iterations.to_string()),
                ]
            }
            Rule::CentredClipping { radius, iterations } => {
                vec![
                    ("tau", radius.to_string()),
                    ("iterations", iterations.to_string()),
                ]
            }
            Rule::Krum(krum) => {
                let mut options = vec![krum.faults.option()];
                if let Chosen::Given(count) = krum.chosen {
                    options.push(("m", count.to_string()));
                }
                let neighbours = krum.neighbours;
                options.extend(neighbours.map(|count| ("neighbours", count.to_string())));
                options
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fed::aggregate::RULES;

    #[test]
    fn a_rule_displays_as_the_spec_that_builds_it() {
        for text in [
            "mean:clip=median",
            "median",
            "median:clip=median,nnm=2",
            "trimmed-mean:f=2",
            "trimmed-mean:share=0.25,nnm=0.1",
            "geometric-median:nu=0.5,iterations=3",
            "centred-clipping:tau=2.5,iterations=4",
            "centred-clipping:tau=median,iterations=1",
            "krum:f=2,neighbours=3",
            "multi-krum:f=2,m=4,clip=median",
            "multi-krum:share=0.3",
        ] {
            assert_eq!(RULES.build(text).unwrap().to_string(), text);
        }
        for row in RULES.rows {
            let plain = RULES.build(row.name).unwrap();
            assert_eq!(plain.name(), row.name);
            assert_eq!(RULES.build(&plain.to_string()), Ok(plain));
            for alias in row.aliases {
                assert_eq!(RULES.build(alias), Ok(plain), "{alias}");
            }
        }
        for text in [
            "krum:f=1,share=0.1",
            "krum:f=-1",
            "multi-krum:m=0",
            "krum:m=2",
            "trimmed-mean:share=0.5",
            "centred-clipping:tau=0",
            "centred-clipping:tau=NaN",
            "geometric-median:iterations=0",
            "median:nnm=0.5",
            "median:clip=2",
        ] {
            assert!(RULES.build(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_finite_is_left_out_and_counts_as_a_fault() {
        let updates: [&[f32]; 5] = [&[1.0], &[f32::NAN], &[2.0], &[3.0], &[f32::INFINITY]];
        for (text, expected) in [
            ("mean", 2.0),
            ("median", 2.0),
            ("trimmed-mean:f=2", 2.0),
            ("trimmed-mean:share=0.4", 2.0),
            ("multi-krum:f=2", 0.0),
        ] {
            let rule = RULES.build(text).unwrap();
            let mut out = [0.0];
            let verdict = rule.aggregate(&updates, None, &mut out, 1);
            assert_eq!(out, [expected], "{text}");
            match verdict {
                Ok(verdict) => {
                    assert_eq!(verdict.left_out, [1, 4], "{text}");
                    assert_eq!(
                        verdict.scores,
                        [1.0, f64::INFINITY, 0.0, 1.0, f64::INFINITY]
                    );
                    assert_eq!(verdict.suspects(), [1, 4]);
                }
                // Five are too few for two faults, whatever the faults look like.
                Err(told) => assert!(told.contains("2f + 3 = 7"), "{told}"),
            }
        }
    }

    #[test]
    fn rounds_without_a_usable_update_are_refused() {
        let mut out = [7.0];
        let median = RULES.build("median").unwrap();
        let none: [&[f32]; 0] = [];
        let told = median.aggregate(&none, None, &mut out, 1);
        assert_eq!(told, Err("median of no updates".to_owned()));
        let told = median.aggregate(&[[f32::NAN].as_slice()], None, &mut out, 1);
        assert_eq!(told, Err("median of no updates".to_owned()));
        assert_eq!(out, [7.0]);
    }

    #[test]
    fn krum_names_who_was_left_out() {
        let updates: [&[f32]; 6] = [&[0.0], &[1.0], &[f32::NAN], &[3.0], &[100.0], &[4.0]];
        let rule = RULES.build("multi-krum:f=1").unwrap();
        let mut out = [0.0];
        // The NaN is the one fault, so of the rest nobody may be false and all are taken.
        let verdict = rule.aggregate(&updates, None, &mut out, 1).unwrap();
        assert_eq!((verdict.left_out, out), (vec![2], [21.6]));
        let rule = RULES.build("multi-krum:f=1,m=4").unwrap();
        let verdict = rule.aggregate(&updates, None, &mut out, 1).unwrap();
        assert_eq!((verdict.left_out.clone(), out), (vec![2, 4], [2.0]));
        assert_eq!(verdict.suspects(), [2, 4]);
    }

    #[test]
    fn clipping_comes_before_mixing() {
        // Clipped: 1, 2, 2. Mixed with one fault: 1.5, 2, 2.
        let updates: [&[f32]; 3] = [&[1.0], &[2.0], &[30.0]];
        let rule = RULES.build("mean:clip=median,nnm=1").unwrap();
        let mut out = [0.0];
        let verdict = rule.aggregate(&updates, None, &mut out, 1).unwrap();
        assert_eq!(out, [5.5 / 3.0]);
        // Scores are those of the updates as they came.
        assert!(verdict.scores[2] > 10.0 && verdict.left_out.is_empty());
    }
}
