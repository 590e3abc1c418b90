//! Tasks that wait for a node, so kept that one for a node with a free slot is found without a look at the others.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::roster::NodeId;
use super::task::TaskId;

/// Tasks of one group that may be placed now.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    all: BTreeSet<TaskId>,
    /// Those that need no rows of a node's own.
    unbound: BTreeSet<TaskId>,
    /// The others, at every node that hosts their rows. No list is empty.
    bound: BTreeMap<NodeId, BTreeSet<TaskId>>,
}

impl Ready {
    /// Adds a task. It needs rows that these nodes host, or none of any node.
    pub(super) fn insert(&mut self, id: TaskId, hosts: Option<&BTreeSet<NodeId>>) {
        self.all.insert(id);
        match hosts {
            None => drop(self.unbound.insert(id)),
            Some(hosts) => {
                for &node in hosts {
                    self.bound.entry(node).or_default().insert(id);
                }
            }
        }
    }

    /// Takes out what was added with these hosts.
    pub(super) fn remove(&mut self, id: TaskId, hosts: Option<&BTreeSet<NodeId>>) {
        self.all.remove(&id);
        self.unbound.remove(&id);
        for node in hosts.into_iter().flatten() {
            take_out(&mut self.bound, node, &id);
        }
    }

    /// A node hosts the rows of these tasks and of no others.
    pub(super) fn rebind(&mut self, node: NodeId, own: impl Fn(TaskId) -> bool) {
        let own: BTreeSet<TaskId> = self.all.iter().copied().filter(|&id| own(id)).collect();
        match own.is_empty() {
            true => self.bound.remove(&node),
            false => self.bound.insert(node, own),
        };
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskId> {
        self.all.iter().copied()
    }

    /// The nodes that tasks are bound to.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.bound.keys().copied()
    }

    /// The first task behind another one, of those bound to a node or of those bound to none.
    pub(super) fn first(&self, node: Option<NodeId>, after: Option<TaskId>) -> Option<TaskId> {
        let tasks = match node {
            Some(node) => self.bound.get(&node)?,
            None => &self.unbound,
        };
        first(tasks, after)
    }
}

/// Takes something out of one of these lists, and the list as well if that was all.
pub(super) fn take_out<K: Ord, V: Ord>(lists: &mut BTreeMap<K, BTreeSet<V>>, of: &K, what: &V) {
    if let Some(list) = lists.get_mut(of) {
        list.remove(what);
        if list.is_empty() {
            lists.remove(of);
        }
    }
}

/// The first task behind another one.
pub(super) fn first(tasks: &BTreeSet<TaskId>, after: Option<TaskId>) -> Option<TaskId> {
    let after = after.map_or(Unbounded, Excluded);
    tasks.range((after, Unbounded)).next().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_task_is_found_at_each_of_its_hosts_and_nowhere_else() {
        let [here, there, idle] = [1, 2, 3].map(NodeId);
        let hosts = |nodes: &[NodeId]| -> BTreeSet<NodeId> { nodes.iter().copied().collect() };
        let mut ready = Ready::default();
        ready.insert(TaskId(1), Some(&hosts(&[here])));
        ready.insert(TaskId(2), Some(&hosts(&[here, there])));
        ready.insert(TaskId(3), None);
        let first = |ready: &Ready, node| ready.first(node, None).map(|task| task.0);
        let all = |ready: &Ready| {
            [Some(here), Some(there), Some(idle), None].map(|node| first(ready, node))
        };
        assert_eq!(all(&ready), [Some(1), Some(2), None, Some(3)]);
        assert_eq!(ready.first(Some(here), Some(TaskId(1))), Some(TaskId(2)));
        ready.remove(TaskId(2), Some(&hosts(&[here, there])));
        assert_eq!(all(&ready), [Some(1), None, None, Some(3)]);
        assert!(ready.nodes().eq([here]), "no list is empty");
        // The rows went to another node.
        ready.rebind(here, |_| false);
        ready.rebind(idle, |task| task == TaskId(1));
        assert_eq!(all(&ready), [None, None, Some(1), Some(3)]);
        assert_eq!(ready.len(), 2);
    }
}
