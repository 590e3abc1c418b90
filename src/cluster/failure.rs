//! Why something that was asked of a node did not work.

use std::fmt;

/// What kind of failure it was; the rules act on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Nobody answers there: connection refused, reset or closed. The node is down until it answers again.
    Unreachable,
    /// No answer in time. The node may be slow, stopped or cut off.
    Silent,
    /// The node answered that it could not do it.
    Reported,
    /// The answer was not acceptable: wrong length, not finite, out of range.
    Invalid,
}

/// A failure with its reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the rules act on.
    pub kind: FailureKind,
    /// What happened, for people.
    pub reason: String,
}

impl Failure {
    /// A failure of this kind for this reason.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Failure {
        Failure {
            kind,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
