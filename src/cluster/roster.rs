//! The known nodes and what is known of them.

use std::collections::{BTreeMap, BTreeSet};

use super::bar::Bars;
use super::failure::Failure;
use super::time::Time;

/// A node, for as long as the coordinator runs. Never used again for another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Identifies one greeting or heartbeat, so that a late answer to an older one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BeatId(pub u64);

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Listed, never reached.
    New,
    /// Greeted, and its heartbeats arrive.
    Up,
    /// Not reachable; greeted again at intervals.
    Down,
    /// Finishes what it has and gets nothing new.
    Leaving,
    /// Its work was found wrong: it gets nothing until it is restarted.
    Barred,
}

/// What a node says of itself when it is greeted.
#[derive(Clone, Debug, PartialEq)]
pub struct Greeting {
    /// Drawn anew whenever the node starts.
    pub incarnation: i64,
    /// Attempts it takes at once.
    pub slots: u32,
    /// Names of the shards that only it, or a node with the same names, can train.
    pub hosted: BTreeSet<String>,
    /// Training speed by its own benchmark, rows per second.
    pub speed: Option<f64>,
}

/// What a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// As in its greeting; another value means that it was restarted.
    pub incarnation: i64,
    /// 0 idle to 1 fully busy.
    pub load: f64,
    /// It wants nothing new.
    pub leaving: bool,
}

/// Where a node came from; only nodes of the list disappear with the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the node list.
    Listed,
    /// Announced itself.
    Joined,
}

/// No names of shards.
pub(super) const NONE: &BTreeSet<String> = &BTreeSet::new();

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// `host:port`.
    pub address: String,
    /// Where it came from.
    pub origin: Origin,
    /// Where it stands.
    pub health: Health,
    /// What it last said of itself.
    pub greeting: Option<Greeting>,
    /// What its last heartbeat said.
    pub load: f64,
    /// Attempts in its hands.
    pub in_hand: u32,
    /// Attempts it answered, failed and refused.
    pub completed: u64,
    /// See `completed`.
    pub failed: u64,
    /// See `completed`.
    pub refused: u64,
    /// Its last failure and when.
    pub last_failure: Option<(Time, Failure)>,
    /// Why it gets no work, if it is or was barred in this incarnation.
    pub barred: Option<String>,
    /// When it last was given something, as a count of dispatches; 0 for never.
    pub last_chosen: u64,
    /// When it was last known to be up, if it no longer is.
    pub(super) last_up: Time,
    /// Greetings or heartbeats failed in a row.
    pub(super) misses: u32,
    /// The greeting or heartbeat under way.
    pub(super) asked: Option<BeatId>,
    /// A call to it broke; nothing new for it until it answers a heartbeat.
    pub(super) suspect: bool,
    /// It took its leave; only a new greeting or announcement brings it back.
    pub(super) took_leave: bool,
    /// Off the roster as soon as its hands are empty.
    pub(super) delisted: bool,
}

impl Node {
    fn new(address: String, origin: Origin) -> Node {
        Node {
            address,
            origin,
            health: Health::New,
            greeting: None,
            load: 0.0,
            in_hand: 0,
            completed: 0,
            failed: 0,
            refused: 0,
            last_failure: None,
            barred: None,
            last_chosen: 0,
            last_up: Time::default(),
            misses: 0,
            asked: None,
            suspect: false,
            took_leave: false,
            delisted: false,
        }
    }

    /// Whether nothing but its own heartbeat keeps it from work.
    pub(super) fn may_return(&self) -> bool {
        !self.delisted && !self.took_leave
    }

    /// It can be reached and wants work.
    pub(super) fn step_up(&mut self) {
        self.health = match self.barred {
            None => Health::Up,
            Some(_) => Health::Barred,
        };
    }

    /// It is up no longer.
    pub(super) fn step_down(&mut self, now: Time, health: Health) {
        if self.health == Health::Up {
            self.last_up = now;
        }
        self.health = health;
    }

    /// When it was last known to be up, if it was and no longer is.
    pub fn last_up(&self) -> Option<Time> {
        let gone = matches!(self.health, Health::Down | Health::Leaving);
        (gone && self.last_up != Time::default()).then_some(self.last_up)
    }

    /// Attempts it takes at once.
    pub fn slots(&self) -> u32 {
        self.greeting.as_ref().map_or(0, |g| g.slots)
    }

    /// Whether it is up and has a free slot.
    pub fn is_free(&self) -> bool {
        self.health == Health::Up && !self.suspect && self.in_hand < self.slots()
    }

    /// Whether it hosts the shard of this name.
    pub fn hosts(&self, name: &str) -> bool {
        self.hosted().contains(name)
    }

    /// Names of the shards it hosts.
    pub(super) fn hosted(&self) -> &BTreeSet<String> {
        self.greeting.as_ref().map_or(NONE, |g| &g.hosted)
    }
}

/// All nodes, by id.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    nodes: BTreeMap<NodeId, Node>,
    by_address: BTreeMap<String, NodeId>,
    /// Addresses of nodes whose work was found wrong.
    barred: Bars,
    next: u32,
}

impl Roster {
    /// Adds a node, or finds the known one at this address.
    pub(super) fn add(&mut self, address: &str, origin: Origin) -> NodeId {
        if let Some(&id) = self.by_address.get(address) {
            return id;
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, Node::new(address.to_owned(), origin));
        self.by_address.insert(address.to_owned(), id);
        id
    }

    /// Takes a node off the roster.
    pub(super) fn remove(&mut self, id: NodeId) -> Option<Node> {
        let node = self.nodes.remove(&id)?;
        self.by_address.remove(&node.address);
        Some(node)
    }

    pub(super) fn bars(&mut self) -> &mut Bars {
        &mut self.barred
    }

    /// The node of this id.
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// The node at this address.
    pub fn find(&self, address: &str) -> Option<NodeId> {
        self.by_address.get(address).copied()
    }

    /// All nodes, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(&id, node)| (id, node))
    }

    /// Nodes that are up.
    pub fn up(&self) -> usize {
        self.nodes
            .values()
            .filter(|node| node.health == Health::Up)
            .count()
    }

    /// Attempts that all nodes together take at once; of a node that was not asked yet, one.
    pub fn slots(&self) -> usize {
        self.nodes
            .values()
            .filter(|node| matches!(node.health, Health::New | Health::Up))
            .map(|node| node.slots().max(1) as usize)
            .sum()
    }

    /// Nodes that were neither reached yet nor found unreachable.
    pub fn untried(&self) -> usize {
        self.nodes
            .values()
            .filter(|node| node.health == Health::New)
            .count()
    }

    /// Nodes known.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no node is known.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
