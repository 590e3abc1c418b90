//! What a group of tasks waits for, as a value. Nothing waits without a reason.

use std::fmt;

use super::Cluster;
use super::roster::Health;
use super::task::{GroupId, TaskId};
use super::time::Time;

/// Why a group's tasks are not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing is waiting.
    Nothing,
    /// Nobody is on the roster.
    NoNodes,
    /// Nobody answers.
    NoNodeUp {
        /// Nodes on the roster.
        known: usize,
        /// Which attempt to reach them this is.
        attempt: u32,
        /// After so many the work is given up.
        of: u32,
        /// The last failure of one of them.
        failure: Option<String>,
    },
    /// Attempts are under way.
    Working {
        /// How many.
        out: u32,
        /// Tasks without a node yet.
        queued: u32,
        /// How long the oldest attempt has been out, in seconds, and where.
        oldest: Option<(u64, String)>,
    },
    /// Nodes are up and free, and none takes a task.
    Refused {
        /// Nodes up.
        up: usize,
    },
    /// Nodes are up and all of them have their hands full with other work, or have yet to answer.
    Busy {
        /// Nodes up.
        up: usize,
        /// Tasks waiting.
        queued: u32,
    },
    /// No node that could do the work is up.
    Hosts {
        /// Tasks waiting.
        queued: u32,
    },
    /// The work is to be done by another node than before, and none is up.
    Another {
        /// Tasks waiting.
        queued: u32,
    },
}

impl Waiting {
    /// The kind of reason, without its figures.
    pub fn kind(&self) -> &'static str {
        match self {
            Waiting::Nothing => "nothing",
            Waiting::NoNodes => "no nodes",
            Waiting::NoNodeUp { .. } => "no node up",
            Waiting::Working { .. } => "working",
            Waiting::Refused { .. } => "refused",
            Waiting::Busy { .. } => "busy",
            Waiting::Hosts { .. } => "hosts",
            Waiting::Another { .. } => "another",
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Nothing => write!(f, "nothing is waiting"),
            Waiting::NoNodes => write!(f, "waiting for a node: none is known"),
            Waiting::NoNodeUp {
                known,
                attempt,
                of,
                failure,
            } => {
                write!(
                    f,
                    "waiting for a node: 0 of {known} up, attempt {attempt} of {of}"
                )?;
                match failure {
                    Some(failure) => write!(f, "; {failure}"),
                    None => Ok(()),
                }
            }
            Waiting::Working {
                out,
                queued,
                oldest,
            } => {
                write!(f, "{out} tasks out, {queued} waiting")?;
                match oldest {
                    Some((seconds, node)) if *seconds >= 2 => {
                        write!(f, "; the oldest for {seconds} s at {node}")
                    }
                    _ => Ok(()),
                }
            }
            Waiting::Refused { up } => {
                write!(f, "waiting: all {up} nodes up refused; asking again")
            }
            Waiting::Busy { up, queued } => {
                write!(f, "waiting for a free slot: {queued} tasks, {up} nodes up")
            }
            Waiting::Hosts { queued } => {
                write!(f, "waiting for the nodes that host {queued} shards")
            }
            Waiting::Another { queued } => {
                write!(
                    f,
                    "waiting for another node to compare with: {queued} tasks"
                )
            }
        }
    }
}

impl Cluster {
    /// What a group's tasks wait for.
    pub fn waiting(&self, now: Time, group: GroupId) -> Waiting {
        let Some(state) = self.tasks.group(group) else {
            return Waiting::Nothing;
        };
        let out = state.out;
        let queued = u32::try_from(state.ready.len()).unwrap_or(u32::MAX);
        if state.tasks == 0 {
            return Waiting::Nothing;
        }
        if out > 0 {
            let oldest = self.oldest_attempt(now, group);
            return Waiting::Working {
                out,
                queued,
                oldest,
            };
        }
        let up = self.roster.up();
        if self.roster.is_empty() {
            Waiting::NoNodes
        } else if up == 0 {
            Waiting::NoNodeUp {
                known: self.roster.len(),
                attempt: self.reconnect.as_ref().map_or(1, |state| state.attempt),
                of: self.config.reconnects,
                failure: self.last_failure(now),
            }
        } else if queued == 0 {
            Waiting::Refused { up }
        } else if state.ready.iter().any(|task| self.some_node_could(task)) {
            Waiting::Busy { up, queued }
        } else if state.ready.iter().any(|task| self.is_hosted(task)) {
            Waiting::Hosts { queued }
        } else {
            Waiting::Another { queued }
        }
    }

    /// Whether a node is up that could do this task, were it free.
    fn some_node_could(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_none_or(|task| {
            let mut up = self
                .roster
                .iter()
                .filter(|(_, node)| node.health == Health::Up);
            up.any(|(_, node)| task.suits(node))
        })
    }

    fn is_hosted(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_some_and(|task| task.host.is_some())
    }

    fn oldest_attempt(&self, now: Time, group: GroupId) -> Option<(u64, String)> {
        let of_group = |task| self.tasks.get(task).is_some_and(|task| task.group == group);
        let attempt = self
            .attempts
            .values()
            .filter(|attempt| of_group(attempt.task))
            .min_by_key(|attempt| attempt.started)?;
        let node = self.roster.get(attempt.node)?;
        Some((now.since(attempt.started).as_secs(), node.address.clone()))
    }

    /// The latest failure of a node that is not up, with its age.
    fn last_failure(&self, now: Time) -> Option<String> {
        self.roster
            .iter()
            .filter(|(_, node)| node.health != Health::Up)
            .filter_map(|(_, node)| Some((node.last_failure.as_ref()?, &node.address)))
            .max_by_key(|((at, _), _)| *at)
            .map(|((at, failure), address)| {
                let age = now.since(*at).as_secs();
                if failure.reason.contains(address.as_str()) {
                    format!("{failure} ({age} s ago)")
                } else {
                    format!("{address}: {failure} ({age} s ago)")
                }
            })
    }
}
