//! Which private shards nodes host, as they say when greeted.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::cluster::NodeId;
use crate::wire::stubs::compute_node::HostedShard;

/// Nodes that were not reached yet are waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    hosted: BTreeMap<NodeId, Vec<HostedShard>>,
    /// Nodes that are known and were neither reached nor found unreachable yet.
    untried: usize,
}

/// What all nodes host. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Hosts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a node said when it was greeted.
    pub fn note(&self, node: NodeId, hosted: &[HostedShard]) {
        self.lock().hosted.insert(node, hosted.to_vec());
    }

    /// A node is off the roster.
    pub fn forget(&self, node: NodeId) {
        self.lock().hosted.remove(&node);
    }

    /// How many known nodes have not been tried yet.
    pub fn set_untried(&self, untried: usize) {
        self.lock().untried = untried;
        self.state.1.notify_all();
    }

    /// Waits until every known node was tried, so that the list of shards does not depend on who was
    /// greeted first.
    pub fn settle(&self) {
        let deadline = clock::now() + PATIENCE;
        let mut state = self.lock();
        while state.untried > 0 {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            let waited = self.state.1.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The shards of one node.
    pub fn of(&self, node: NodeId) -> Vec<HostedShard> {
        self.lock().hosted.get(&node).cloned().unwrap_or_default()
    }

    /// The shards of all nodes.
    pub fn list(&self) -> Vec<HostedShard> {
        self.lock().hosted.values().flatten().cloned().collect()
    }
}
