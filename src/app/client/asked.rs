//! The coordinator that is asked: the one that was named, or one in this process, started when it is first needed.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::arguments::{Arguments, Command};
use super::failure::Failure;
use super::kept;
use super::options::ClusterOptions;
use super::session::Session;
use super::view::tell;
use crate::app::embedded::{self, Cluster};
use crate::net::Address;

/// See the module. A command that opens no session starts nothing.
pub(super) struct Asked {
    at: Option<Address>,
    /// How a cluster of its own is started, if it may be: for runs, and for whatever is asked of those in a folder.
    own: Option<embedded::Config>,
    /// Whether the data root was said, not remembered.
    root_given: bool,
    /// How long to try to reach it.
    timeout: Duration,
    /// Whether it is told that a cluster was started.
    speaks: bool,
    cluster: Mutex<Option<Cluster>>,
}

impl Asked {
    pub(super) fn new(arguments: &Arguments, speaks: bool) -> Asked {
        let state = arguments.state.as_deref();
        let is_run = matches!(arguments.command, Command::Train(_) | Command::Sweep(_));
        let default = ClusterOptions::default();
        let options = arguments.command.cluster().unwrap_or(&default);
        let may_be_own = arguments.at.is_none() && (is_run || state.is_some());
        let given = options.data_root.as_deref();
        Asked {
            at: arguments.at.clone(),
            own: may_be_own.then(|| embedded::Config {
                state: state.map(PathBuf::from),
                hold: arguments.command.only_looks(),
                data_root: kept::data_root(state, given),
                ..options.into()
            }),
            root_given: given.is_some(),
            timeout: arguments.timeout,
            speaks,
            cluster: Mutex::default(),
        }
    }

    /// Whether somebody can be asked.
    pub(super) fn is_known(&self) -> bool {
        self.at.is_some() || self.own.is_some()
    }

    /// Whether it is, or would be, in this process.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// A connection to it.
    pub(super) fn open(&self) -> Result<Session, Failure> {
        Session::connect(self.address()?, self.timeout)
    }

    fn address(&self) -> Result<Address, Failure> {
        if let Some(at) = &self.at {
            return Ok(at.clone());
        }
        let Some(config) = &self.own else {
            return Err(
                Failure::usage("this command asks a coordinator, and none is named").hint(
                    "client <IP> <PORT> COMMAND; `client` alone trains on a cluster of its own",
                ),
            );
        };
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match cluster.take() {
            Some(started) => started,
            None => self.start(config)?,
        };
        Ok(cluster.insert(started).address())
    }

    fn start(&self, config: &embedded::Config) -> Result<Cluster, Failure> {
        let cluster =
            Cluster::start(config.clone()).map_err(|error| Failure::failed(error.0.clone()))?;
        if let Some(state) = &config.state {
            kept::remember(state, &config.data_root)?;
        }
        if self.speaks {
            tell(&format!(
                "coordinator at {} with {} compute nodes in this process",
                cluster.address(),
                cluster.nodes()
            ));
            let here = std::env::current_dir().is_ok_and(|here| here == config.data_root);
            if !self.root_given && config.data_root.is_absolute() && !here {
                let root = config.data_root.display();
                tell(&format!(
                    "files of data are looked for below {root}, as before; --data-root says otherwise"
                ));
            }
        }
        if let Some(url) = cluster.dashboard() {
            // Whoever asked for it needs its port and token, however quiet the rest is to be.
            tell(&format!("dashboard at {url}"));
        }
        Ok(cluster)
    }
}
