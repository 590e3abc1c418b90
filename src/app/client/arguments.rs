//! The client's command line: `client [IP PORT] [COMMAND] [OPTIONS]`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::conformance::{self, ConformanceOptions};
use super::data_options::DataOptions;
use super::doctor::{self, DoctorOptions};
use super::manual::{self, CompletionsOptions, ManualOptions};
use super::options::{ClusterOptions, RunOptions, data_specs, specs};
use super::partition::PartitionOptions;
use super::report::{self, ReportOptions};
use super::stats;
use super::sweep::{self, SweepOptions};
use crate::app::logs::LogOptions;
use crate::app::program::parse_span;
use crate::net::Address;

/// Asks for a training run, shows its progress, prints the accuracy; of real values, the root of the mean squared error.
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
    /// result; rounds carry accuracy, loss, rows, seconds, omitted, retries, refusals, audited and digest, and, where known,
    /// as the result does, confusion, macro_f1, auc, auc_error and spread; of real values rmse, mae and r2
    #[arg(long, global = true)]
    pub json: bool,

    /// Print the result and nothing else, but where the dashboard is if there is one
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Without an address: keep the runs of the cluster in this process in this folder, where they can be resumed,
    /// listed and compared by later calls
    #[arg(long, value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,

    /// Give up when the coordinator has been out of reach, or busy, for this long
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = parse_span, global = true)]
    pub timeout: Duration,

    /// How it logs
    #[command(flatten)]
    pub log: LogOptions,

    /// What to do; `train` when left out
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  client                                     a whole cluster in this process trains on the digits
  client --rounds 5 --model mlp:64-64-10     the same with other options (see `client train --help`)
  client 127.0.0.1 5105                      the same run on a coordinator
  client train run.toml --set lr=0.01        a run file, with one value changed; `check` says what it does
  client 127.0.0.1 5105 submit --rounds 100  returns at once; follow it with `watch RUN`
  client sweep --grid 'lr=0.01|0.1' --rounds 5         runs with each of these values, best first
  client 127.0.0.1 5105 nodes                who is there
  client doctor 127.0.0.1 5105               what is wrong there, and what to do about it
  client 127.0.0.1 5105 model RUN -o m.safetensors   the model; `verify RUN m.safetensors` compares
  client partition --partition dirichlet     who would hold what; --plot shards.svg draws it
  client --state runs                        keeps its run; `client --state runs resume RUN` goes on

The last line of stdout is the accuracy alone; for regression, the root mean squared error. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 detached.";

const CHECK: &str = "Examples:
  client check run.toml                     with what would be done, and where each value was said
  client check run.toml --set lr=0.01       the same with another learning rate
  client 127.0.0.1 5105 check run.toml      for a coordinator; it is not asked, its data not opened";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a training and wait for it (the default)
    #[command(after_long_help = specs(), max_term_width = 100)]
    Train(TrainOptions),
    /// Run a grid or a random search as many runs, and list them best first
    #[command(after_long_help = sweep::EXAMPLES, max_term_width = 100)]
    Sweep(SweepOptions),
    /// Ask for a training and return at once, printing the run's id
    #[command(after_long_help = specs(), max_term_width = 100)]
    Submit(RunOptions),
    /// Follow a run to its end
    Watch(WatchOptions),
    /// Say where a run stands; all runs when none is named
    Status(MaybeRun),
    /// Say how well a run's model does: each class, which are taken for which, how large errors are, how far participants
    /// differ
    Metrics(RunName),
    /// Call a run off
    Cancel(RunName),
    /// Go on with a run that stopped because no node was left
    Resume(ResumeOptions),
    /// List the runs, newest first
    Runs,
    /// List the compute nodes
    Nodes,
    /// Write a run's model to a file, for numpy, PyTorch or `predict`
    Model(ModelOptions),
    /// Say the class or value of the rows of a CSV file with a run's model, or one in a file
    Predict(PredictOptions),
    /// Say whether two runs, or a run and a model file, are the same bit for bit
    Verify(VerifyOptions),
    /// Say what is wrong with a run file, all of it, or what a run would be; nothing is started
    #[command(after_long_help = CHECK, max_term_width = 100)]
    Check(TrainOptions),
    /// Tell of a run in one HTML file: curves, nodes, faults survived, configuration; or Markdown, CSV, TensorBoard
    #[command(after_long_help = report::EXAMPLES, max_term_width = 100)]
    Report(ReportOptions),
    /// Print a run's configuration as a run file, which does the run again
    Config(RunName),
    /// Print completions for a shell
    #[command(after_long_help = manual::EXAMPLES, max_term_width = 100)]
    Completions(CompletionsOptions),
    /// Write manual pages of the three programs
    Manual(ManualOptions),
    /// Count which rows and classes every shard of a data spec would hold; here, without a cluster
    #[command(after_long_help = data_specs(), max_term_width = 100)]
    Partition(PartitionOptions),
    /// Say what the features of some data are like, over all nodes: mean, deviation, least and largest value
    #[command(after_long_help = stats::EXAMPLES, max_term_width = 100)]
    Stats(DataOptions),
    /// Try a compute node, in whatever language, against the protocol
    #[command(after_long_help = conformance::EXAMPLES, max_term_width = 100)]
    Conformance(ConformanceOptions),
    /// Look at a coordinator and its nodes, and say what is wrong and what to do about it
    #[command(after_long_help = doctor::EXAMPLES, max_term_width = 100)]
    Doctor(DoctorOptions),
}

impl Command {
    /// The options of a run, and whether those of a cluster belong to them.
    pub fn run_options(&self) -> Option<(&RunOptions, bool)> {
        match self {
            Command::Train(options) | Command::Check(options) => Some((&options.run, true)),
            Command::Sweep(options) => Some((&options.run, true)),
            Command::Submit(options) => Some((options, false)),
            _ => None,
        }
    }

    /// Whether it looks at runs and changes none.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Command::Status(_)
                | Command::Runs
                | Command::Metrics(_)
                | Command::Model(_)
                | Command::Predict(_)
                | Command::Verify(_)
                | Command::Report(_)
                | Command::Config(_)
                | Command::Stats(_)
                | Command::Nodes
        )
    }

    /// The cluster that is started for runs, where no coordinator is named.
    pub fn cluster(&self) -> Option<&ClusterOptions> {
        match self {
            Command::Train(options) | Command::Check(options) => Some(&options.cluster),
            Command::Sweep(options) => Some(&options.cluster),
            Command::Watch(options) => Some(&options.cluster),
            Command::Resume(options) => Some(&options.cluster),
            _ => None,
        }
    }
}

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

/// Which model to write, where and how.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// Id of the run
    pub run: String,
    /// File to write: whole or not at all
    #[arg(long, short, value_name = "FILE", default_value = "model.safetensors")]
    pub output: PathBuf,
    /// As after this round [default: the newest]
    #[arg(long, value_name = "N", conflicts_with = "best")]
    pub round: Option<i32>,
    /// As after the most accurate round that is kept
    #[arg(long)]
    pub best: bool,
    /// A numpy archive (`numpy.load`) instead of safetensors
    #[arg(long)]
    pub npz: bool,
    /// Weights as PyTorch's `Linear` and `Conv2d` keep them: outputs first
    #[arg(long)]
    pub pytorch: bool,
}

/// What to compare.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// Runs by their ids, or model files; one file alone is checked against its own digest
    #[arg(value_name = "RUN_OR_FILE", num_args = 1..=2, required = true)]
    pub names: Vec<String>,
}

/// What to look at, and with what.
#[derive(Debug, Args)]
#[command(
    override_usage = "client <IP> <PORT> predict <RUN> <FILE>\n       client predict --model <MODEL> <FILE>"
)]
pub struct PredictOptions {
    /// Id of the run whose model to use, unless a model file is given; then a CSV file of features, in which one
    /// column more than the model takes is the true class or value
    #[arg(value_names = ["RUN", "FILE"], num_args = 1..=2, required = true)]
    pub names: Vec<String>,
    /// Model file to use instead of a run's
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
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
    /// Write event files for TensorBoard as rounds come, in a folder of the run's name below this one
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,
}

/// Which run to follow.
#[derive(Debug, Args)]
pub struct WatchOptions {
    /// Id of the run, as `submit` and `runs` print it
    pub run: String,
    /// Write event files for TensorBoard as rounds come, in a folder of the run's name below this one
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,
    /// The cluster that takes it up, with --state
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// Which run to go on with.
#[derive(Debug, Args)]
pub struct ResumeOptions {
    /// Id of the run, as `submit` and `runs` print it
    pub run: String,
    /// The cluster that takes it up, with --state
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::line::normalise;
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let given = line.split_whitespace().map(OsString::from);
        let line = normalise(given)?;
        Arguments::try_parse_from(line.arguments).map_err(|error| error.to_string())
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
        let kept = parse("client --state runs --rounds 3").unwrap();
        assert!(kept.state.is_some() && matches!(kept.command, Command::Train(_)));
        let listed = parse("client --state runs runs").unwrap();
        assert!(matches!(listed.command, Command::Runs));
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
