//! Every strategy by name.

use crate::fed::asynchrony::Buffered;
use crate::fed::optimize::{Control, Dynamic, Momentum, Second, ServerStep};
use crate::fed::shard_memory::Memory;
use crate::spec::{OptionHelp, Row, Table};

use super::options::{adaptive, averaging, mean, parts, rate, schedule, share};
use super::{Mean, Strategy};

const MEAN: OptionHelp = OptionHelp {
    key: "mean",
    value: "weighted|uniform",
    help: "by the rows of each shard (default), or each shard once",
};
const UNIFORM: OptionHelp = OptionHelp {
    key: "mean",
    value: "uniform|weighted",
    help: "each shard once (default), or by its rows",
};
const RATE: OptionHelp = OptionHelp {
    key: "rate",
    value: "NUMBER",
    help: "the step is the mean times this (default 1)",
};
const SCHEDULE: OptionHelp = OptionHelp {
    key: "schedule",
    value: "SCHEDULE",
    help: "how the server's rate goes from round to round, options joined by +: step:every=5+factor=0.5 (default constant)",
};
const STEP: OptionHelp = OptionHelp {
    key: "rate",
    value: "NUMBER",
    help: "length of the server's step (default 0.1)",
};
const BETA1: OptionHelp = OptionHelp {
    key: "beta1",
    value: "SHARE",
    help: "how much of the first moment stays from round to round (default 0.9; fedadagrad 0)",
};
const TAU: OptionHelp = OptionHelp {
    key: "tau",
    value: "NUMBER",
    help: "the smaller, the more adaptive (default 0.001)",
};
/// Adagrad keeps all of the second moment.
const ADAGRAD: &[OptionHelp] = &[MEAN, SCHEDULE, STEP, BETA1, TAU];
const ADAPTIVE: &[OptionHelp] = &[
    MEAN,
    SCHEDULE,
    STEP,
    BETA1,
    TAU,
    OptionHelp {
        key: "beta2",
        value: "SHARE",
        help: "how much of the second moment stays (default 0.99)",
    },
];

pub(super) const FEDAVGM: &str = "fedavgm";

/// Every strategy.
pub static STRATEGIES: Table<Strategy> = Table {
    kind: "strategy",
    rows: &[
        Row {
            name: "fedavg",
            aliases: &[],
            value: "",
            help: "federated averaging: the mean of the updates is the step \
                   (McMahan et al., AISTATS 2017, algorithm 1)",
            options: &[MEAN, RATE, SCHEDULE],
            build: |arguments| averaging("fedavg", arguments, Mean::Weighted),
        },
        Row {
            name: "fedsgd",
            aliases: &[],
            value: "",
            help: "one step over all rows of every shard and round: the gradient of the whole data \
                   (McMahan et al., AISTATS 2017, section 2)",
            options: &[MEAN, RATE, SCHEDULE],
            build: |arguments| {
                let one_step = true;
                let plain = averaging("fedsgd", arguments, Mean::Weighted)?;
                Ok(Strategy { one_step, ..plain })
            },
        },
        Row {
            name: FEDAVGM,
            aliases: &[],
            value: "",
            help: "federated averaging with momentum at the server (Hsu, Qi and Brown, 2019, section 4.2)",
            options: &[
                MEAN,
                RATE,
                SCHEDULE,
                OptionHelp {
                    key: "momentum",
                    value: "SHARE",
                    help: "how much of the velocity stays from round to round (default 0.9)",
                },
            ],
            build: |arguments| {
                let plain = averaging(FEDAVGM, arguments, Mean::Weighted)?;
                let beta = share(arguments, "momentum", 0.9)?;
                let rate = rate(arguments, 1.0)?;
                let server = ServerStep::Momentum(Momentum { rate, beta });
                Ok(Strategy { server, ..plain })
            },
        },
        Row {
            name: "fedprox",
            aliases: &[],
            value: "",
            help: "federated averaging with a pull towards the round's parameters, for shards that differ much \
                   (Li et al., MLSys 2020, algorithm 2)",
            options: &[
                MEAN,
                RATE,
                SCHEDULE,
                OptionHelp {
                    key: "mu",
                    value: "NUMBER",
                    help: "strength of the pull (default 0.01; the paper's are 0.001 to 1)",
                },
            ],
            build: |arguments| {
                let plain = averaging("fedprox", arguments, Mean::Weighted)?;
                let mu = arguments.number("mu", 0.01, 0.0..=1e6, "0 to 1e6")?;
                let proximal = Some(mu);
                Ok(Strategy { proximal, ..plain })
            },
        },
        Row {
            name: "fedadagrad",
            aliases: &[],
            value: "",
            help: "Adagrad on the mean update (Reddi et al., ICLR 2021, algorithm 2)",
            options: ADAGRAD,
            build: |arguments| adaptive("fedadagrad", arguments, Second::Adagrad),
        },
        Row {
            name: "fedadam",
            aliases: &[],
            value: "",
            help: "Adam on the mean update (Reddi et al., ICLR 2021, algorithm 2)",
            options: ADAPTIVE,
            build: |arguments| adaptive("fedadam", arguments, Second::Adam),
        },
        Row {
            name: "fedyogi",
            aliases: &[],
            value: "",
            help: "Yogi on the mean update (Reddi et al., ICLR 2021, algorithm 2)",
            options: ADAPTIVE,
            build: |arguments| adaptive("fedyogi", arguments, Second::Yogi),
        },
        Row {
            name: "fednova",
            aliases: &[],
            value: "",
            help: "averages updates per local step, for shards that make different numbers of them \
                   (Wang et al., NeurIPS 2020, section 4)",
            options: &[MEAN, RATE, SCHEDULE],
            build: |arguments| {
                let normalised = true;
                let plain = averaging("fednova", arguments, Mean::Weighted)?;
                Ok(Strategy {
                    normalised,
                    ..plain
                })
            },
        },
        Row {
            name: "scaffold",
            aliases: &[],
            value: "",
            help: "corrects every gradient by how far its shard is from all, for shards that differ much and take part \
                   often (Karimireddy et al., ICML 2020, algorithm 1, option II)",
            options: &[UNIFORM, RATE, SCHEDULE],
            build: |arguments| {
                let plain = averaging("scaffold", arguments, Mean::Uniform)?;
                let rate = rate(arguments, 1.0)?;
                Ok(Strategy {
                    server: ServerStep::Control(Control { rate }),
                    memory: Some(Memory::Control),
                    ..plain
                })
            },
        },
        Row {
            name: "feddyn",
            aliases: &[],
            value: "",
            help: "regularises every shard so that all agree in the end (Acar et al., ICLR 2021, algorithm 1)",
            options: &[
                UNIFORM,
                OptionHelp {
                    key: "alpha",
                    value: "NUMBER",
                    help: "strength of the regularisation (default 0.01; the paper's are 0.001 to 0.1)",
                },
            ],
            build: |arguments| {
                let alpha = arguments.number("alpha", 0.01, 1e-9..=1e6, "1e-9 to 1e6")?;
                let mean = mean(arguments, Mean::Uniform)?;
                Ok(Strategy {
                    server: ServerStep::Dynamic(Dynamic { alpha }),
                    memory: Some(Memory::Gradient { alpha }),
                    proximal: Some(alpha),
                    ..parts("feddyn", mean, 1.0)
                })
            },
        },
        Row {
            name: "fedbuff",
            aliases: &[],
            value: "",
            help: "asynchronous rounds: shards train from older parameters too, and every so many updates make a step \
                   (Nguyen et al., AISTATS 2022, algorithm 1); who is how fast is drawn from the seed",
            options: &[
                RATE,
                SCHEDULE,
                OptionHelp {
                    key: "buffer",
                    value: "N",
                    help: "updates of a step (default 10)",
                },
                OptionHelp {
                    key: "concurrency",
                    value: "N",
                    help: "shards in training at any time (default 20)",
                },
                OptionHelp {
                    key: "stale",
                    value: "N",
                    help: "what would be older than so many steps is begun anew (default 10)",
                },
                OptionHelp {
                    key: "exponent",
                    value: "NUMBER",
                    help: "an update s steps old weighs 1 / (1 + s) to this power (default 0.5)",
                },
            ],
            build: |arguments| {
                let whole = "1 to 10,000";
                let buffered = Buffered {
                    buffer: arguments.number("buffer", 10, 1..=10_000, whole)?,
                    concurrency: arguments.number("concurrency", 20, 1..=10_000, whole)?,
                    most_stale: arguments.number("stale", 10, 0..=1_000, "0 to 1,000")?,
                    exponent: arguments.number("exponent", 0.5, 0.0..=10.0, "0 to 10")?,
                };
                Ok(Strategy {
                    buffered: Some(buffered),
                    schedule: schedule(arguments)?,
                    ..parts("fedbuff", Mean::Uniform, rate(arguments, 1.0)?)
                })
            },
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_displays_as_the_spec_that_builds_it() {
        let written = [
            "fedavg:mean=uniform",
            "fedavg:rate=0.5",
            "fedavgm:momentum=0.5,rate=2",
            "fedavgm:momentum=0",
            "fedprox:mu=1",
            "fedadam:beta1=0.5,beta2=0.9,tau=0.01,rate=0.3",
            "scaffold:mean=weighted,rate=0.5",
            "feddyn:alpha=0.1",
            "fedbuff:buffer=3,concurrency=5,stale=2,exponent=1",
            "fedadam:rate=0.01,schedule=cosine",
            "fedavg:schedule=step:every=5+factor=0.5+warmup=2,rate=3",
        ];
        for text in STRATEGIES.names().into_iter().chain(written) {
            let strategy = STRATEGIES.build(text).unwrap();
            let again = STRATEGIES.build(&strategy.to_string());
            assert_eq!(again, Ok(strategy), "{text}");
        }
        let wrong = [
            "fedavg:rate=0",
            "fedavgm:momentum=1",
            "scaffold:mu=1",
            "fedadagrad:beta2=0.9",
            "fedavg:schedule=cosin",
            "feddyn:schedule=cosine",
        ];
        for text in wrong {
            assert!(STRATEGIES.build(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_rate_of_the_server_follows_its_schedule() {
        let rates = |text: &str| {
            let strategy = STRATEGIES.build(text).unwrap();
            [1, 2, 3].map(|round| match strategy.server_in(round, 3) {
                ServerStep::Momentum(by) => by.rate,
                ServerStep::Adaptive(by) => by.rate,
                ServerStep::Control(by) => by.rate,
                ServerStep::Dynamic(_) => 1.0,
            })
        };
        for name in [
            "fedavg", "fedavgm", "fedadam", "scaffold", "fednova", "fedbuff",
        ] {
            let text = format!("{name}:rate=2,schedule=exponential:factor=0.5");
            assert_eq!(rates(&text), [2.0, 1.0, 0.5], "{name}");
        }
        assert_eq!(rates("fedavg:schedule=constant:warmup=1"), [0.5, 1.0, 1.0]);
        assert_eq!(rates("fedprox:rate=0.3"), [0.3; 3]);
        assert_eq!(rates("feddyn"), [1.0; 3]);
    }

    #[test]
    fn weights_are_rows_or_one() {
        let weight = |text| STRATEGIES.build(text).unwrap().weight(7);
        assert_eq!(weight("fedavg"), 7);
        assert_eq!(weight("fedavg:mean=uniform"), 1);
        assert_eq!(weight("scaffold"), 1, "as in its paper");
    }
}
