//! Parts of strategies, read from the options of their rows.

use super::{Mean, Strategy};
use crate::fed::optimize::{Adaptive, Momentum, Second, ServerStep};
use crate::fed::schedule::{SCHEDULES, Schedule};
use crate::spec::{Arguments, SpecError};

pub(super) fn parts(name: &'static str, mean: Mean, rate: f64) -> Strategy {
    Strategy {
        name,
        mean,
        normalised: false,
        server: ServerStep::Momentum(Momentum { rate, beta: 0.0 }),
        schedule: Schedule::default(),
        memory: None,
        buffered: None,
        proximal: None,
        one_step: false,
    }
}

pub(super) fn averaging(
    name: &'static str,
    arguments: &mut Arguments,
    default: Mean,
) -> Result<Strategy, SpecError> {
    let mean = mean(arguments, default)?;
    Ok(Strategy {
        schedule: schedule(arguments)?,
        ..parts(name, mean, rate(arguments, 1.0)?)
    })
}

pub(super) fn adaptive(
    name: &'static str,
    arguments: &mut Arguments,
    second: Second,
) -> Result<Strategy, SpecError> {
    let mean = mean(arguments, Mean::Weighted)?;
    let (beta1, beta2) = match second {
        Second::Adagrad => (0.0, 1.0),
        Second::Adam | Second::Yogi => (0.9, share(arguments, "beta2", 0.99)?),
    };
    let server = ServerStep::Adaptive(Adaptive {
        second,
        rate: rate(arguments, 0.1)?,
        beta1: share(arguments, "beta1", beta1)?,
        beta2,
        tau: arguments.number("tau", 1e-3, 1e-12..=1e6, "1e-12 to 1e6")?,
    });
    Ok(Strategy {
        server,
        schedule: schedule(arguments)?,
        ..parts(name, mean, 1.0)
    })
}

pub(super) fn mean(arguments: &mut Arguments, default: Mean) -> Result<Mean, SpecError> {
    let mut means = [("weighted", Mean::Weighted), ("uniform", Mean::Uniform)];
    if default == Mean::Uniform {
        means.reverse();
    }
    arguments.choice("mean", &means)
}

pub(super) fn rate(arguments: &mut Arguments, default: f64) -> Result<f64, SpecError> {
    let range = f64::MIN_POSITIVE..=1e6;
    arguments.number("rate", default, range, "above 0 and up to 1e6")
}

/// How the server's rate goes from round to round. A comma would end the option, so that a plus stands for it.
pub(super) fn schedule(arguments: &mut Arguments) -> Result<Schedule, SpecError> {
    match arguments
        .text("schedule")
        .map(|text| text.replace('+', ","))
    {
        None => Ok(Schedule::default()),
        Some(spec) => SCHEDULES
            .build(&spec)
            .map_err(|error| arguments.invalid(error.to_string())),
    }
}

pub(super) fn share(
    arguments: &mut Arguments,
    key: &'static str,
    default: f64,
) -> Result<f64, SpecError> {
    arguments.number(key, default, 0.0..=1.0 - f64::EPSILON, "0 or more, below 1")
}
