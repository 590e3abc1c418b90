//! The coordinator: the core with threads, sockets, files and a clock around it.

mod board;
mod call;
mod command_line;
mod current;
mod desk;
mod driver;
mod faults;
mod hosts;
mod lane;
mod link;
mod materials;
mod model_file;
mod nodes_list;
mod offer;
mod pulse;
mod rows;
mod service;
mod shell;
mod training;
mod workshop;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

pub use command_line::main;
pub use nodes_list::NodeList;

use crate::app::StartError;
use crate::app::clock::Clock;
use crate::cluster::policy::POLICIES;
use crate::cluster::{self, Cluster};
use crate::fed::{Event, Federation};
use crate::ml::data::Root;
use crate::net::{Limits, Server, listen};
use crate::seed::Seed;
use call::Reporter;
use desk::Desk;
use driver::Driver;
use hosts::Hosts;
use shell::Shell;
use workshop::Workshop;

/// How a coordinator is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// Spec of the scheduling policy.
    pub policy: String,
    /// Where the nodes are listed.
    pub nodes: NodeList,
    /// Files of data specs lie below this.
    pub data_root: PathBuf,
    /// Share of a cohort a round needs, for plans that do not say.
    pub quorum: f64,
    /// The numbers of the cluster's rules.
    pub cluster: cluster::Config,
    /// For the random choices of policies.
    pub seed: Seed,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            policy: "load-balancing".to_owned(),
            nodes: NodeList::Empty,
            data_root: PathBuf::from("."),
            quorum: 0.5,
            cluster: cluster::Config::default(),
            seed: Seed(1),
        }
    }
}

/// A running coordinator. Dropping it stops it without grace.
pub struct Coordinator {
    server: Server,
    desk: Arc<Desk>,
    shell: Arc<Shell>,
    /// Dropped to end the watch on the node list; none when it was stopped.
    stop_watch: Mutex<Option<Sender<()>>>,
}

impl Coordinator {
    /// Starts listening and greeting nodes.
    ///
    /// # Errors
    /// When the policy is unknown, the node list is wrong, or the port cannot be had.
    pub fn start(config: Config) -> Result<Coordinator, StartError> {
        let policy = POLICIES
            .build(&config.policy)
            .map_err(|error| StartError(error.to_string()))?;
        let listed = config.nodes.read().map_err(StartError)?;
        let root = Root::new(&config.data_root).map_err(|error| StartError(error.to_string()))?;
        let address = SocketAddr::new(config.bind, config.port);
        let listener = listen(address).map_err(|error| StartError::listening(address, &error))?;
        let spawn = |error: std::io::Error| StartError(format!("cannot start a thread: {error}"));

        let reporter = Reporter::default();
        let hosts = Hosts::default();
        let clock = Clock::start();
        let timeout = config.cluster.heartbeat_timeout;
        let cluster = Cluster::new(config.cluster, policy, config.seed, first_attempt());
        let federation = Arc::new(Mutex::new(Federation::new(cluster, config.quorum)));
        let workshop = Workshop::new(root, hosts.clone(), reporter.clone()).map_err(spawn)?;
        let workshop = Arc::new(workshop);
        let board = Arc::default();
        let driver = Driver {
            federation: federation.clone(),
            reporter: reporter.clone(),
            workshop: workshop.clone(),
            board: Arc::clone(&board),
            hosts: hosts.clone(),
            clock,
            heartbeat_timeout: timeout,
            links: BTreeMap::new(),
            alive: bounded(0),
        };
        let shell = Shell::start(driver, clock).map_err(spawn)?;
        reporter.report_to(&shell);
        shell.post(Event::Listed(listed));
        let (stop_watch, watched) = bounded(0);
        config.nodes.watch(reporter, watched).map_err(spawn)?;
        let desk = Arc::new(Desk {
            shell: shell.clone(),
            federation,
            workshop,
            board,
            hosts,
            clock,
            policy: config.policy,
            closing: AtomicBool::new(false),
        });
        let server = Server::start(listener, Limits::default(), service::serve(desk.clone()))
            .map_err(|error| StartError::listening(address, &error))?;
        Ok(Coordinator {
            server,
            desk,
            shell,
            stop_watch: Mutex::new(Some(stop_watch)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Ends: runs under way are called off and their nodes told, calls may be answered within `grace`.
    pub fn stop(&self, grace: Duration) {
        let mut stop_watch = self
            .stop_watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if stop_watch.take().is_none() {
            return;
        }
        self.desk.close(grace);
        self.server.stop(grace);
        self.shell.stop();
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Attempt ids start where no earlier life of this coordinator has been: at the time of its start.
fn first_attempt() -> u64 {
    crate::clock::unix_micros()
}
