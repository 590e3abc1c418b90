//! The command line of `coordinator`: arguments to checked configuration, run, exit code.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Config, Coordinator, NodeList, dashboard};
use crate::app::logs::LogOptions;
use crate::app::program;
use crate::cluster;
use crate::cluster::policy::POLICIES;
use crate::seed::Seed;

/// How long calls may finish after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// Hands shards of data to compute nodes, averages their updates and answers clients.
#[derive(Parser)]
#[command(name = "coordinator", version, after_long_help = after_help(), max_term_width = 100)]
struct Arguments {
    /// Port to listen on; 0 lets the system choose
    port: u16,

    /// How the next node is chosen, by name or number (see below)
    #[arg(value_name = "SCHEDULING_POLICY", value_parser = policy)]
    policy: String,

    /// List of nodes, `host,port` a line; read again when it changes. `none`: nodes join by themselves
    #[arg(long, value_name = "FILE", default_value = "compute_nodes.txt")]
    nodes: PathBuf,

    /// Runs are kept below this folder, so that they go on when the coordinator is killed and started again. `none`:
    /// they end with it [default: a folder of this port below ~/.local/state/roundtable; none for port 0]
    #[arg(long, value_name = "DIR", env = "ROUNDTABLE_STATE")]
    state: Option<PathBuf>,

    /// Parameters after so many of the newest rounds of a run are kept, besides those of its best
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,

    /// Attempts of a task after the first, before its shard is left out of the round
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,

    /// Time between heartbeats; a node that misses three is down
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = heartbeat)]
    heartbeat: Duration,

    /// Share of a round's shards that must count, above 0 and up to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    quorum: f64,

    /// Share of the training tasks, 0 to 1, that are done by two nodes. Where what they bring differs, a third decides;
    /// the node that was wrong is barred, and the run goes on without it. Nodes must compute the same bits, as all of
    /// this version do
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = portion)]
    audit: f64,

    /// A task not answered within this is given to another node
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = program::parse_span)]
    task_limit: Duration,

    /// Address to listen on; other machines reach only addresses they can route to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,

    /// Files named by clients lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    data_root: PathBuf,

    /// A page for browsers, metrics and health over HTTP, at this address [default: 127.0.0.1:8105]; port 0 lets the
    /// system choose. The address to open is printed, with the token
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = dashboard::DEFAULT)]
    dashboard: Option<SocketAddr>,

    /// What allows to cancel and resume runs on the dashboard, and where it is not on loopback to look at it [default:
    /// drawn by chance]
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ROUNDTABLE_DASHBOARD_TOKEN",
        hide_env_values = true
    )]
    dashboard_token: Option<dashboard::Token>,

    /// Seed of the random choices of policies and audits; results never depend on it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    log: LogOptions,
}

fn after_help() -> String {
    format!(
        "Scheduling policies:\n{}\nExamples:\n  \
         coordinator 5105 2                      load balancing over compute_nodes.txt\n  \
         coordinator 5105 random --nodes none    nodes announce themselves with --join\n  \
         coordinator 5105 fastest --bind 0.0.0.0 reachable from other machines\n  \
         coordinator 5105 2 --state /srv/runs    runs outlive the coordinator, and are kept here\n",
        POLICIES.help()
    )
}

fn policy(text: &str) -> Result<String, String> {
    POLICIES
        .build(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(format!("`{text}` is not a share above 0 and up to 1")),
    }
}

fn portion(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not a share from 0 to 1")),
    }
}

fn heartbeat(text: &str) -> Result<Duration, String> {
    match program::parse_span(text)? {
        span if span >= Duration::from_millis(10) => Ok(span),
        _ => Err("heartbeats come every 10ms at most".to_owned()),
    }
}

impl Arguments {
    fn config(self) -> Config {
        let nodes = match self.nodes.to_str() {
            Some("none") => NodeList::Empty,
            _ => NodeList::File(self.nodes),
        };
        let state = match self.state {
            Some(none) if none.as_os_str() == "none" => None,
            Some(folder) => Some(folder),
            None => default_state(self.port),
        };
        Config {
            bind: self.bind,
            port: self.port,
            state,
            hold: false,
            keep: usize::from(self.keep),
            policy: self.policy,
            nodes,
            data_root: self.data_root,
            quorum: self.quorum,
            audit: self.audit,
            cluster: cluster::Config {
                retries: self.retries,
                heartbeat: self.heartbeat,
                heartbeat_timeout: self.heartbeat.max(Duration::from_secs(1)),
                attempt_limit: self.task_limit,
                ..cluster::Config::default()
            },
            seed: Seed(self.seed),
            dashboard: self.dashboard.map(|address| dashboard::Config {
                address,
                token: self.dashboard_token,
            }),
        }
    }
}

/// Where a coordinator of this port keeps its runs if it is not told: as the XDG base directory specification has it.
/// Port 0 is another one every time.
fn default_state(port: u16) -> Option<PathBuf> {
    if port == 0 {
        return None;
    }
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let base = given.filter(|path| path.is_absolute()).or_else(home)?;
    Some(base.join("roundtable").join(port.to_string()))
}

/// The command line, for manual pages and completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Does what the command line says.
pub fn main(given: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(given);
    let (bind, log) = (arguments.bind, arguments.log);
    let start = || Coordinator::start(arguments.config());
    let address = |server: &Coordinator| {
        let dashboard = server.dashboard().map(|url| format!("dashboard at {url}"));
        (server.address(), dashboard)
    };
    program::serve(bind, log, start, address, |server| {
        log::info!(
            "stopping: nodes are told; runs go on when the coordinator is started again, unless --state is `none`"
        );
        server.stop(GRACE);
    })
}
