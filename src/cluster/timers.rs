//! What is due when: one time for each thing that waits.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::AttemptId;
use super::roster::NodeId;
use super::task::TaskId;
use super::time::Time;

/// A thing that can wait for a moment. Each waits for one moment at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Greet the node or ask for its heartbeat, or count what was asked as missed.
    Node(NodeId),
    /// See whether the attempt is a straggler or past its limit.
    Attempt(AttemptId),
    /// The task was refused by all and may be placed again.
    Task(TaskId),
    /// The task is given up if no node that hosts its shard is up.
    Host(TaskId),
    /// Try again to reach any node.
    Reconnect,
}

/// All timers, by time and by thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Time, Timer)>,
    by_timer: BTreeMap<Timer, Time>,
}

impl Timers {
    /// Sets the moment a thing waits for; its former moment is forgotten.
    pub(super) fn set(&mut self, timer: Timer, at: Time) {
        self.clear(timer);
        self.by_time.insert((at, timer));
        self.by_timer.insert(timer, at);
    }

    /// The thing waits no longer.
    pub(super) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Takes out the first thing whose moment has come.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    /// The next moment at which something is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|&(at, _)| at)
    }
}
