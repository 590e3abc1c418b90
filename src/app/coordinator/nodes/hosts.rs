//! Which private shards nodes host and what their columns are called, as they say when greeted.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::cluster::NodeId;
use crate::ml::data::Names;
use crate::wire::stubs::compute_node::HostedShard;

/// Nodes that were not reached yet are waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one node hosts.
#[derive(Clone, Debug, Default)]
pub struct Hosting {
    pub shards: Vec<HostedShard>,
    pub names: Names,
}

#[derive(Debug, Default)]
struct State {
    hosted: BTreeMap<NodeId, Hosting>,
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

    /// A node will be greeted.
    pub fn expect(&self, node: NodeId) {
        self.lock().hosted.entry(node).or_default();
    }

    /// What a node said when it was greeted. It may have left the roster meanwhile.
    pub fn note(&self, node: NodeId, hosting: Hosting) {
        if let Some(known) = self.lock().hosted.get_mut(&node) {
            *known = hosting;
        }
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

    /// What one node hosts.
    pub fn of(&self, node: NodeId) -> Hosting {
        self.lock().hosted.get(&node).cloned().unwrap_or_default()
    }

    /// What every node hosts.
    pub fn list(&self) -> Vec<Hosting> {
        self.lock().hosted.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_node_that_left_is_not_noted() {
        let hosts = Hosts::default();
        let node = NodeId(1);
        let hosting = || Hosting {
            shards: vec![HostedShard::default()],
            ..Hosting::default()
        };
        hosts.expect(node);
        hosts.note(node, hosting());
        assert_eq!(hosts.of(node).shards.len(), 1);
        hosts.forget(node);
        hosts.note(node, hosting());
        assert!(hosts.list().is_empty());
    }
}
