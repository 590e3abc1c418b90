//! A whole cluster in this process: a coordinator and nodes that talk over loopback sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::coordinator::dashboard;
use super::coordinator::{self, Coordinator, NodeList};
use super::node::{self, Load, Node};
use crate::net::Address;
use crate::seed::Seed;

/// How large a cluster, and what its nodes are like.
#[derive(Clone, Debug)]
pub struct Config {
    /// Compute nodes.
    pub nodes: u16,
    /// Spec of the scheduling policy.
    pub policy: String,
    /// How busy the nodes are.
    pub load: Load,
    /// Files of data specs lie below this.
    pub data_root: PathBuf,
    /// Where runs are kept; none if they end with the cluster.
    pub state: Option<PathBuf>,
    /// Whether runs that were cut off are left as they are, to be looked at.
    pub hold: bool,
    /// Where browsers can look on, if they can.
    pub dashboard: Option<dashboard::Config>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            nodes: 4,
            policy: "load-balancing".to_owned(),
            load: Load::Probability(0.0),
            data_root: PathBuf::from("."),
            state: None,
            hold: false,
            dashboard: None,
        }
    }
}

/// A running cluster. Dropping it ends it.
pub struct Cluster {
    // Fields end in this order: nobody calls a node that is gone.
    coordinator: Coordinator,
    nodes: Vec<Node>,
}

impl Cluster {
    /// Starts the nodes and then the coordinator, all on free ports.
    ///
    /// # Errors
    /// When the policy is unknown, or a port or thread cannot be had.
    pub fn start(config: Config) -> Result<Cluster, StartError> {
        let sources = Arc::<node::Sources>::default();
        let nodes: Result<Vec<Node>, StartError> = (0..config.nodes)
            .map(|number| {
                Node::start(node::Config {
                    load: config.load,
                    data_root: config.data_root.clone(),
                    sources: Arc::clone(&sources),
                    slots: 1,
                    seed: Seed(u64::from(number)),
                    ..node::Config::default()
                })
            })
            .collect();
        let nodes = nodes?;
        let addresses: Vec<Address> = nodes.iter().map(|node| node.address().into()).collect();
        let coordinator = Coordinator::start(coordinator::Config {
            policy: config.policy,
            nodes: NodeList::Fixed(addresses),
            data_root: config.data_root,
            state: config.state,
            hold: config.hold,
            dashboard: config.dashboard,
            ..coordinator::Config::default()
        })?;
        Ok(Cluster { coordinator, nodes })
    }

    /// Where its coordinator listens.
    pub fn address(&self) -> Address {
        self.coordinator.address().into()
    }

    /// Where a browser finds its dashboard, with the token, if it has one.
    pub fn dashboard(&self) -> Option<String> {
        self.coordinator.dashboard()
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Ends coordinator and nodes; what is under way is called off.
    pub fn stop(&self) {
        self.coordinator.stop(Duration::from_secs(1));
        for node in &self.nodes {
            node.stop(Duration::ZERO);
        }
    }
}
