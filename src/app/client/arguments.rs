//! The client's command line: `client [IP PORT] [COMMAND] [OPTIONS]`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::app::embedded;
use crate::app::node::Load;
use crate::app::program::parse_span;
use crate::cluster::policy::POLICIES;
use crate::fed::strategy::STRATEGIES;
use crate::ml::data::DATA;
use crate::ml::model::MODELS;
use crate::ml::objective::OBJECTIVES;
use crate::ml::partition::PARTITIONS;
use crate::net::Address;
use crate::wire::codec::CODECS;

/// Asks for a training run, shows its progress, prints the accuracy.
///
/// Without an address it starts a coordinator and compute nodes in this process, which talk over real
/// sockets on free ports.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    version,
    override_usage = "client [<IP> <PORT>] [COMMAND] [OPTIONS]",
    after_long_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Arguments {
    /// The coordinator's address; filled in from `<IP> <PORT>`
    #[arg(long, hide = true, global = true)]
    pub at: Option<Address>,

    /// One JSON object a line on stdout, for programs: `event` is started, round, notice, ended or
    /// result; rounds carry accuracy, loss, rows, seconds, omitted, retries, refusals and digest
    #[arg(long, global = true)]
    pub json: bool,

    /// Print the result and nothing else
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Give up when the coordinator has been out of reach, or busy, for this long
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = parse_span, global = true)]
    pub timeout: Duration,

    /// What to do; `train` when left out
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  client                                     a whole cluster in this process trains on the digits
  client --rounds 5 --model mlp:64-64-10     the same with other options (see `client train --help`)
  client 127.0.0.1 5105                      the same run on a coordinator
  client 127.0.0.1 5105 submit --rounds 100  returns at once; follow it with `watch RUN`
  client 127.0.0.1 5105 nodes                who is there

The last line of stdout is the accuracy alone. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 detached.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a training and wait for it (the default)
    #[command(after_long_help = specs(), max_term_width = 100)]
    Train(TrainOptions),
    /// Ask for a training and return at once, printing the run's id
    #[command(after_long_help = specs(), max_term_width = 100)]
    Submit(RunOptions),
    /// Follow a run to its end
    Watch(RunName),
    /// Say where a run stands; all runs when none is named
    Status(MaybeRun),
    /// Call a run off
    Cancel(RunName),
    /// Go on with a run that stopped because no node was left
    Resume(RunName),
    /// List the runs, newest first
    Runs,
    /// List the compute nodes
    Nodes,
    /// Classify the rows of a CSV file with a run's model
    Predict(PredictOptions),
}

/// Names of the commands, to tell them from addresses.
const COMMANDS: [&str; 10] = [
    "train", "submit", "watch", "status", "cancel", "resume", "runs", "nodes", "predict", "help",
];

/// A run by its id.
#[derive(Debug, Args)]
pub struct RunName {
    /// Id of the run, as `submit` and `runs` print it
    pub run: String,
}

/// A run by its id, or none.
#[derive(Debug, Args)]
pub struct MaybeRun {
    /// Id of the run
    pub run: Option<String>,
}

/// What to classify, and with what.
#[derive(Debug, Args)]
pub struct PredictOptions {
    /// Id of the run whose model to use
    pub run: String,
    /// CSV file of features; one column more than the model takes is the true class
    pub file: PathBuf,
    /// Divide every feature by this, as the training data were
    #[arg(long, default_value_t = 1.0)]
    pub scale: f32,
}

/// A run, and the cluster to start for it when no address is given.
#[derive(Debug, Args)]
pub struct TrainOptions {
    /// The run
    #[command(flatten)]
    pub run: RunOptions,
    /// The cluster
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// What to train. What is left out takes the coordinator's default.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The run", allow_negative_numbers = true)]
pub struct RunOptions {
    /// Where the rows come from (see below) [default: builtin:digits]
    #[arg(long, value_name = "SPEC", value_parser = data)]
    pub data: Option<String>,
    /// The model (see below) [default: one hidden layer of 32, sized by the data]
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
    /// What training makes small (see below) [default: cross-entropy]
    #[arg(long, value_name = "SPEC", value_parser = objective)]
    pub objective: Option<String>,
    /// Stop an epoch loop when the summed loss changes by no more than this
    #[arg(long, value_name = "X")]
    pub plateau: Option<f64>,
    /// Number of shards, which stand for participants [default: 10, or what the data bring]
    #[arg(long, visible_alias = "participants", value_name = "N")]
    pub shards: Option<i32>,
    /// How rows become shards (see below) [default: iid]
    #[arg(long, value_name = "SPEC", value_parser = partition)]
    pub partition: Option<String>,
    /// Share of the rows held out for evaluation [default: 0.2, or what the data bring]
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,
    /// Shards sampled for a round [default: all]
    #[arg(long, value_name = "N")]
    pub cohort: Option<i32>,
    /// Share of a round's shards that must count [default: the coordinator's]
    #[arg(long, value_name = "SHARE")]
    pub quorum: Option<f64>,
    /// Every random choice comes from it; the same seed gives the same bits [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<i64>,
    /// How updates become a step (see below) [default: fedavg]
    #[arg(long, value_name = "SPEC", value_parser = strategy)]
    pub strategy: Option<String>,
    /// How updates travel (see below) [default: raw]
    #[arg(long, value_name = "SPEC", value_parser = codec)]
    pub codec: Option<String>,
}

/// The cluster that is started when no address is given.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The cluster started when no address is given")]
pub struct ClusterOptions {
    /// Compute nodes [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub nodes: Option<u16>,
    /// Scheduling policy (see below) [default: load-balancing]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub policy: Option<String>,
    /// Load probability of the nodes, 0 to 1 or `auto` [default: 0]
    #[arg(long, value_name = "P")]
    pub load: Option<Load>,
    /// Files of data specs lie below this directory [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
}

impl ClusterOptions {
    /// The first option that was given, by name.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--nodes", self.nodes.is_some()),
            ("--policy", self.policy.is_some()),
            ("--load", self.load.is_some()),
            ("--data-root", self.data_root.is_some()),
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
        }
    }
}

/// What every spec may be, from the tables.
fn specs() -> String {
    format!(
        "Data:\n{}  ship:PATH         as path:, read by the coordinator and sent to the nodes\n  \
         private:          the rows each node was started with; they never leave it\n\n\
         Models:\n{}\nObjectives:\n{}\nPartitions:\n{}\nStrategies:\n{}\nCodecs:\n{}\nScheduling policies:\n{}\n\
         The classic letters job:\n  \
         client --data path:letters/seed-split --strategy fedavg:mean=uniform --rounds 25 --epochs 15 \\\n    \
         --model mlp:16-20-26,activation=classic,init=classic,dtype=f64 --objective cross-entropy:sum \\\n    \
         --batch 0 --lr 0.0001 --plateau 0.2 --data-root DIR",
        DATA.help(),
        MODELS.help(),
        OBJECTIVES.help(),
        PARTITIONS.help(),
        STRATEGIES.help(),
        CODECS.help(),
        POLICIES.help()
    )
}

fn data(text: &str) -> Result<String, String> {
    let name = text.split([':', ',']).next().unwrap_or(text);
    if matches!(name, "private" | "ship") {
        return Ok(text.to_owned());
    }
    let built = DATA.build(text).map(drop);
    built
        .map(|()| text.to_owned())
        .map_err(|error| format!("{error}; also: ship, private"))
}

fn objective(text: &str) -> Result<String, String> {
    let built = OBJECTIVES.build(text).map(drop);
    built.map(|()| text.to_owned()).map_err(|e| e.to_string())
}

fn partition(text: &str) -> Result<String, String> {
    let built = PARTITIONS.build(text).map(drop);
    built.map(|()| text.to_owned()).map_err(|e| e.to_string())
}

fn strategy(text: &str) -> Result<String, String> {
    let built = STRATEGIES.build(text).map(drop);
    built.map(|()| text.to_owned()).map_err(|e| e.to_string())
}

fn codec(text: &str) -> Result<String, String> {
    let built = CODECS.build(text).map(drop);
    built.map(|()| text.to_owned()).map_err(|e| e.to_string())
}

fn policy(text: &str) -> Result<String, String> {
    let built = POLICIES.build(text).map(drop);
    built.map(|()| text.to_owned()).map_err(|e| e.to_string())
}

/// Rewrites `client IP PORT ...` so that the address is an option and the command is always there.
///
/// # Errors
/// When the address is half of one.
pub fn normalise(given: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, String> {
    let mut given = given.into_iter().peekable();
    let program = given.next().unwrap_or_else(|| OsString::from("client"));
    let mut arguments = vec![program];
    let is_address = given.peek().is_some_and(|first| {
        let first = first.to_string_lossy();
        !first.starts_with('-') && !COMMANDS.contains(&&*first)
    });
    if is_address && let Some(first) = given.next() {
        let address = address(&first.to_string_lossy(), &mut given)?;
        arguments.push(OsString::from(format!("--at={address}")));
    }
    let rest: Vec<OsString> = given.collect();
    let names = |text: &OsString, names: &[&str]| names.contains(&&*text.to_string_lossy());
    let first_word = rest
        .iter()
        .find(|argument| !argument.to_string_lossy().starts_with('-'));
    let asks_for_help = rest
        .first()
        .is_some_and(|first| names(first, &["-h", "--help", "-V", "--version"]));
    if !asks_for_help && !first_word.is_some_and(|first| names(first, &COMMANDS)) {
        arguments.push(OsString::from("train"));
    }
    arguments.extend(rest);
    Ok(arguments)
}

fn address(first: &str, rest: &mut impl Iterator<Item = OsString>) -> Result<Address, String> {
    let text = match first.parse::<Address>() {
        Ok(_) => first.to_owned(),
        Err(_) => {
            let port = rest.next().map(|port| port.to_string_lossy().into_owned());
            let port = port.ok_or_else(|| {
                format!("`{first}` is neither a command nor an address with a port")
            })?;
            format!("{first},{port}")
        }
    };
    text.parse().map_err(|error| {
        format!(
            "`{}` is no address of a coordinator: {error}",
            text.replace(',', " ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let given = line.split_whitespace().map(OsString::from);
        let arguments = normalise(given)?;
        Arguments::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn all_forms_of_the_command_line() {
        let alone = parse("client").unwrap();
        assert!(alone.at.is_none() && matches!(alone.command, Command::Train(_)));
        for line in [
            "client 127.0.0.1 5105",
            "client 127.0.0.1:5105",
            "client 127.0.0.1 5105 train --rounds 3",
            "client 127.0.0.1 5105 --rounds 3 --json",
        ] {
            let parsed = parse(line).unwrap();
            assert_eq!(parsed.at.unwrap().to_string(), "127.0.0.1:5105", "{line}");
            assert!(matches!(parsed.command, Command::Train(_)), "{line}");
        }
        let watch = parse("client ::1 5105 watch r1 --quiet").unwrap();
        assert!(watch.quiet && matches!(watch.command, Command::Watch(run) if run.run == "r1"));
        let nodes = parse("client 127.0.0.1 5105 --json nodes").unwrap();
        assert!(nodes.json && matches!(nodes.command, Command::Nodes));
    }

    #[test]
    fn options_reach_the_run() {
        let Command::Train(train) = parse("client --rounds 5 --lr 0.5 --nodes 2")
            .unwrap()
            .command
        else {
            panic!("train is the default")
        };
        assert_eq!((train.run.rounds, train.run.lr), (Some(5), Some(0.5)));
        assert_eq!(train.cluster.given(), Some("--nodes"));
    }

    #[test]
    fn wrong_usage_is_explained() {
        let says = |line: &str, text: &str| {
            let error = parse(line).unwrap_err();
            assert!(error.contains(text), "{line}: {error}");
        };
        says("client 127.0.0.1", "neither a command nor an address");
        says("client 127.0.0.1 port", "no address");
        says("client nods", "neither a command nor an address");
        says("client --strategy fedavgg", "fedavg");
        says("client --data builtin:nothing", "digits");
        says("client --policy 9", "known");
        says("client --rouns 3", "--rounds");
    }
}
