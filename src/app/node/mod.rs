//! The compute node: trains on shards where the data is, and answers with updates.

mod benchmark;
mod blobs;
mod command_line;
mod described;
mod desk;
#[cfg(all(test, feature = "shuttle"))]
mod desk_orders;
mod evaluating;
mod load;
mod membership;
mod residuals;
mod rows;
mod service;
mod shards;
mod sources;
mod training;
mod utilisation;
mod worklog;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use blobs::Blobs;
pub use command_line::{command, main};
pub use load::Load;
pub use sources::Sources;

use super::StartError;
use crate::clock;
use crate::ml::cores::cores;
use crate::ml::data::Root;
use crate::net::{Address, Limits, Server, listen};
use crate::seed::Seed;
use desk::Desk;
use load::Gate;
use membership::Membership;
use residuals::Residuals;
use service::Worker;
use shards::Shards;

/// Bytes of blobs that a node keeps.
const BLOB_BYTES: usize = 1 << 30;
/// Connection threads train, so they get more stack than others.
const STACK: usize = 1 << 20;
/// Calls that are being answered may take this long when the node ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a node is started.
#[derive(Clone)]
pub struct Config {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 lets the system choose.
    pub port: u16,
    /// How busy it is.
    pub load: Load,
    /// Private rows: a file or directory below the data root.
    pub data: Option<String>,
    /// Files lie below this.
    pub data_root: PathBuf,
    /// Opened data and rows kept between tasks; nodes of one process may share them.
    pub sources: Arc<Sources>,
    /// Tasks trained at once.
    pub slots: u32,
    /// How long a slowed task waits.
    pub load_delay: Duration,
    /// Announce to this coordinator.
    pub join: Option<Address>,
    /// Announce this address in place of the one it listens on.
    pub advertise: Option<Address>,
    /// Of the draws that load makes; results never depend on it.
    pub seed: Seed,
    /// Measure the training speed before the first greeting.
    pub benchmark: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            load: Load::Probability(0.0),
            data: None,
            data_root: PathBuf::from("."),
            sources: Arc::default(),
            slots: cores() as u32,
            load_delay: Duration::from_secs(3),
            join: None,
            advertise: None,
            seed: Seed(0),
            benchmark: false,
        }
    }
}

/// A running node. Dropping it ends it without grace.
pub struct Node {
    server: Server,
    worker: Arc<Worker>,
    membership: Mutex<Option<Membership>>,
}

impl Node {
    /// Starts serving.
    ///
    /// # Errors
    /// When private rows cannot be read or the port cannot be had.
    pub fn start(config: Config) -> Result<Node, StartError> {
        let root = Root::new(&config.data_root).map_err(|error| StartError(error.to_string()))?;
        let shards =
            Shards::new(root, config.data.as_deref(), config.sources).map_err(StartError)?;
        let address = SocketAddr::new(config.bind, config.port);
        let listener = listen(address).map_err(|error| StartError::listening(address, &error))?;
        let own = listener.local_addr().unwrap_or(address);
        let own = config.advertise.unwrap_or(own.into()).to_string();
        let worker = Arc::new(Worker {
            address: own.clone(),
            desk: Desk::new(config.slots.max(1)),
            gate: Gate::new(config.load, config.load_delay, config.seed),
            shards,
            residuals: Residuals::default(),
            blobs: Mutex::new(Blobs::new(BLOB_BYTES)),
            incarnation: incarnation(),
            rows_per_second: config.benchmark.then(benchmark::rows_per_second),
        });
        let limits = Limits {
            stack: STACK,
            ..Limits::default()
        };
        let server = Server::start(listener, limits, service::serve(worker.clone()))
            .map_err(|error| StartError::listening(address, &error))?;
        let membership = match config.join {
            None => None,
            Some(coordinator) => {
                let started = Membership::start(coordinator, own);
                Some(started.map_err(|error| StartError(format!("cannot join: {error}")))?)
            }
        };
        Ok(Node {
            server,
            worker,
            membership: Mutex::new(membership),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Takes its leave: nothing new is taken, what is in hand may be finished within `grace` and is
    /// handed back after that.
    pub fn stop(&self, grace: Duration) {
        let membership = self
            .membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(membership) = membership {
            membership.leave();
        }
        self.worker.desk.leave(clock::now() + grace);
        self.server.stop(LAST_WORDS.min(grace));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A number that no other start of any node has.
fn incarnation() -> i64 {
    (clock::chance() >> 2).cast_signed()
}
