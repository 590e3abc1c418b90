//! Strategies: how the updates of a round become one step.

use std::fmt;

use crate::spec::{Arguments, OptionHelp, Row, SpecError, Table};

/// How much the update of a shard weighs in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// As many times as it has rows.
    Weighted,
    /// Once.
    Uniform,
}

/// A strategy: a value made of parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strategy {
    /// How updates are averaged.
    pub mean: Mean,
    /// The mean update is multiplied by this and added to the parameters.
    pub rate: f64,
}

impl Strategy {
    /// Weight of the update of a shard with so many rows.
    pub fn weight(&self, rows: u64) -> u64 {
        match self.mean {
            Mean::Weighted => rows,
            Mean::Uniform => 1,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = match self.mean {
            Mean::Weighted => "weighted",
            Mean::Uniform => "uniform",
        };
        write!(f, "fedavg:mean={mean},rate={}", self.rate)
    }
}

/// Every strategy.
pub static STRATEGIES: Table<Strategy> = Table {
    kind: "strategy",
    rows: &[Row {
        name: "fedavg",
        aliases: &[],
        value: "",
        help: "federated averaging: the mean of the updates is the step \
               (McMahan et al., AISTATS 2017, algorithm 1)",
        options: &[
            OptionHelp {
                key: "mean",
                value: "weighted|uniform",
                help: "by the rows of each shard (default), or each shard once",
            },
            OptionHelp {
                key: "rate",
                value: "NUMBER",
                help: "the step is the mean times this (default 1)",
            },
        ],
        build: fedavg,
    }],
};

fn fedavg(arguments: &mut Arguments) -> Result<Strategy, SpecError> {
    let means = [("weighted", Mean::Weighted), ("uniform", Mean::Uniform)];
    let mean = arguments.choice("mean", &means)?;
    let rate = arguments.number(
        "rate",
        1.0,
        f64::MIN_POSITIVE..=1e6,
        "above 0 and up to 1e6",
    )?;
    Ok(Strategy { mean, rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_displays_as_the_spec_that_builds_it() {
        for text in ["fedavg", "fedavg:mean=uniform", "fedavg:rate=0.5"] {
            let strategy = STRATEGIES.build(text).unwrap();
            assert_eq!(STRATEGIES.build(&strategy.to_string()), Ok(strategy));
        }
        assert!(STRATEGIES.build("fedavg:rate=0").is_err());
    }

    #[test]
    fn weights_are_rows_or_one() {
        assert_eq!(STRATEGIES.build("fedavg").unwrap().weight(7), 7);
        assert_eq!(
            STRATEGIES.build("fedavg:mean=uniform").unwrap().weight(7),
            1
        );
    }
}
