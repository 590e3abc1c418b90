//! Schedules: the learning rate of each round, as a share of the one the plan or the strategy gives.

use std::fmt;

use crate::math::cos_pi;
use crate::spec::{Arguments, OptionHelp, Row, SpecError, Table};

/// How the learning rate goes from round to round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    shape: Shape,
    /// Rounds before the schedule begins, in which the rate rises in equal steps.
    warmup: u32,
}

/// The course after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Shape {
    #[default]
    Constant,
    Step {
        every: u32,
        factor: f64,
    },
    Exponential {
        factor: f64,
    },
    Cosine {
        floor: f64,
    },
    InverseSqrt,
}

impl Schedule {
    /// The learning rate of a round, from 1, of a run of so many, whose plan gives this rate. It is never 0.
    pub fn rate(&self, given: f64, round: u32, rounds: u32) -> f64 {
        (given * self.share(round, rounds)).max(f64::MIN_POSITIVE)
    }

    /// Which share of the given rate a round has, from 1, of a run of so many.
    pub fn share(&self, round: u32, rounds: u32) -> f64 {
        if round <= self.warmup {
            return f64::from(round) / (f64::from(self.warmup) + 1.0);
        }
        let done = round - self.warmup - 1;
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Step { every, factor } => power(factor, done / every),
            Shape::Exponential { factor } => power(factor, done),
            Shape::Cosine { floor } => {
                let all = rounds.saturating_sub(self.warmup).max(1);
                let way = (f64::from(done) / f64::from(all)).min(1.0);
                floor + (1.0 - floor) * (1.0 + cos_pi(way)) / 2.0
            }
            Shape::InverseSqrt => 1.0 / (f64::from(done) + 1.0).sqrt(),
        }
    }

    /// Rounds before the rate is the one that the plan gives.
    pub fn warmup(&self) -> u32 {
        self.warmup
    }

    /// Whether every round has the rate that the plan gives.
    pub fn is_constant(&self) -> bool {
        *self == Schedule::default()
    }
}

/// By repeated squaring: the same bits on every machine.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::Constant => write!(f, "constant:")?,
            Shape::Step { every, factor } => write!(f, "step:every={every},factor={factor},")?,
            Shape::Exponential { factor } => write!(f, "exponential:factor={factor},")?,
            Shape::Cosine { floor } => write!(f, "cosine:floor={floor},")?,
            Shape::InverseSqrt => write!(f, "inverse-sqrt:")?,
        }
        write!(f, "warmup={}", self.warmup)
    }
}

const WARMUP: OptionHelp = OptionHelp {
    key: "warmup",
    value: "N",
    help: "the first N rounds rise to the rate in equal steps; 0",
};
const FACTOR: OptionHelp = OptionHelp {
    key: "factor",
    value: "0..1",
    help: "what the rate is multiplied by",
};

/// Every schedule.
pub static SCHEDULES: Table<Schedule> = Table {
    kind: "schedule",
    rows: &[
        Row {
            name: "constant",
            aliases: &[],
            value: "",
            help: "the same rate in every round",
            options: &[WARMUP],
            build: |arguments| with_warmup(Shape::Constant, arguments),
        },
        Row {
            name: "step",
            aliases: &[],
            value: "",
            help: "multiplied by the factor after every so many rounds",
            options: &[
                OptionHelp {
                    key: "every",
                    value: "N",
                    help: "rounds of one rate",
                },
                FACTOR,
                WARMUP,
            ],
            build: |arguments| {
                let allowed = "a whole number of rounds, at least 1";
                let every = required(arguments, "every", allowed)?;
                let every = arguments.number("every", every, 1.., allowed)?;
                let factor = factor(arguments)?;
                with_warmup(Shape::Step { every, factor }, arguments)
            },
        },
        Row {
            name: "exponential",
            aliases: &[],
            value: "",
            help: "multiplied by the factor after every round",
            options: &[FACTOR, WARMUP],
            build: |arguments| {
                let factor = factor(arguments)?;
                with_warmup(Shape::Exponential { factor }, arguments)
            },
        },
        Row {
            name: "cosine",
            aliases: &[],
            value: "",
            help: "half a wave of the cosine, from the rate down to the floor \
                   (Loshchilov and Hutter, ICLR 2017)",
            options: &[
                OptionHelp {
                    key: "floor",
                    value: "0..1",
                    help: "share of the rate that it goes down to; 0",
                },
                WARMUP,
            ],
            build: |arguments| {
                let floor = arguments.number("floor", 0.0, 0.0..=1.0, "a number from 0 to 1")?;
                with_warmup(Shape::Cosine { floor }, arguments)
            },
        },
        Row {
            name: "inverse-sqrt",
            aliases: &[],
            value: "",
            help: "divided by the square root of the round",
            options: &[WARMUP],
            build: |arguments| with_warmup(Shape::InverseSqrt, arguments),
        },
    ],
};

fn with_warmup(shape: Shape, arguments: &mut Arguments) -> Result<Schedule, SpecError> {
    let allowed = "a whole number of rounds, at most 1,000,000";
    let warmup = arguments.number("warmup", 0, 0..=1_000_000, allowed)?;
    Ok(Schedule { shape, warmup })
}

fn factor(arguments: &mut Arguments) -> Result<f64, SpecError> {
    let allowed = "a number above 0 and up to 1";
    let factor: f64 = required(arguments, "factor", allowed)?;
    arguments.number("factor", factor, f64::MIN_POSITIVE..=1.0, allowed)
}

/// An option without a default.
fn required<T: std::str::FromStr>(
    arguments: &mut Arguments,
    key: &str,
    allowed: &str,
) -> Result<T, SpecError> {
    let given = arguments.option(key, allowed)?;
    given.ok_or_else(|| arguments.invalid(format!("`{key}` is missing; give {allowed}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(spec: &str, rounds: u32) -> Vec<f64> {
        let schedule = SCHEDULES.build(spec).unwrap();
        (1..=rounds)
            .map(|round| schedule.rate(0.8, round, rounds))
            .collect()
    }

    fn near(spec: &str, expected: &[f64]) {
        let found = rates(spec, u32::try_from(expected.len()).unwrap());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-15,
                "{spec}: {found} {expected}"
            );
        }
    }

    #[test]
    fn rates_are_those_worked_out_by_hand() {
        near("constant", &[0.8, 0.8, 0.8]);
        near("step:every=2,factor=0.5", &[0.8, 0.8, 0.4, 0.4, 0.2]);
        near("exponential:factor=0.5", &[0.8, 0.4, 0.2, 0.1]);
        // Shares 1, cos^2(pi / 8), 1 / 2 and sin^2(pi / 8).
        let eighth = (2.0 + 2f64.sqrt()) / 4.0;
        near("cosine", &[0.8, 0.8 * eighth, 0.4, 0.8 * (1.0 - eighth)]);
        near("cosine:floor=0.5", &[0.8, 0.6]);
        near(
            "inverse-sqrt",
            &[0.8, 0.8 / 2f64.sqrt(), 0.8 / 3f64.sqrt(), 0.4],
        );
    }

    #[test]
    fn a_warm_up_comes_before_the_schedule() {
        near("constant:warmup=3", &[0.2, 0.4, 0.6, 0.8, 0.8]);
        near("exponential:factor=0.5,warmup=1", &[0.4, 0.8, 0.4]);
        near("cosine:warmup=1", &[0.4, 0.8, 0.4]);
    }

    #[test]
    fn no_rate_is_zero_or_above_the_given() {
        for spec in [
            "exponential:factor=0.001",
            "cosine",
            "step:every=1,factor=1e-300",
        ] {
            for rate in rates(spec, 1000) {
                assert!(rate > 0.0 && rate <= 0.8, "{spec}: {rate}");
            }
        }
    }

    #[test]
    fn a_schedule_displays_as_the_spec_that_builds_it() {
        for text in [
            "constant",
            "constant:warmup=7",
            "step:every=3,factor=0.3",
            "exponential:factor=0.99,warmup=2",
            "cosine:floor=0.01",
            "inverse-sqrt",
        ] {
            let schedule = SCHEDULES.build(text).unwrap();
            assert_eq!(SCHEDULES.build(&schedule.to_string()), Ok(schedule));
            assert_eq!(schedule.is_constant(), text == "constant");
        }
    }

    #[test]
    fn what_is_missing_or_out_of_range_is_named() {
        let wrong = [
            "step",
            "step:every=0,factor=0.5",
            "step:every=2",
            "step:every=2,factor=0",
            "exponential",
            "exponential:factor=1.5",
            "cosine:floor=2",
            "constant:warmup=-1",
            "constant:warmup=1000001",
        ];
        for text in wrong {
            assert!(SCHEDULES.build(text).is_err(), "{text}");
        }
        let error = SCHEDULES.build("exponential").unwrap_err().to_string();
        assert!(error.contains("`factor` is missing"), "{error}");
    }
}
