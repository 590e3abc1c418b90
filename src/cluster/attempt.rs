//! Dispatches of a task to a node.

use super::roster::NodeId;
use super::task::TaskId;
use super::time::Time;

/// One dispatch of a task to a node. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// An attempt under way.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) task: TaskId,
    pub(super) node: NodeId,
    pub(super) started: Time,
    /// Whether the node may decline it.
    pub(super) may_refuse: bool,
}
