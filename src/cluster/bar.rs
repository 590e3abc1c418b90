//! Nodes whose work was found wrong get no more of it, until they are restarted.
//!
//! A bar holds for an address and an incarnation: taking leave and coming back does not lift it.

use std::collections::BTreeMap;

use super::Cluster;
use super::roster::{Health, NodeId};
use super::time::Time;

/// Most addresses remembered; beyond that, any of them gives way.
const MOST: usize = 4_096;

/// Which incarnation is barred at which address, and why.
#[derive(Clone, Debug, Default)]
pub(super) struct Bars {
    by_address: BTreeMap<String, (i64, String)>,
}

impl Cluster {
    /// The node of this incarnation at this address did wrong, for the reason given: what it has in hand is given to
    /// others, and it gets nothing new. Nothing happens to a node that was restarted since.
    pub fn bar(&mut self, now: Time, address: &str, incarnation: i64, reason: &str) {
        let bars = &mut self.roster.bars().by_address;
        if bars.len() >= MOST {
            bars.pop_first();
        }
        bars.insert(address.to_owned(), (incarnation, reason.to_owned()));
        let Some(id) = self.roster.find(address) else {
            return;
        };
        let current = self.roster.get(id).and_then(|node| node.greeting.as_ref());
        if let Some(current) = current.map(|greeting| greeting.incarnation) {
            self.hold_to_bar(id, current);
        }
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        if node.barred.is_none() {
            return;
        }
        if node.health == Health::Up {
            node.step_down(now, Health::Barred);
        }
        self.lose_attempts(now, id, "the node is barred");
    }

    /// Holds a node of this incarnation to the bar for its address, if there is one; another incarnation lifts it.
    pub(super) fn hold_to_bar(&mut self, id: NodeId, incarnation: i64) {
        let Some(address) = self.roster.get(id).map(|node| node.address.clone()) else {
            return;
        };
        let bars = &mut self.roster.bars().by_address;
        let bar = bars.remove(&address).filter(|(of, _)| *of == incarnation);
        let reason = bar.as_ref().map(|(_, reason)| reason.clone());
        if let Some(bar) = bar {
            bars.insert(address, bar);
        }
        if let Some(node) = self.roster.get_mut(id) {
            node.barred = reason;
        }
    }
}
