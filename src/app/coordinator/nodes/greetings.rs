//! What nodes say of themselves when they are greeted and no rule acts on: kept for whoever looks for what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::NodeId;
use crate::sync::{Mutex, lock};
use crate::wire::stubs::compute_node::HelloReply;
use crate::wire::stubs::coordinator::NodeStatus;

/// Letters kept of a name.
const LETTERS: usize = 100;
/// Abilities kept of a node.
const ABILITIES: usize = 64;

/// When a greeting was sent and when it was answered, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub began: i64,
    pub ended: i64,
}

/// What one node said.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    software: Option<String>,
    abilities: BTreeSet<String>,
    /// How far its clock is ahead of ours, and how far that may be wrong, in milliseconds.
    clock: Option<(i64, i64)>,
}

/// What all nodes said. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Greetings(Arc<Mutex<BTreeMap<NodeId, Told>>>);

impl Greetings {
    /// What a node said.
    pub fn note(&self, node: NodeId, hello: &HelloReply, asked: Asked) {
        lock(&self.0).insert(node, Told::of(hello, asked));
    }

    /// A node is off the roster.
    pub fn forget(&self, node: NodeId) {
        lock(&self.0).remove(&node);
    }

    /// What this node said last.
    pub fn of(&self, node: NodeId) -> Option<Told> {
        lock(&self.0).get(&node).cloned()
    }
}

impl Told {
    fn of(reply: &HelloReply, asked: Asked) -> Told {
        let short = |text: &String| text.chars().take(LETTERS).collect::<String>();
        let abilities = reply.hello.abilities.iter().flatten();
        // Its clock was read somewhere between question and answer.
        let error = (asked.ended - asked.began).max(0) / 2;
        let ahead = |wall: i64| wall.saturating_sub(asked.began + error);
        Told {
            software: reply.hello.software.as_ref().map(short),
            abilities: abilities.take(ABILITIES).map(short).collect(),
            clock: reply.wall_ms.map(|wall| (ahead(wall), error)),
        }
    }

    /// Adds it to what is known of the node.
    pub fn add_to(self, status: &mut NodeStatus) {
        status.software = self.software;
        status.abilities = Some(self.abilities);
        status.clock_ahead_ms = self.clock.map(|(ahead, _)| ahead);
        status.clock_error_ms = self.clock.map(|(_, error)| error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked {
        began: 10_000,
        ended: 10_040,
    };

    #[test]
    fn clocks_are_compared_at_half_time() {
        let hello = HelloReply {
            wall_ms: Some(15_020),
            ..HelloReply::default()
        };
        assert_eq!(Told::of(&hello, ASKED).clock, Some((5000, 20)));
        let silent = HelloReply::default();
        assert_eq!(Told::of(&silent, ASKED).clock, None);
        let absurd = HelloReply {
            wall_ms: Some(i64::MIN),
            ..HelloReply::default()
        };
        assert_eq!(Told::of(&absurd, ASKED).clock, Some((i64::MIN, 20)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut hello = HelloReply::default();
        hello.hello.software = Some("é".repeat(5000));
        hello.hello.abilities = Some((0..500).map(|n| format!("{n:0300}")).collect());
        let told = Told::of(&hello, ASKED);
        assert_eq!(
            told.software.map(|text| text.chars().count()),
            Some(LETTERS)
        );
        assert!(told.abilities.len() <= ABILITIES);
    }
}
