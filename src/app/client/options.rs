//! The options of a run and of the cluster that is started for it, and what their specs may be.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::app::coordinator::dashboard;
use crate::app::embedded;
use crate::app::node::Load;
use crate::cluster::policy::POLICIES;
use crate::fed::aggregate::RULES;
use crate::fed::attack::ATTACKS;
use crate::fed::schedule::SCHEDULES;
use crate::fed::strategy::STRATEGIES;
use crate::ml::data::DATA;
use crate::ml::model::MODELS;
use crate::ml::objective::OBJECTIVES;
use crate::ml::partition::PARTITIONS;
use crate::net::Address;
use crate::spec::Table;
use crate::wire::codec::CODECS;

/// What stands behind a switch in help, where it may be turned off too: what a run file says, a flag can take back.
const SWITCH: &str = "true|false";

/// What to train. What is left out takes the coordinator's default.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The run", allow_negative_numbers = true)]
pub struct RunOptions {
    /// A run file: options of these names, one a line, as `rounds = 5`. Flags win over --set, that over variables of the
    /// environment like ROUNDTABLE_ROUNDS, and those over the file
    #[arg(value_name = "RUN.toml")]
    pub file: Option<PathBuf>,
    /// Set an option by name, as in a run file
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where the rows come from (see below) [default: builtin:digits]
    #[arg(long, value_name = "SPEC", value_parser = data)]
    pub data: Option<String>,
    /// The model (see below) [default: one hidden layer of 32, sized by the data; linear for real
    /// values]
    #[arg(long, value_name = "SPEC")]
    pub model: Option<String>,
    /// Rounds [default: 20]
    #[arg(long, value_name = "N")]
    pub rounds: Option<i32>,
    /// Passes over each shard in a round [default: 5]
    #[arg(long, value_name = "N")]
    pub epochs: Option<i32>,
    /// Rows of a step; 0 for all [default: 10]
    #[arg(long, value_name = "N")]
    pub batch: Option<i32>,
    /// Learning rate [default: 0.1]
    #[arg(long, value_name = "X")]
    pub lr: Option<f64>,
    /// How the learning rate goes from round to round (see below) [default: constant]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&SCHEDULES))]
    pub schedule: Option<String>,
    /// Share of the last step that goes on in the next, 0 to below 1, begun anew with every shard [default: 0]
    #[arg(long, value_name = "X")]
    pub momentum: Option<f64>,
    /// Pull of all parameters towards 0: the l2 penalty of ridge and logistic regression, times 2 [default: 0]
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f64>,
    /// Pull towards the parameters that the round began with: FedProx's mu [default: 0]
    #[arg(long, value_name = "X")]
    pub proximal: Option<f64>,
    /// What training makes small (see below) [default: cross-entropy, of real values squared]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&OBJECTIVES))]
    pub objective: Option<String>,
    /// Stop an epoch loop when the summed loss changes by no more than this
    #[arg(long, value_name = "X")]
    pub plateau: Option<f64>,
    /// Number of shards, which stand for participants [default: 10, or what the data bring]
    #[arg(long, visible_alias = "participants", value_name = "N")]
    pub shards: Option<i32>,
    /// How rows become shards (see below) [default: iid]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&PARTITIONS))]
    pub partition: Option<String>,
    /// Share of the rows held out for evaluation [default: 0.2, or what the data bring]
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,
    /// Shards sampled for a round [default: all]
    #[arg(long, value_name = "N")]
    pub cohort: Option<i32>,
    /// Make features comparable: mean 0 and deviation 1 over all rows that train, wherever they are; nodes of private rows
    /// tell their sums alone
    #[arg(long, value_name = SWITCH, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub standardise: Option<bool>,
    /// Share of a round's shards that must count [default: the coordinator's]
    #[arg(long, value_name = "SHARE")]
    pub quorum: Option<f64>,
    /// Every random choice comes from it; the same seed gives the same bits [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<i64>,
    /// How updates become a step (see below) [default: fedavg]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&STRATEGIES))]
    pub strategy: Option<String>,
    /// How updates travel (see below) [default: raw]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&CODECS))]
    pub codec: Option<String>,
    /// A robust rule in the place of the mean, against false updates (see below)
    #[arg(long, value_name = "SPEC", value_parser = row_of(&RULES))]
    pub aggregator: Option<String>,
    /// For studies of robust rules: how some shards attack (see below)
    #[arg(long, value_name = "SPEC", value_parser = row_of(&ATTACKS))]
    pub attack: Option<String>,
    /// For studies of robust rules: share of the shards that attack [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    pub attackers: Option<f64>,
    /// For studies of slow devices: share of a round's shards that do only some of the epochs
    #[arg(long, value_name = "SHARE")]
    pub stragglers: Option<f64>,
    /// For studies of slow devices: their updates are left out
    #[arg(long, value_name = SWITCH, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub drop_stragglers: Option<bool>,
}

/// The cluster that is started when no address is given.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The cluster started when no address is given")]
pub struct ClusterOptions {
    /// Compute nodes [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub nodes: Option<u16>,
    /// Scheduling policy (see below) [default: load-balancing]
    #[arg(long, value_name = "POLICY", value_parser = row_of(&POLICIES))]
    pub policy: Option<String>,
    /// Load probability of the nodes, 0 to 1 or `auto` [default: 0]
    #[arg(long, value_name = "P")]
    pub load: Option<Load>,
    /// Files of data specs lie below this directory [default: with --state the one it was last used with, otherwise the
    /// current one]
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// A page for browsers while the cluster lives, at this address [default: 127.0.0.1:8105]; port 0 lets the system
    /// choose
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = dashboard::DEFAULT)]
    pub dashboard: Option<SocketAddr>,
}

impl ClusterOptions {
    /// Refuses options of a cluster where a coordinator is named.
    pub(super) fn fit(&self, at: Option<&Address>) -> Result<(), Failure> {
        let (Some(at), Some(option)) = (at, self.given()) else {
            return Ok(());
        };
        let message = format!("{option} is for a cluster of its own, not for {at}");
        Err(Failure::usage(message).hint("leave the address or the option out"))
    }

    /// The first option that was given, by name.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--nodes", self.nodes.is_some()),
            ("--policy", self.policy.is_some()),
            ("--load", self.load.is_some()),
            ("--data-root", self.data_root.is_some()),
            ("--dashboard", self.dashboard.is_some()),
        ];
        given
            .iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| *name)
    }
}

impl From<&ClusterOptions> for embedded::Config {
    fn from(options: &ClusterOptions) -> embedded::Config {
        let defaults = embedded::Config::default();
        embedded::Config {
            nodes: options.nodes.unwrap_or(defaults.nodes),
            policy: options.policy.clone().unwrap_or(defaults.policy),
            load: options.load.unwrap_or(defaults.load),
            data_root: options.data_root.clone().unwrap_or(defaults.data_root),
            state: None,
            hold: false,
            dashboard: options.dashboard.map(|address| dashboard::Config {
                address,
                token: None,
            }),
        }
    }
}

/// What every spec may be, from the tables.
pub(super) fn specs() -> String {
    format!(
        "Data:\n{}  ship:PATH         as path:, read by the coordinator and sent to the nodes\n  \
         private:          the rows each node was started with; they never leave it\n\n\
         Models:\n{}\nObjectives:\n{}\nSchedules of the learning rate:\n{}\nPartitions:\n{}\nStrategies:\n{}\nAggregators:\n{}\nAttacks:\n{}\nCodecs:\n{}\nScheduling policies:\n{}\n\
         The classic letters job:\n  \
         client --data path:letters/seed-split --strategy fedavg:mean=uniform --rounds 25 --epochs 15 \\\n    \
         --model mlp:16-20-26,activation=classic,init=classic,dtype=f64 --objective cross-entropy:sum \\\n    \
         --batch 0 --lr 0.0001 --plateau 0.2 --data-root DIR",
        DATA.help(),
        MODELS.help(),
        OBJECTIVES.help(),
        SCHEDULES.help(),
        PARTITIONS.help(),
        STRATEGIES.help(),
        RULES.help(),
        ATTACKS.help(),
        CODECS.help(),
        POLICIES.help()
    )
}

/// What data and partitions may be.
pub(super) fn data_specs() -> String {
    let (data, partitions) = (DATA.help(), PARTITIONS.help());
    format!("Data:\n{data}\nPartitions:\n{partitions}")
}

pub(super) fn data(text: &str) -> Result<String, String> {
    let name = text.split([':', ',']).next().unwrap_or(text);
    if matches!(name, "private" | "ship") {
        return Ok(text.to_owned());
    }
    let built = DATA.build(text).map(drop);
    built
        .map(|()| text.to_owned())
        .map_err(|error| format!("{error}; also: ship, private"))
}

/// Takes a text that names a row of a table, with right options.
pub(super) fn row_of<T: 'static>(
    table: &'static Table<T>,
) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| match table.build(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
