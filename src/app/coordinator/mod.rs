//! The coordinator: the core with threads, sockets, files and a clock around it.

mod attempts;
mod board;
mod command_line;
pub mod dashboard;
mod describing;
mod desk;
mod driver;
mod faults;
mod keeping;
mod nodes;
mod nodes_list;
mod parameters;
mod reporter;
mod runs;
mod service;
mod shell;
mod window;
mod worklog;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

pub use command_line::{command, main};
pub use nodes_list::NodeList;
pub(super) use runs::rehearsal::{Rehearsal, rehearse};
pub(super) use runs::rows::open_source;

use crate::app::StartError;
use crate::app::clock::Clock;
use crate::cluster::policy::POLICIES;
use crate::cluster::{self, Cluster};
use crate::fed::{Event, Federation};
use crate::ml::data::Root;
use crate::net::{Limits, Server, listen};
use crate::seed::Seed;
use crate::store::State;
use attempts::Attempts;
use dashboard::Dashboard;
use desk::Desk;
use driver::Driver;
use keeping::keeper::Keeper;
use nodes::greetings::Greetings;
use nodes::hosts::Hosts;
use reporter::Reporter;
use runs::workshop::Workshop;
use shell::Shell;
use window::Window;
use worklog::WorkLog;

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
    /// Where runs are kept; none if they end with the coordinator.
    pub state: Option<PathBuf>,
    /// Whether runs that were cut off are left as they are, to be looked at.
    pub hold: bool,
    /// How many of the newest rounds of a run keep their parameters.
    pub keep: usize,
    /// Share of a cohort a round needs, for plans that do not say.
    pub quorum: f64,
    /// Share of the training tasks that two nodes do, so that one that is wrong is found.
    pub audit: f64,
    /// The numbers of the cluster's rules.
    pub cluster: cluster::Config,
    /// For the random choices of policies and audits.
    pub seed: Seed,
    /// Where browsers can look on, if they can.
    pub dashboard: Option<dashboard::Config>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            policy: "load-balancing".to_owned(),
            nodes: NodeList::Empty,
            data_root: PathBuf::from("."),
            state: None,
            hold: false,
            keep: 3,
            quorum: 0.5,
            audit: 0.0,
            cluster: cluster::Config::default(),
            seed: Seed(1),
            dashboard: None,
        }
    }
}

/// A running coordinator. Dropping it stops it without grace.
pub struct Coordinator {
    server: Server,
    dashboard: Mutex<Option<Dashboard>>,
    desk: Arc<Desk>,
    shell: Arc<Shell>,
    /// Dropped to end the watch on the node list; none when it was stopped.
    stop_watch: Mutex<Option<Sender<()>>>,
    /// What writes to the disk, with its thread until that has ended.
    keeper: Option<Arc<Keeper>>,
    keeping: Mutex<Option<JoinHandle<()>>>,
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

        let state = config.state.as_deref();
        let state = state.map(|path| State::open(path, config.keep));
        let state = state.transpose().map_err(StartError)?;

        let reporter = Reporter::default();
        let kept = state.map(|state| Keeper::start(state, reporter.clone()));
        let (keeper, keeping) = kept.transpose().map_err(spawn)?.unzip();
        let hosts = Hosts::default();
        let greetings = Greetings::default();
        let clock = Clock::start();
        let timeout = config.cluster.heartbeat_timeout;
        let cluster = Cluster::new(config.cluster, policy, config.seed, first_attempt());
        let federation = Federation::new(cluster, config.quorum);
        let federation = federation.auditing(config.audit, config.seed);
        let federation = match &keeper {
            Some(_) => federation.recording(),
            None => federation,
        };
        let federation = Arc::new(Mutex::new(federation));
        let workshop = Workshop::new(root, hosts.clone(), reporter.clone(), keeper.clone());
        let workshop = Arc::new(workshop.map_err(spawn)?);
        let board = Arc::default();
        let attempts = config
            .dashboard
            .as_ref()
            .map(|_| Arc::<Attempts>::default());
        let driver = Driver {
            federation: federation.clone(),
            reporter: reporter.clone(),
            workshop: workshop.clone(),
            keeper: keeper.clone(),
            board: Arc::clone(&board),
            worklog: WorkLog::new(),
            attempts: attempts.clone(),
            hosts: hosts.clone(),
            greetings: greetings.clone(),
            clock,
            heartbeat_timeout: timeout,
            links: BTreeMap::new(),
            alive: bounded(0),
        };
        let shell = Shell::start(driver, clock).map_err(spawn)?;
        // Weak, because the shell owns the links whose threads report.
        let core = Arc::downgrade(&shell);
        reporter.report_to(move |fact| {
            if let Some(shell) = core.upgrade() {
                shell.post(fact);
            }
        });
        shell.post(Event::Listed(listed));
        let (stop_watch, watched) = bounded(0);
        config.nodes.watch(reporter, watched).map_err(spawn)?;
        let desk = Arc::new(Desk {
            shell: shell.clone(),
            federation,
            workshop,
            keeper: keeper.clone(),
            board,
            hosts,
            greetings,
            clock,
            policy: config.policy,
            state: config
                .state
                .map(|state| std::path::absolute(&state).unwrap_or(state)),
            admitting: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        for (run, recovered) in keeper.iter().flat_map(|keeper| keeper.restore()) {
            let recovered = match config.hold {
                true => recovered.held(),
                false => recovered,
            };
            desk.restore(&run, recovered);
        }
        let server = Server::start(listener, Limits::default(), service::serve(desk.clone()))
            .map_err(|error| StartError::listening(address, &error))?;
        let dashboard = config.dashboard.zip(attempts).map(|(config, attempts)| {
            let window = Window::new(desk.clone(), attempts, &server);
            Dashboard::start(config, window)
        });
        Ok(Coordinator {
            server,
            dashboard: Mutex::new(dashboard.transpose()?),
            desk,
            shell,
            stop_watch: Mutex::new(Some(stop_watch)),
            keeper,
            keeping: Mutex::new(keeping),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where a browser finds its dashboard, with the token, if it has one.
    pub fn dashboard(&self) -> Option<String> {
        let dashboard = self
            .dashboard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        dashboard.as_ref().map(Dashboard::url)
    }

    /// Ends: nodes are told that runs under way are called off, or, where they are kept, put off to the next life; calls
    /// may be answered within `grace`.
    pub fn stop(&self, grace: Duration) {
        let mut stop_watch = self
            .stop_watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if stop_watch.take().is_none() {
            return;
        }
        let dashboard = self
            .dashboard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(dashboard);
        self.desk.close(grace);
        self.server.stop(grace);
        self.shell.stop();
        if let Some(keeper) = &self.keeper {
            keeper.close();
        }
        let keeping = self
            .keeping
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Err(_)) = keeping.map(JoinHandle::join) {
            log::error!("the thread that writes to the disk ended in a panic");
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Attempt ids start where no earlier life of this coordinator has been, in all likelihood: its clock may stand still or
/// go back. There is room for a life's attempts above.
fn first_attempt() -> u64 {
    crate::clock::chance() >> 2
}
