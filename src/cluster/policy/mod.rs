//! Scheduling policies: which free node gets a task. One file each, one row each.

mod fastest;
mod least_loaded;
mod load_balancing;
mod power_of_two;
mod random;
mod round_robin;

use super::roster::NodeId;
use crate::seed::Stream;
use crate::spec::{Arguments, Row, SpecError, Table};

/// A free node, as a policy sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which node.
    pub node: NodeId,
    /// Attempts in its hands.
    pub in_hand: u32,
    /// Attempts it takes at once.
    pub slots: u32,
    /// 0 idle to 1 fully busy, by its last heartbeat.
    pub load: f64,
    /// Rows per second by its own benchmark.
    pub speed: Option<f64>,
    /// When it last was given something, as a count of dispatches; 0 for never.
    pub last_chosen: u64,
}

/// Chooses one of the candidates.
pub trait Policy: Send {
    /// The index of the chosen candidate. There is at least one, in the order of their ids.
    fn choose(&mut self, candidates: &[Candidate], stream: &mut Stream) -> usize;

    /// Whether a node may decline a task because of its load.
    fn nodes_may_refuse(&self) -> bool {
        false
    }
}

/// Every policy.
pub static POLICIES: Table<Box<dyn Policy>> = Table {
    kind: "policy",
    rows: &[
        random::ROW,
        load_balancing::ROW,
        round_robin::ROW,
        least_loaded::ROW,
        power_of_two::ROW,
        fastest::ROW,
    ],
};

/// A row without options.
const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    build: fn(&mut Arguments) -> Result<Box<dyn Policy>, SpecError>,
) -> Row<Box<dyn Policy>> {
    Row {
        name,
        aliases,
        value: "",
        help,
        options: &[],
        build,
    }
}

/// The index of the first candidate with the least key.
fn least<K: Ord>(candidates: &[Candidate], key: impl Fn(&Candidate) -> K) -> usize {
    let least = candidates.iter().enumerate().min_by_key(|(_, c)| key(c));
    least.map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    /// An idle node with four slots that was never used.
    pub(super) fn candidate(id: u32) -> Candidate {
        Candidate {
            node: NodeId(id),
            in_hand: 0,
            slots: 4,
            load: 0.0,
            speed: None,
            last_chosen: 0,
        }
    }

    /// What the policy of this name chooses first.
    pub(super) fn choose(policy: &str, candidates: &[Candidate]) -> usize {
        let mut policy = POLICIES.build(policy).expect("a known policy");
        let mut stream = Seed(1).stream(Purpose::Scheduling, 0, 0);
        policy.choose(candidates, &mut stream)
    }

    #[test]
    fn every_policy_chooses_among_the_candidates_and_spreads_work() {
        for row in POLICIES.rows {
            let mut policy = POLICIES.build(row.name).expect("a known policy");
            let mut stream = Seed(2).stream(Purpose::Scheduling, 0, 0);
            let mut nodes: Vec<Candidate> = (0..3).map(candidate).collect();
            for turn in 1..=60 {
                let at = policy.choose(&nodes, &mut stream);
                nodes[at].in_hand += 1;
                nodes[at].last_chosen = turn;
            }
            for node in &nodes {
                assert!(node.in_hand >= 8, "{}: {nodes:?}", row.name);
            }
        }
    }
}
