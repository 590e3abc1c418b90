//! What each node did for a round: told in its report, and of no influence on anything.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::Trained;

/// Nodes that a report names: those that trained most rows.
const MOST_NAMED: usize = 64;

/// What a node did for a round. Training that was in vain counts too: shards may be more than those that counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Its address.
    pub node: String,
    /// Shards it trained.
    pub shards: u32,
    /// Rows of these.
    pub rows: u64,
    /// Time it had its attempts in hand, from dispatch to answer, also those that failed; of several at once the sum.
    pub busy: Duration,
    /// Attempts that failed.
    pub failures: u32,
    /// Attempts it declined.
    pub refusals: u32,
}

impl Contribution {
    /// Adds an answered attempt, held for so long.
    pub(super) fn trained(&mut self, shards: &[Trained], held: Duration) {
        self.shards += u32::try_from(shards.len()).unwrap_or(u32::MAX);
        self.rows += shards.iter().map(|shard| shard.rows).sum::<u64>();
        self.busy += held;
    }
}

/// The contributions to a round under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Contributions(BTreeMap<String, Contribution>);

impl Contributions {
    /// What is known of this node, to be added to.
    pub(super) fn of(&mut self, node: &str) -> &mut Contribution {
        let new = || Contribution {
            node: node.to_owned(),
            ..Contribution::default()
        };
        self.0.entry(node.to_owned()).or_insert_with(new)
    }

    /// By address; of very many nodes those that did most.
    pub(super) fn told(&self) -> Vec<Contribution> {
        let mut told: Vec<Contribution> = self.0.values().cloned().collect();
        told.sort_by_key(|did| std::cmp::Reverse(did.rows));
        told.truncate(MOST_NAMED);
        told.sort_by(|one, other| one.node.cmp(&other.node));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_by_address_and_of_many_those_that_did_most() {
        let mut all = Contributions::default();
        for node in 0..MOST_NAMED as u64 + 2 {
            all.of(&format!("node{node:03}")).rows += 1_000 - node;
        }
        all.of("node005").failures += 1;
        let told = all.told();
        assert_eq!(told.len(), MOST_NAMED);
        assert_eq!((told[5].node.as_str(), told[5].failures), ("node005", 1));
        assert_eq!(told[MOST_NAMED - 1].node, "node063");
    }
}
