//! Work waits and no node is up: a few attempts to reach any node, then the work is given up.

use std::collections::BTreeSet;

use super::roster::{Health, Node, NodeId};
use super::time::Time;
use super::timers::Timer;
use super::{Cluster, Outcome};

/// The attempts to reach any node.
#[derive(Clone, Debug)]
pub(super) struct Reconnect {
    /// The attempt under way or last made, from 1.
    pub(super) attempt: u32,
    /// Nodes asked in this attempt that have not answered or failed yet.
    pending: BTreeSet<NodeId>,
    /// The next attempt is set for later.
    resting: bool,
}

impl Cluster {
    /// Starts, follows and ends the attempts to reach any node.
    pub(super) fn watch_for_desertion(&mut self, now: Time) {
        let deserted = !self.tasks.is_empty() && self.attempts.is_empty() && self.roster.up() == 0;
        if !deserted {
            self.reconnect = None;
            self.timers.clear(Timer::Reconnect);
            return;
        }
        if self.reconnect.is_none() {
            self.try_to_reconnect(now, 1);
        }
        let Some(state) = &mut self.reconnect else {
            return;
        };
        if state.resting || !state.pending.is_empty() {
            return;
        }
        let settled = Time::default() + self.config.settling;
        if state.attempt < self.config.reconnects {
            state.resting = true;
            let wait = self.config.reconnect.wait(state.attempt);
            self.timers.set(Timer::Reconnect, now + wait);
        } else if self.roster.is_empty() && now < settled {
            state.resting = true;
            self.timers.set(Timer::Reconnect, settled);
        } else if !self.roster.iter().any(|(_, node)| is_first_greeted(node)) {
            self.reconnect = None;
            let nodes = self.describe_failures();
            self.outcomes.push(Outcome::Deserted { nodes });
        }
    }

    /// The wait before the next attempt is over.
    pub(super) fn reconnect_due(&mut self, now: Time) {
        if let Some(state) = &self.reconnect {
            self.try_to_reconnect(now, state.attempt + 1);
        }
    }

    /// A node that was asked did not answer.
    pub(super) fn reconnect_answered(&mut self, node: NodeId) {
        if let Some(state) = &mut self.reconnect {
            state.pending.remove(&node);
        }
    }

    fn try_to_reconnect(&mut self, now: Time, attempt: u32) {
        let mut pending = BTreeSet::new();
        let mut idle = Vec::new();
        for (id, node) in self.roster.iter() {
            if matches!(node.health, Health::Leaving | Health::Barred) {
                continue;
            }
            pending.insert(id);
            if node.asked.is_none() {
                idle.push(id);
            }
        }
        for id in idle {
            self.node_due(now, id);
        }
        self.reconnect = Some(Reconnect {
            attempt,
            pending,
            resting: false,
        });
    }

    fn describe_failures(&self) -> Vec<String> {
        let attempts = self.config.reconnects;
        self.roster
            .iter()
            .map(|(_, node)| match &node.last_failure {
                _ if node.health == Health::Leaving => {
                    format!("{}: takes no new work", node.address)
                }
                _ if node.barred.is_some() => {
                    let reason = node.barred.as_deref().unwrap_or_default();
                    format!("{}: {reason}", node.address)
                }
                Some((_, failure)) if failure.reason.contains(&node.address) => {
                    format!("{failure}, tried {attempts} times")
                }
                Some((_, failure)) => {
                    format!("{}: {failure}, tried {attempts} times", node.address)
                }
                None => format!("{}: not asked yet", node.address),
            })
            .collect()
    }
}

/// Whether the node came only now and its first answer is still awaited: it may be the one that saves the run.
fn is_first_greeted(node: &Node) -> bool {
    node.health == Health::New && node.asked.is_some()
}
