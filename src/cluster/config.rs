//! The numbers that the cluster's rules work with.

use std::time::Duration;

use super::backoff::Backoff;

/// Every time limit and count of the cluster. `Default` is what the programs use unless told otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between two heartbeats of a node that is up.
    pub heartbeat: Duration,
    /// An unanswered greeting or heartbeat counts as missed after this.
    pub heartbeat_timeout: Duration,
    /// So many heartbeats missed in a row and the node is down. A refused or broken connection is enough at once.
    pub misses: u32,
    /// A node that announced itself and missed so many in a row is forgotten; it announces itself again if it is back.
    pub forgotten: u32,
    /// Waits between greetings of a node that is down.
    pub redial: Backoff,
    /// With work waiting and no node up: waits between the attempts to reach any node.
    pub reconnect: Backoff,
    /// So many attempts to reach any node, then the work is given up.
    pub reconnects: u32,
    /// For so long after the start, work is not given up for want of a known node: nodes announce themselves again
    /// within it, to a coordinator that was away.
    pub settling: Duration,
    /// Attempts of a task after the first, before the task is given up.
    pub retries: u32,
    /// An attempt not answered within this has failed.
    pub attempt_limit: Duration,
    /// An attempt is never called a straggler before this.
    pub straggler_floor: Duration,
    /// An attempt is a straggler after this many times the median duration.
    pub straggler_factor: u32,
    /// Waits after all nodes refused a task.
    pub refusal: Backoff,
    /// After so many rounds of refusals by every node, one node has to take the task.
    pub refusal_rounds: u32,
    /// A task that only nodes which are down could do is given up after this.
    pub placement_limit: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            heartbeat: Duration::from_secs(1),
            heartbeat_timeout: Duration::from_secs(2),
            misses: 3,
            forgotten: 120,
            redial: Backoff {
                first: Duration::from_millis(250),
                longest: Duration::from_secs(5),
            },
            reconnect: Backoff {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(5),
            },
            reconnects: 3,
            settling: Duration::from_secs(12),
            retries: 3,
            attempt_limit: Duration::from_secs(600),
            straggler_floor: Duration::from_secs(1),
            straggler_factor: 3,
            refusal: Backoff {
                first: Duration::from_millis(10),
                longest: Duration::from_secs(1),
            },
            refusal_rounds: 4,
            placement_limit: Duration::from_secs(30),
        }
    }
}
