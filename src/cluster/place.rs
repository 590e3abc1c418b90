//! Which task goes to which node next.

use std::collections::BTreeMap;
use std::iter;

use super::policy::Candidate;
use super::ready;
use super::roster::{Health, Node, NodeId};
use super::task::{Group, GroupId, Task, TaskId};
use super::time::Time;
use super::timers::Timer;
use super::{Attempt, AttemptId, Cluster, Command};

/// Which of a group's two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ready,
    Spare,
}

/// Of ready tasks that are bound to nodes, each node has its own.
type Queue = (Kind, GroupId, Option<NodeId>);

/// For each queue, the last task found to have no node at the moment; those before it have none either.
type Stuck = BTreeMap<Queue, TaskId>;

/// Whether and how a task can be placed now.
enum Choice {
    /// On this node; `insist` forbids it to refuse.
    Node { node: NodeId, insist: bool },
    /// Every node that could do it has refused it.
    RefusedByAll,
    /// Nodes that could do it are busy or down.
    None,
}

impl Cluster {
    /// Hands out tasks until tasks or free slots run out.
    pub(super) fn place_all(&mut self, now: Time) {
        let mut free: u32 = self
            .roster
            .iter()
            .filter(|(_, node)| node.is_free())
            .map(|(_, node)| node.slots() - node.in_hand)
            .sum();
        let mut stuck = Stuck::new();
        while free > 0 {
            let Some((queue, id)) = self.next_task(&stuck) else {
                return;
            };
            match self.choose(id) {
                Choice::Node { node, insist } => {
                    self.dispatch(now, id, node, insist);
                    free -= 1;
                }
                Choice::RefusedByAll => self.rest_after_refusals(now, id),
                Choice::None => {
                    stuck.insert(queue, id);
                }
            }
        }
    }

    /// A task that not every node could do is given up when none that could has been up for the whole limit.
    pub(super) fn host_due(&mut self, now: Time, id: TaskId) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let limit = self.config.placement_limit;
        let hosts = || self.roster.iter().filter(|(_, node)| task.suits(node));
        if !task.out.is_empty() || hosts().any(|(_, node)| node.health == Health::Up) {
            self.timers.set(Timer::Host(id), now + limit);
            return;
        }
        // The limit counts from the moment the last of them went.
        let last_up = hosts()
            .map(|(_, node)| node.last_up)
            .max()
            .unwrap_or_default();
        if last_up + limit > now {
            self.timers.set(Timer::Host(id), last_up + limit);
            return;
        }
        let reason = match &task.host {
            Some(host) => format!("no node that hosts `{host}` was up for {limit:?}"),
            None => format!("no other node was up for {limit:?}"),
        };
        self.give_up(id, Some(reason));
    }

    /// The next task to place: of the group with the fewest attempts out, first ready tasks, then second attempts.
    fn next_task(&self, stuck: &Stuck) -> Option<(Queue, TaskId)> {
        let first = |kind: Kind| {
            let waiting = self.tasks.groups().filter_map(|(group, state)| {
                let (task, queue) = match kind {
                    Kind::Ready => self.first_ready(group, state, stuck),
                    Kind::Spare => first_spare(group, state, stuck),
                }?;
                Some((state.out, group, (queue, task)))
            });
            let fewest = waiting.min_by_key(|&(out, group, _)| (out, group));
            fewest.map(|(_, _, found)| found)
        };
        first(Kind::Ready).or_else(|| first(Kind::Spare))
    }

    /// The first ready task of a group that a node with a free slot could do, as far as the rows go that it hosts.
    fn first_ready(&self, group: GroupId, state: &Group, stuck: &Stuck) -> Option<(TaskId, Queue)> {
        let is_free = |id: &NodeId| self.roster.get(*id).is_some_and(Node::is_free);
        let bound = state.ready.nodes().filter(is_free).map(Some);
        let queues = iter::once(None).chain(bound);
        let waiting = queues.filter_map(|node| {
            let queue = (Kind::Ready, group, node);
            let task = state.ready.first(node, stuck.get(&queue).copied())?;
            Some((task, queue))
        });
        waiting.min()
    }

    fn choose(&mut self, id: TaskId) -> Choice {
        let Some(task) = self.tasks.get(id) else {
            return Choice::None;
        };
        let able: Vec<(NodeId, &Node)> = self
            .roster
            .iter()
            .filter(|(node_id, node)| self.is_able(task, *node_id, node))
            .collect();
        let untried = able.iter().any(|(node, _)| !task.tried.contains(node));
        let worth = |node: &NodeId| !(untried && task.tried.contains(node));
        let insist = task.refusal_rounds >= self.config.refusal_rounds;
        if !able.is_empty()
            && !insist
            && able
                .iter()
                .filter(|(node, _)| worth(node))
                .all(|(node, _)| task.refused_by.contains(node))
        {
            return Choice::RefusedByAll;
        }
        let candidates: Vec<Candidate> = able
            .iter()
            .filter(|(id, node)| {
                node.is_free() && worth(id) && (insist || !task.refused_by.contains(id))
            })
            .map(|&(id, node)| candidate(id, node))
            .collect();
        if candidates.is_empty() {
            return Choice::None;
        }
        let at = self.policy.choose(&candidates, &mut self.stream);
        let node = candidates[at.min(candidates.len() - 1)].node;
        Choice::Node { node, insist }
    }

    /// Whether a node could do the task, now or when it has a slot free.
    fn is_able(&self, task: &Task, id: NodeId, node: &Node) -> bool {
        let holds_it = || {
            task.out
                .iter()
                .filter_map(|attempt| self.attempts.get(attempt))
                .any(|attempt| attempt.node == id)
        };
        node.health == Health::Up && task.suits(node) && !holds_it()
    }

    fn dispatch(&mut self, now: Time, id: TaskId, node: NodeId, insist: bool) {
        let attempt = AttemptId(self.next_attempt);
        self.next_attempt += 1;
        self.chosen += 1;
        self.counts.dispatched += 1;
        self.counts.insisted += u64::from(insist);
        self.counts.speculative += u64::from(self.tasks.await_no_node(id));
        if let Some(group) = self.tasks.group_of(id) {
            group.out += 1;
        }
        if let Some(task) = self.tasks.get_mut(id) {
            task.out.push(attempt);
        }
        if let Some(node) = self.roster.get_mut(node) {
            node.in_hand += 1;
            node.last_chosen = self.chosen;
        }
        let may_refuse = self.policy.nodes_may_refuse() && !insist;
        let limit = self.config.attempt_limit;
        let first_look = now + self.config.straggler_floor.min(limit);
        self.timers.set(Timer::Attempt(attempt), first_look);
        self.attempts.insert(
            attempt,
            Attempt {
                task: id,
                node,
                started: now,
                may_refuse,
            },
        );
        self.commands.push(Command::Dispatch {
            attempt,
            task: id,
            node,
            may_refuse,
            limit,
        });
    }

    /// Every node refused: ask again after a wait, and after enough rounds insist.
    fn rest_after_refusals(&mut self, now: Time, id: TaskId) {
        self.tasks.await_no_node(id);
        if let Some(task) = self.tasks.get_mut(id) {
            task.refused_by.clear();
            task.refusal_rounds += 1;
            let wait = self.config.refusal.wait(task.refusal_rounds);
            self.timers.set(Timer::Task(id), now + wait);
        }
    }
}

/// The first task of a group that may have a second attempt.
fn first_spare(group: GroupId, state: &Group, stuck: &Stuck) -> Option<(TaskId, Queue)> {
    let queue = (Kind::Spare, group, None);
    let task = ready::first(&state.spare, stuck.get(&queue).copied())?;
    Some((task, queue))
}

fn candidate(id: NodeId, node: &Node) -> Candidate {
    Candidate {
        node: id,
        in_hand: node.in_hand,
        slots: node.slots(),
        load: node.load,
        speed: node.greeting.as_ref().and_then(|greeting| greeting.speed),
        last_chosen: node.last_chosen,
    }
}
