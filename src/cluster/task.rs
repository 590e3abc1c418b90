//! Units of work and where each stands. What a task is about, the cluster does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::AttemptId;
use super::durations::Durations;
use super::failure::Failure;
use super::ready::{Ready, take_out};
use super::roster::{Node, NodeId};

/// A unit of work. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Tasks that share one portion of the nodes: those of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// One task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) group: GroupId,
    /// Only nodes that host the shard of this name can do it.
    pub(super) host: Option<String>,
    /// Nodes at these addresses must not do it: it is to be done by another one.
    pub(super) avoid: BTreeSet<String>,
    /// Attempts under way.
    pub(super) out: Vec<AttemptId>,
    /// Nodes that failed it, each with why, in order.
    pub(super) failures: Vec<(String, Failure)>,
    /// The same nodes by id, so that another one is tried next.
    pub(super) tried: BTreeSet<NodeId>,
    /// Nodes that refused it in this round of asking.
    pub(super) refused_by: BTreeSet<NodeId>,
    /// Rounds of asking in which every node refused.
    pub(super) refusal_rounds: u32,
}

impl Task {
    pub(super) fn new(group: GroupId, host: Option<String>, avoid: BTreeSet<String>) -> Task {
        Task {
            group,
            host,
            avoid,
            out: Vec::new(),
            failures: Vec::new(),
            tried: BTreeSet::new(),
            refused_by: BTreeSet::new(),
            refusal_rounds: 0,
        }
    }

    /// Whether not every node could do it, so that it can be that none which could is up.
    pub(super) fn is_bound(&self) -> bool {
        self.host.is_some() || !self.avoid.is_empty()
    }

    /// Whether this node could do it, were it up and free.
    pub(super) fn suits(&self, node: &Node) -> bool {
        let hosted = self.host.as_ref().is_none_or(|host| node.hosts(host));
        hosted && !self.avoid.contains(&node.address)
    }
}

/// The tasks of one group that wait for a node, and how its attempts go.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Tasks without an attempt under way that may be placed now.
    pub(super) ready: Ready,
    /// Tasks whose one attempt is a straggler: a second one may start where a slot is left over.
    pub(super) spare: BTreeSet<TaskId>,
    /// Attempts under way.
    pub(super) out: u32,
    /// Tasks not done and not given up.
    pub(super) tasks: u32,
    pub(super) durations: Durations,
}

/// All tasks that are neither done nor given up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<TaskId, Task>,
    groups: BTreeMap<GroupId, Group>,
    /// The nodes that host the shard of a name.
    hosts: BTreeMap<String, BTreeSet<NodeId>>,
}

impl Tasks {
    pub(super) fn insert(&mut self, id: TaskId, task: Task) {
        self.groups.entry(task.group).or_default().tasks += 1;
        self.tasks.insert(id, task);
        self.await_node(id);
    }

    /// A task may be placed.
    pub(super) fn await_node(&mut self, id: TaskId) {
        if let Some((group, hosts)) = self.group_and_hosts(id) {
            group.ready.insert(id, hosts);
        }
    }

    /// A task was placed, or may not be for now. Whether it was to have a second attempt.
    pub(super) fn await_no_node(&mut self, id: TaskId) -> bool {
        let Some((group, hosts)) = self.group_and_hosts(id) else {
            return false;
        };
        group.ready.remove(id, hosts);
        group.spare.remove(&id)
    }

    /// The group of a task, and the nodes that host its rows if these are not everywhere.
    fn group_and_hosts(&mut self, id: TaskId) -> Option<(&mut Group, Option<&BTreeSet<NodeId>>)> {
        const NOWHERE: &BTreeSet<NodeId> = &BTreeSet::new();
        let task = self.tasks.get(&id)?;
        let hosts = task.host.as_ref();
        let hosts = hosts.map(|host| self.hosts.get(host).unwrap_or(NOWHERE));
        Some((self.groups.get_mut(&task.group)?, hosts))
    }

    /// A node hosts the shards of these names, and formerly of those.
    pub(super) fn host(
        &mut self,
        node: NodeId,
        names: &BTreeSet<String>,
        former: &BTreeSet<String>,
    ) {
        if names == former {
            return;
        }
        for name in former {
            take_out(&mut self.hosts, name, &node);
        }
        for name in names {
            self.hosts.entry(name.clone()).or_default().insert(node);
        }
        let hosted = |id| {
            let host = self.tasks.get(&id).and_then(|task| task.host.as_ref());
            host.is_some_and(|host| names.contains(host))
        };
        for group in self.groups.values_mut() {
            group.ready.rebind(node, hosted);
        }
    }

    /// Takes a task out. Its attempts are the caller's to deal with.
    pub(super) fn remove(&mut self, id: TaskId) -> Option<Task> {
        self.await_no_node(id);
        let task = self.tasks.remove(&id)?;
        if let Some(group) = self.groups.get_mut(&task.group) {
            group.tasks -= 1;
        }
        Some(task)
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id)
    }

    pub(super) fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    pub(super) fn group_of(&mut self, id: TaskId) -> Option<&mut Group> {
        let group = self.tasks.get(&id)?.group;
        self.groups.get_mut(&group)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(&id, group)| (id, group))
    }

    /// Tasks of a group.
    pub(super) fn of_group(&self, group: GroupId) -> Vec<TaskId> {
        self.tasks
            .iter()
            .filter(|(_, task)| task.group == group)
            .map(|(&id, _)| id)
            .collect()
    }

    /// Forgets a group; its tasks must be gone.
    pub(super) fn forget(&mut self, group: GroupId) {
        self.groups.remove(&group);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
