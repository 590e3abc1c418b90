//! One round under way: which shards were asked, which counted, which did not.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::Robust;
use super::contribution::Contributions;
use super::event::{Shard, Trained};
use super::plan::Plan;
use super::report::{Omission, RoundReport};
use super::strategy::Strategy;
use crate::cluster::Time;
use crate::ml::metrics::Metrics;

/// Below quorum, the shards that are missing are asked so many more times.
const SECOND_CHANCES: u32 = 2;

/// What a round needs next, once no shard is out any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Shards are still out.
    Open,
    /// Enough counted: make the step with this sum of weights.
    Step {
        /// Sum of the weights folded.
        weight: u64,
    },
    /// Too few counted: ask for these shards again.
    AskAgain(Vec<u32>),
    /// Too few counted, and they were asked often enough.
    BelowQuorum {
        /// Shards that counted.
        counted: usize,
        /// Shards needed.
        needed: usize,
    },
}

/// A round, from its first task to its report.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) number: u32,
    pub(super) started: Time,
    cohort: Vec<u32>,
    out: BTreeSet<u32>,
    counted: BTreeMap<u32, Trained>,
    omitted: BTreeMap<u32, String>,
    weight: u64,
    chances: u32,
    /// Nodes whose updates counted without those of another beside.
    unaudited: BTreeSet<String>,
    /// Shards that counted after two nodes had brought the same.
    audited: u32,
    /// How often it was begun anew.
    pub(super) anew: u32,
    pub(super) retries: u32,
    pub(super) refusals: u32,
    /// Shards that the rule did not trust.
    pub(super) suspects: Vec<u32>,
    /// What each node did.
    pub(super) nodes: Contributions,
}

impl Round {
    pub(super) fn new(number: u32, started: Time, cohort: Vec<u32>) -> Round {
        Round {
            number,
            started,
            out: cohort.iter().copied().collect(),
            cohort,
            counted: BTreeMap::new(),
            omitted: BTreeMap::new(),
            weight: 0,
            chances: SECOND_CHANCES,
            unaudited: BTreeSet::new(),
            audited: 0,
            anew: 0,
            retries: 0,
            refusals: 0,
            suspects: Vec::new(),
            nodes: Contributions::default(),
        }
    }

    /// The same with nothing counted yet.
    pub(super) fn begun_anew(self) -> Round {
        Round {
            anew: self.anew + 1,
            retries: self.retries,
            refusals: self.refusals,
            nodes: self.nodes,
            ..Round::new(self.number, self.started, self.cohort)
        }
    }

    pub(super) fn cohort(&self) -> &[u32] {
        &self.cohort
    }

    /// Shards of the cohort, those that counted, and those still out.
    pub(super) fn progress(&self) -> (usize, usize, usize) {
        (self.cohort.len(), self.counted.len(), self.out.len())
    }

    /// Whether it has counted something that this node brought and no other one beside.
    pub(super) fn rests_on(&self, address: &str) -> bool {
        self.unaudited.contains(address)
    }

    /// Takes in the updates of these shards, all or none, and says what they weigh together. A shard counts once. They
    /// come from one node `alone`, or from two that brought the same.
    pub(super) fn count(
        &mut self,
        shards: &[u32],
        trained: &[Trained],
        strategy: Strategy,
        alone: Option<&str>,
    ) -> Option<u64> {
        if !shards.iter().all(|shard| self.out.contains(shard)) {
            return None;
        }
        let mut weight = 0;
        for (shard, trained) in shards.iter().zip(trained) {
            self.out.remove(shard);
            self.counted.insert(*shard, *trained);
            weight += strategy.weight(trained.rows);
        }
        self.weight += weight;
        match alone {
            Some(address) if self.unaudited.contains(address) => {}
            Some(address) => drop(self.unaudited.insert(address.to_owned())),
            None => self.audited += shards.len() as u32,
        }
        Some(weight)
    }

    /// The shard is left out, for this reason.
    pub(super) fn omit(&mut self, shard: u32, reason: String) {
        if self.out.remove(&shard) {
            self.omitted.insert(shard, reason);
        }
    }

    /// What to do next, at a quorum that is a share of the cohort, and with a rule that may need more.
    pub(super) fn verdict(&mut self, quorum: f64, rule: Option<&Robust>) -> Verdict {
        if !self.out.is_empty() {
            return Verdict::Open;
        }
        let counted = self.counted.len();
        let suits = |updates: usize| rule.is_none_or(|rule| rule.check(updates).is_ok());
        let quorum = needed(self.cohort.len(), quorum);
        if counted >= quorum && self.weight > 0 && suits(counted) {
            return Verdict::Step {
                weight: self.weight,
            };
        }
        if self.chances == 0 || self.omitted.is_empty() {
            let needed = (quorum..self.cohort.len()).find(|&updates| suits(updates));
            let needed = needed.unwrap_or(self.cohort.len());
            return Verdict::BelowQuorum { counted, needed };
        }
        self.chances -= 1;
        let again: Vec<u32> = std::mem::take(&mut self.omitted).into_keys().collect();
        self.out = again.iter().copied().collect();
        Verdict::AskAgain(again)
    }

    /// Why shards were left out, for an error; the first few are enough.
    pub(super) fn reasons(&self, shards: &[Shard]) -> String {
        let lines: Vec<String> = self
            .omitted
            .iter()
            .take(3)
            .map(|(&shard, reason)| format!("`{}`: {reason}", shards[shard as usize].name))
            .collect();
        lines.join("; ")
    }

    /// The report of the finished round.
    pub(super) fn report(
        &self,
        now: Time,
        plan: &Plan,
        shards: &[Shard],
        metrics: Option<Metrics>,
        digest: [u8; 32],
    ) -> RoundReport {
        let rows: u64 = self.counted.values().map(|counted| counted.rows).sum();
        let weight = |counted: &Trained| plan.strategy.weight(counted.rows) as f64;
        // In the order of the shards, so that the digits do not depend on who answered first.
        let losses: f64 = self.counted.values().map(|c| c.loss * weight(c)).sum();
        RoundReport {
            round: self.number,
            metrics,
            training_loss: losses / self.weight as f64,
            asked: u32::try_from(self.cohort.len()).unwrap_or(u32::MAX),
            counted: u32::try_from(self.counted.len()).unwrap_or(u32::MAX),
            omitted: self
                .omitted
                .iter()
                .map(|(&shard, reason)| Omission {
                    shard: shards[shard as usize].name.clone(),
                    reason: reason.clone(),
                })
                .collect(),
            rows,
            took: now.since(self.started),
            retries: self.retries,
            refusals: self.refusals,
            audited: self.audited,
            suspects: self
                .suspects
                .iter()
                .map(|&shard| shards[shard as usize].name.clone())
                .collect(),
            nodes: self.nodes.told(),
            digest,
        }
    }
}

/// Shards that must count: the share rounded up, and one at least. What a share in binary is too large by, 0.55 of 100
/// for example, asks for no shard more.
fn needed(cohort: usize, quorum: f64) -> usize {
    let share = cohort as f64 * quorum * (1.0 - f64::EPSILON);
    (share.ceil() as usize).clamp(1, cohort.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fed::aggregate::RULES;
    use crate::fed::strategy::STRATEGIES;

    fn round() -> Round {
        Round::new(1, Time(0), vec![0, 1, 2, 3])
    }

    fn count(round: &mut Round, shards: &[u32], rows: u64) -> Option<u64> {
        let strategy = STRATEGIES.build("fedavg").unwrap();
        let trained = vec![Trained { rows, loss: 1.0 }; shards.len()];
        round.count(shards, &trained, strategy, Some("a"))
    }

    #[test]
    fn begun_anew_nothing_counts_and_what_it_cost_is_kept() {
        let mut round = round();
        round.retries = 2;
        count(&mut round, &[0, 1], 10);
        assert!(round.rests_on("a") && !round.rests_on("b"));
        let round = round.begun_anew();
        assert_eq!(round.progress(), (4, 0, 4));
        assert_eq!((round.anew, round.retries), (1, 2));
        assert!(!round.rests_on("a"));
    }

    #[test]
    fn a_shard_counts_once() {
        let mut round = round();
        assert_eq!(count(&mut round, &[2], 10), Some(10));
        assert_eq!(count(&mut round, &[2], 10), None, "again");
        assert_eq!(count(&mut round, &[9], 10), None, "not in the cohort");
        assert_eq!(count(&mut round, &[1, 2], 10), None, "one of them again");
        assert_eq!(round.verdict(0.5, None), Verdict::Open);
        assert_eq!(round.progress(), (4, 1, 3));
        assert_eq!(count(&mut round, &[0, 1], 10), Some(20));
        assert_eq!(round.progress(), (4, 3, 1));
    }

    #[test]
    fn below_quorum_only_the_missing_are_asked_again() {
        let mut round = round();
        assert_eq!(count(&mut round, &[0], 10), Some(10));
        for shard in 1..4 {
            round.omit(shard, "its node died".to_owned());
        }
        assert_eq!(round.verdict(0.5, None), Verdict::AskAgain(vec![1, 2, 3]));
        assert_eq!(count(&mut round, &[3], 5), Some(5));
        round.omit(1, "again".to_owned());
        round.omit(2, "again".to_owned());
        assert_eq!(round.verdict(0.5, None), Verdict::Step { weight: 15 });
    }

    #[test]
    fn chances_end() {
        let mut round = Round::new(1, Time(0), vec![0]);
        for _ in 0..SECOND_CHANCES {
            round.omit(0, "no".to_owned());
            assert_eq!(round.verdict(1.0, None), Verdict::AskAgain(vec![0]));
        }
        round.omit(0, "no".to_owned());
        let (counted, needed) = (0, 1);
        assert_eq!(
            round.verdict(1.0, None),
            Verdict::BelowQuorum { counted, needed }
        );
    }

    #[test]
    fn a_rule_may_need_more_than_the_quorum() {
        let rule = RULES.build("trimmed-mean:f=1").unwrap();
        let mut round = round();
        count(&mut round, &[0, 1], 10);
        round.omit(2, "its node died".to_owned());
        round.omit(3, "its node died".to_owned());
        assert_eq!(
            round.verdict(0.5, Some(&rule)),
            Verdict::AskAgain(vec![2, 3])
        );
        count(&mut round, &[3], 10);
        round.omit(2, "again".to_owned());
        assert_eq!(
            round.verdict(0.5, Some(&rule)),
            Verdict::Step { weight: 30 }
        );
    }

    #[test]
    fn shards_without_rows_end_the_round() {
        let mut round = Round::new(1, Time(0), vec![0]);
        count(&mut round, &[0], 0);
        let (counted, needed) = (1, 1);
        let verdict = Verdict::BelowQuorum { counted, needed };
        assert_eq!(round.verdict(0.5, None), verdict);
    }

    #[test]
    fn quorum_rounds_up_and_is_one_at_least() {
        assert_eq!(needed(4, 0.5), 2);
        assert_eq!(needed(5, 0.5), 3);
        assert_eq!(needed(5, 1.0), 5);
        assert_eq!(needed(100, 0.001), 1);
        assert_eq!((needed(100, 0.55), needed(100, 0.07)), (55, 7));
    }
}
