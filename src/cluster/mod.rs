//! Which node does which task: roster, attempts, deadlines, retries, policies.
//!
//! The cluster decides and does nothing: it has no clock, socket or thread. Facts come in by the
//! methods of [`Cluster`] that take `now`; what should happen comes out of [`Cluster::decide`]. Each
//! fact is only recorded; every decision is taken from the whole state.
//!
//! Architecture invariant: nothing here knows of learning. A task is a number.

mod attempt;
mod backoff;
mod bar;
mod beats;
mod command;
mod config;
mod durations;
mod failure;
mod place;
pub mod policy;
mod ready;
mod reconnect;
mod roster;
mod task;
mod time;
mod timers;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use attempt::AttemptId;
pub use backoff::Backoff;
pub use command::{Command, Counts, Outcome};
pub use config::Config;
pub use failure::{Failure, FailureKind};
pub use roster::{BeatId, Greeting, Health, Node, NodeId, Origin, Pulse, Roster};
pub use task::{GroupId, TaskId};
pub use time::Time;
pub use waiting::Waiting;

use crate::seed::{Purpose, Seed, Stream};
use attempt::Attempt;
use policy::Policy;
use reconnect::Reconnect;
use task::{Task, Tasks};
use timers::{Timer, Timers};

/// All rules about nodes and tasks.
pub struct Cluster {
    config: Config,
    policy: Box<dyn Policy>,
    stream: Stream,
    roster: Roster,
    tasks: Tasks,
    attempts: BTreeMap<AttemptId, Attempt>,
    timers: Timers,
    reconnect: Option<Reconnect>,
    next_attempt: u64,
    next_beat: u64,
    chosen: u64,
    counts: Counts,
    commands: Vec<Command>,
    outcomes: Vec<Outcome>,
}

impl Cluster {
    /// A cluster without nodes. `first_attempt` lies above every attempt id used before.
    pub fn new(config: Config, policy: Box<dyn Policy>, seed: Seed, first_attempt: u64) -> Cluster {
        Cluster {
            config,
            policy,
            stream: seed.stream(Purpose::Scheduling, 0, 0),
            roster: Roster::default(),
            tasks: Tasks::default(),
            attempts: BTreeMap::new(),
            timers: Timers::default(),
            reconnect: None,
            next_attempt: first_attempt,
            next_beat: 0,
            chosen: 0,
            counts: Counts::default(),
            commands: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// The nodes.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Attempts under way.
    pub fn attempts_out(&self) -> usize {
        self.attempts.len()
    }

    /// The task of an attempt under way.
    pub fn task_of(&self, attempt: AttemptId) -> Option<TaskId> {
        self.attempts.get(&attempt).map(|attempt| attempt.task)
    }

    /// The node that has an attempt in hand.
    pub fn node_of(&self, attempt: AttemptId) -> Option<&Node> {
        self.roster.get(self.attempts.get(&attempt)?.node)
    }

    /// How long an attempt has been out.
    pub fn held(&self, now: Time, attempt: AttemptId) -> Duration {
        let attempt = self.attempts.get(&attempt);
        attempt.map_or(Duration::ZERO, |attempt| now.since(attempt.started))
    }

    /// Takes in a task. With `host`, only nodes that host the shard of this name can do it.
    pub fn submit(&mut self, now: Time, id: TaskId, group: GroupId, host: Option<String>) {
        self.take_in(now, id, Task::new(group, host, BTreeSet::new()));
    }

    /// Takes in a task that no node at these addresses may do.
    pub fn submit_elsewhere(
        &mut self,
        now: Time,
        id: TaskId,
        group: GroupId,
        avoid: BTreeSet<String>,
    ) {
        self.take_in(now, id, Task::new(group, None, avoid));
    }

    fn take_in(&mut self, now: Time, id: TaskId, task: Task) {
        if task.is_bound() {
            self.timers
                .set(Timer::Host(id), now + self.config.placement_limit);
        }
        self.tasks.insert(id, task);
    }

    /// Drops every task of a group; nobody waits for its attempts any more.
    pub fn withdraw(&mut self, group: GroupId) {
        for id in self.tasks.of_group(group) {
            self.close_task(id);
        }
        self.tasks.forget(group);
    }

    /// An attempt was answered. Returns its task if the answer counts: the first one in time does.
    pub fn answered(&mut self, now: Time, attempt: AttemptId) -> Option<TaskId> {
        let Some((id, ended)) = self.end_attempt(attempt) else {
            self.counts.late += 1;
            return None;
        };
        if let Some(node) = self.roster.get_mut(ended.node) {
            node.completed += 1;
        }
        if let Some(group) = self.tasks.group_of(id) {
            group.durations.record(now.since(ended.started));
        }
        self.close_task(id);
        Some(id)
    }

    /// A node declined an attempt because of its load. This costs the task no retry. Returns the task if the node
    /// was free to decline; if not, it failed: core and node could otherwise go on asking and declining for ever.
    pub fn refused(&mut self, now: Time, attempt: AttemptId) -> Option<TaskId> {
        if self
            .attempts
            .get(&attempt)
            .is_some_and(|attempt| !attempt.may_refuse)
        {
            let reason = "it declined what it may not decline";
            self.failed(now, attempt, Failure::new(FailureKind::Reported, reason));
            return None;
        }
        let Some((id, ended)) = self.end_attempt(attempt) else {
            self.counts.late += 1;
            return None;
        };
        self.counts.refused += 1;
        if let Some(node) = self.roster.get_mut(ended.node) {
            node.refused += 1;
        }
        if let Some(task) = self.tasks.get_mut(id) {
            task.refused_by.insert(ended.node);
        }
        // No retry of its own; but if it was the last of two and the other one failed, that one counts.
        self.retry_or_give_up(now, id);
        Some(id)
    }

    /// An attempt failed, or its answer was not acceptable.
    pub fn failed(&mut self, now: Time, attempt: AttemptId, failure: Failure) {
        // The end of its last attempt takes a node that is off the list from the roster: ask for its name first.
        let at = self.attempts.get(&attempt).map(|attempt| attempt.node);
        let address = at
            .and_then(|node| self.roster.get(node))
            .map_or(String::new(), |node| node.address.clone());
        let Some((id, ended)) = self.end_attempt(attempt) else {
            self.counts.late += 1;
            return;
        };
        self.counts.failed += 1;
        let unreachable = failure.kind == FailureKind::Unreachable;
        if let Some(node) = self.roster.get_mut(ended.node) {
            node.failed += 1;
            node.last_failure = Some((now, failure.clone()));
        }
        if unreachable {
            self.suspect(now, ended.node);
        }
        if let Some(task) = self.tasks.get_mut(id) {
            task.failures.push((address.clone(), failure.clone()));
            task.tried.insert(ended.node);
        }
        self.outcomes.push(Outcome::Failed {
            task: id,
            address,
            held: now.since(ended.started),
            failure,
        });
        self.retry_or_give_up(now, id);
    }

    /// What to do now, from the whole state, and what became of tasks.
    pub fn decide(&mut self, now: Time) -> (Vec<Command>, Vec<Outcome>) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Node(node) => self.node_due(now, node),
                Timer::Attempt(attempt) => self.attempt_due(now, attempt),
                Timer::Task(task) => self.requeue(now, task),
                Timer::Host(task) => self.host_due(now, task),
                Timer::Reconnect => self.reconnect_due(now),
            }
        }
        self.watch_for_desertion(now);
        self.place_all(now);
        (
            std::mem::take(&mut self.commands),
            std::mem::take(&mut self.outcomes),
        )
    }

    /// When to decide again if nothing is heard until then. Later than the last decision, or none.
    pub fn next_wake(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Takes an attempt out of the books: its node has a slot free again, its task one attempt less.
    fn end_attempt(&mut self, id: AttemptId) -> Option<(TaskId, Attempt)> {
        let attempt = self.attempts.remove(&id)?;
        self.timers.clear(Timer::Attempt(id));
        if let Some(group) = self.tasks.group_of(attempt.task) {
            group.out -= 1;
            group.spare.remove(&attempt.task);
        }
        if let Some(task) = self.tasks.get_mut(attempt.task) {
            task.out.retain(|&out| out != id);
        }
        if let Some(node) = self.roster.get_mut(attempt.node) {
            node.in_hand -= 1;
        }
        self.part_if_done(attempt.node);
        Some((attempt.task, attempt))
    }

    /// Takes a task out of the books and calls off what is still out for it.
    fn close_task(&mut self, id: TaskId) -> Option<Task> {
        let out = self.tasks.get(id)?.out.clone();
        for attempt in out {
            // Before the end, which may part from the node.
            if let Some(node) = self.attempts.get(&attempt).map(|out| out.node) {
                self.commands.push(Command::Cancel { attempt, node });
            }
            self.end_attempt(attempt);
        }
        self.timers.clear(Timer::Task(id));
        self.timers.clear(Timer::Host(id));
        self.tasks.remove(id)
    }

    fn retry_or_give_up(&mut self, now: Time, id: TaskId) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        if !task.out.is_empty() {
            return self.look_again(now, id); // the other attempt may yet succeed
        }
        if task.failures.len() > self.config.retries as usize {
            self.give_up(id, None);
        } else {
            self.requeue(now, id);
        }
    }

    fn give_up(&mut self, id: TaskId, reason: Option<String>) {
        let Some(task) = self.close_task(id) else {
            return;
        };
        let mut failures: Vec<String> = task
            .failures
            .iter()
            .map(|(address, failure)| format!("{address}: {failure}"))
            .collect();
        failures.extend(reason);
        self.outcomes.push(Outcome::GaveUp { task: id, failures });
    }

    /// One of two attempts ended without an answer. If the other one is a straggler, it gets company again.
    fn look_again(&mut self, now: Time, id: TaskId) {
        let out = self.tasks.get(id).map(|task| task.out.clone());
        for attempt in out.unwrap_or_default() {
            self.timers.set(Timer::Attempt(attempt), now);
        }
    }

    /// Puts a task without attempts back among those that wait for a node.
    fn requeue(&mut self, now: Time, id: TaskId) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        if !task.out.is_empty() {
            return self.look_again(now, id);
        }
        self.tasks.await_node(id);
    }

    /// An attempt may be a straggler or past its limit.
    fn attempt_due(&mut self, now: Time, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).cloned() else {
            return;
        };
        let age = now.since(attempt.started);
        if age >= self.config.attempt_limit {
            let reason = format!("no answer within {:?}", self.config.attempt_limit);
            let node = attempt.node;
            self.commands.push(Command::Cancel { attempt: id, node });
            self.failed(now, id, Failure::new(FailureKind::Silent, reason));
            return;
        }
        let floor = self.config.straggler_floor;
        let factor = self.config.straggler_factor;
        // Two at most are out, and none is added to a task that has failed too often already.
        let retries = self.config.retries as usize;
        let may_double = self
            .tasks
            .get(attempt.task)
            .is_some_and(|task| task.out.len() == 1 && task.failures.len() <= retries);
        let Some(group) = self.tasks.group_of(attempt.task) else {
            return;
        };
        let deadline = group.durations.deadline(factor, floor);
        let limit = attempt.started + self.config.attempt_limit;
        let next = match deadline {
            Some(deadline) if age >= deadline => {
                if may_double {
                    group.spare.insert(attempt.task);
                }
                limit
            }
            Some(deadline) => attempt.started + deadline,
            None => now + floor,
        };
        self.timers.set(Timer::Attempt(id), next.min(limit));
    }
}
