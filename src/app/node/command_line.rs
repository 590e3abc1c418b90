//! The command line of `compute_node`: arguments to checked configuration, run, exit code.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::sources::{ROWS, Sources};
use super::{Config, Load, Node};
use crate::app::logs::LogOptions;
use crate::app::program;
use crate::net::Address;
use crate::seed::Seed;

/// How long tasks in hand may take after a signal; then they are handed back.
const GRACE: Duration = Duration::from_secs(10);

/// Trains models on shards of data, where the data is, and answers with updates.
#[derive(Parser)]
#[command(name = "compute_node", version, after_long_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// Port to listen on; 0 lets the system choose
    port: u16,

    /// How busy the node is, 0 to 1: it refuses a task with this probability where the policy lets it,
    /// and waits before a task it took with the same probability. `auto`: measured, and it never waits
    #[arg(value_name = "LOAD_PROBABILITY", allow_negative_numbers = true)]
    load: Load,

    /// Private rows for runs on `private:` data: a CSV or Parquet file, or a directory of train* files; they
    /// never leave this node. Options follow as for `path:` data: FILE,label=NAME,classes=benign/malignant
    #[arg(long, value_name = "PATH")]
    data: Option<String>,

    /// Files named by runs lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    data_root: PathBuf,

    /// Tasks trained at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,

    /// Megabytes of rows kept ready between tasks
    #[arg(long, value_name = "MB", default_value_t = ROWS >> 20)]
    keep: usize,

    /// How long a slowed task waits: 3, 0.5s, 500ms
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = program::parse_span)]
    load_delay: Duration,

    /// Announce this node to a running coordinator, and leave it at the end
    #[arg(long, value_name = "HOST:PORT")]
    join: Option<Address>,

    /// Announce this address in place of the one listened on
    #[arg(long, value_name = "HOST:PORT", requires = "join")]
    advertise: Option<Address>,

    /// Address to listen on; other machines reach only addresses they can route to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,

    /// Seed of refusals and waits [default: the port]; results never depend on it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    log: LogOptions,
}

const EXAMPLES: &str = "Examples:
  compute_node 5106 0                              always takes its tasks, at once
  compute_node 5106 0.3                            refuses or delays three tasks in ten
  compute_node 0 auto --join 10.0.0.5:5105         any free port; announces itself
  compute_node 5106 0 --data ward7.csv             hosts rows that never leave it
";

impl Arguments {
    fn config(self) -> Config {
        let defaults = Config::default();
        Config {
            bind: self.bind,
            port: self.port,
            load: self.load,
            data: self.data,
            data_root: self.data_root,
            sources: Arc::new(Sources::new(self.keep << 20)),
            slots: self.slots.unwrap_or(defaults.slots),
            load_delay: self.load_delay,
            join: self.join,
            advertise: self.advertise,
            seed: Seed(self.seed.unwrap_or(u64::from(self.port))),
            benchmark: true,
        }
    }
}

/// The command line, for manual pages and completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Does what the command line says.
pub fn main(given: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(given);
    let (bind, log) = (arguments.bind, arguments.log);
    let start = || Node::start(arguments.config());
    let address = |node: &Node| (node.address(), None);
    program::serve(bind, log, start, address, |server| {
        log::info!(
            "leaving: tasks in hand have {} s to finish",
            GRACE.as_secs()
        );
        server.stop(GRACE);
    })
}
