//! Audits: some training tasks are done by two nodes, and what they bring is compared.
//!
//! Training a shard gives the same bytes on every honest node. So two different results mean that one of two nodes is
//! wrong, and a third says which: what two nodes brought alike counts, whoever brought something else is barred. The
//! result of a run does not depend on which tasks are drawn.

use std::collections::BTreeSet;

use super::event::Fingerprint;
use crate::seed::{Purpose, Seed};

/// Nodes asked about one task, at most.
const MOST: usize = 5;

/// Which tasks are audited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    /// Of all tasks, 0 to 1.
    pub(super) share: f64,
    /// The coordinator's. Nodes know the seed of a run, and could tell from that alone when to be honest.
    pub(super) seed: Seed,
}

impl Draw {
    /// Whether to audit the task that begins with this shard.
    pub(super) fn takes(&self, run: Seed, round: u32, shard: u32) -> bool {
        let seed = Seed(self.seed.0 ^ run.0);
        let mut stream = seed.stream(Purpose::Audit, round, u64::from(shard));
        self.share > 0.0 && stream.chance(self.share)
    }
}

/// What one node brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Testimony {
    pub(super) address: String,
    pub(super) incarnation: i64,
    pub(super) fingerprint: Fingerprint,
}

/// What was brought so far for an audited task; no two alike.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    heard: Vec<Testimony>,
}

/// What follows from one more testimony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is like that of this node; the others were different.
    Agreed { with: String, liars: Vec<Testimony> },
    /// It is like none before: another node is to be asked.
    Open,
    /// As many nodes as may be asked brought as many results.
    Undecided,
}

impl Audit {
    /// Takes in what one more node brought.
    pub(super) fn hear(&mut self, new: Testimony) -> Finding {
        let alike = |old: &Testimony| old.fingerprint == new.fingerprint;
        if let Some(at) = self.heard.iter().position(alike) {
            let with = self.heard.swap_remove(at).address;
            let liars = std::mem::take(&mut self.heard);
            return Finding::Agreed { with, liars };
        }
        self.heard.push(new);
        if self.heard.len() < MOST {
            Finding::Open
        } else {
            Finding::Undecided
        }
    }

    /// Forgets what this node brought.
    pub(super) fn strike(&mut self, address: &str) {
        self.heard.retain(|heard| heard.address != address);
    }

    /// Who was heard.
    pub(super) fn nodes(&self) -> BTreeSet<String> {
        self.heard.iter().map(|one| one.address.clone()).collect()
    }

    /// Results so far, all different.
    pub(super) fn results(&self) -> usize {
        self.heard.len()
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, result: u8) -> Testimony {
        Testimony {
            address: address.to_owned(),
            incarnation: 1,
            fingerprint: [result; 32],
        }
    }

    #[test]
    fn two_alike_decide_and_the_others_lied() {
        let mut audit = Audit::default();
        assert_eq!(audit.hear(of("a", 1)), Finding::Open);
        assert_eq!(audit.hear(of("b", 2)), Finding::Open);
        assert_eq!(audit.hear(of("c", 3)), Finding::Open);
        assert_eq!(listed(&audit.nodes()), "a, b and c");
        let Finding::Agreed { with, liars } = audit.hear(of("d", 2)) else {
            panic!("b and d agree");
        };
        assert_eq!(with, "b");
        let liars: BTreeSet<String> = liars.into_iter().map(|liar| liar.address).collect();
        assert_eq!(listed(&liars), "a and c");
    }

    #[test]
    fn what_is_struck_counts_no_more() {
        let mut audit = Audit::default();
        audit.hear(of("a", 1));
        audit.strike("a");
        assert_eq!(audit.hear(of("b", 1)), Finding::Open);
        let (with, liars) = ("b".to_owned(), Vec::new());
        assert_eq!(audit.hear(of("c", 1)), Finding::Agreed { with, liars });
    }

    #[test]
    fn asking_ends() {
        let mut audit = Audit::default();
        for result in 1..MOST {
            assert_eq!(audit.hear(of("a", result as u8)), Finding::Open);
        }
        assert_eq!(audit.hear(of("z", 0)), Finding::Undecided);
    }

    #[test]
    fn tasks_are_drawn_as_often_as_asked_and_the_same_every_time() {
        let drawn = |share| {
            let draw = Draw {
                share,
                seed: Seed(3),
            };
            let takes = |&shard: &u32| draw.takes(Seed(7), 1, shard);
            (0..2_000).filter(takes).collect::<Vec<u32>>()
        };
        assert_eq!((drawn(0.0).len(), drawn(1.0).len()), (0, 2_000));
        // 200 are expected; the standard deviation is 13.
        assert!((140..260).contains(&drawn(0.1).len()));
        assert_eq!(drawn(0.1), drawn(0.1));
    }
}
