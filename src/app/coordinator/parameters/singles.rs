//! The updates of a round one by one, for strategies that need more than their sum.
//!
//! They are combined in the order of the shards, so that who answered first changes no bit.

use std::collections::BTreeMap;
use std::io;

use super::values::each;
use crate::app::held::Held;
use crate::fed::Plan;
use crate::fed::asynchrony::Asynchrony;
use crate::ml::layout::DType;

/// What came of one shard.
#[derive(Debug)]
pub struct Single {
    pub rows: u64,
    /// Local steps it was made by.
    pub steps: u64,
    pub update: Held,
}

/// What came of all shards that counted.
#[derive(Debug, Default)]
pub struct Singles(BTreeMap<u32, Single>);

impl Singles {
    pub fn add(&mut self, shard: u32, rows: u64, steps: u64, update: Held) {
        let single = Single {
            rows,
            steps,
            update,
        };
        self.0.insert(shard, single);
    }

    /// Puts another update in the place of a shard's.
    pub fn replace(&mut self, shard: u32, update: Held) {
        if let Some(single) = self.0.get_mut(&shard) {
            single.update = update;
        }
    }

    pub fn remove(&mut self, shard: u32) {
        self.0.remove(&shard);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Single)> {
        self.0.iter().map(|(shard, single)| (*shard, single))
    }

    /// What each update is multiplied by, for their mean as the strategy has it.
    pub fn shares(&self, plan: &Plan, course: Option<&Asynchrony>, round: u32) -> Vec<f64> {
        if let (Some(how), Some(course)) = (plan.strategy.buffered, course) {
            // By the size of the buffer, as in the paper, not by the sum of the weights.
            let count = self.0.len() as f64;
            let weight = |shard: &u32| how.weight(course.staleness(*shard)) / count;
            return self.0.keys().map(weight).collect();
        }
        let weight = |single: &Single| plan.strategy.weight(single.rows);
        let total: u64 = self.0.values().map(weight).sum();
        let share = |single| weight(single) as f64 / total.max(1) as f64;
        let shares: Vec<f64> = self.0.values().map(share).collect();
        if !plan.strategy.normalised {
            return shares;
        }
        let gathered: Vec<f64> = self
            .0
            .values()
            .map(|s| plan.gathered(round, s.steps))
            .collect();
        let pairs = || shares.iter().zip(&gathered);
        let together: f64 = pairs().map(|(share, gathered)| share * gathered).sum();
        pairs()
            .map(|(share, gathered)| share * together / gathered)
            .collect()
    }

    /// What each update is multiplied by, for the mean of the slopes the shards saw: an update is the sum of its steps
    /// against the slope, each with the weight that momentum and proximal term leave it.
    pub fn slopes(&self, plan: &Plan, round: u32) -> Vec<f64> {
        let count = self.0.len() as f64;
        let length = plan.learning_rate(round);
        let slope = |one: &Single| -1.0 / (count * plan.gathered(round, one.steps) * length);
        self.0.values().map(slope).collect()
    }

    /// Adds a piece of every update to `sum`, each multiplied by its factor.
    pub fn combine(
        &self,
        factors: &[f64],
        dtype: DType,
        piece: usize,
        sum: &mut [f64],
    ) -> io::Result<()> {
        for (single, factor) in self.0.values().zip(factors) {
            let bytes = single.update.piece(piece)?;
            each(dtype, &bytes, sum, |sum, value| *sum += factor * value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::fed::strategy::STRATEGIES;
    use crate::ml::step_rule::StepRule;
    use crate::wire::convert::plan;
    use crate::wire::stubs::coordinator;

    fn plan_of(strategy: &str) -> Plan {
        let (plan, _) = plan::read(&coordinator::Plan::default()).unwrap();
        let strategy = STRATEGIES.build(strategy).unwrap();
        Plan { strategy, ..plan }
    }

    fn held(values: &[f32]) -> Held {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        Bytes::from(bytes).into()
    }

    fn singles() -> Singles {
        let mut singles = Singles::default();
        // With five epochs in batches of ten, 5 and 15 steps.
        singles.add(9, 30, 15, held(&[3.0, -6.0]));
        singles.add(2, 10, 5, held(&[1.0, 2.0]));
        singles
    }

    #[test]
    fn shares_are_by_rows_or_equal_in_the_order_of_the_shards() {
        let singles = singles();
        assert_eq!(singles.shares(&plan_of("fedavg"), None, 1), [0.25, 0.75]);
        assert_eq!(singles.shares(&plan_of("scaffold"), None, 1), [0.5, 0.5]);
        let mut mean = [0.0; 2];
        let shares = singles.shares(&plan_of("fedavg"), None, 1);
        singles.combine(&shares, DType::F32, 0, &mut mean).unwrap();
        assert_eq!(mean, [2.5, -4.0]);
    }

    #[test]
    fn normalised_shares_are_those_of_equal_numbers_of_steps() {
        // (1/4 * 5 + 3/4 * 15) = 12.5 steps; 1/4 * 12.5 / 5 and 3/4 * 12.5 / 15.
        assert_eq!(
            singles().shares(&plan_of("fednova"), None, 1),
            [0.625, 0.625]
        );
    }

    #[test]
    fn slopes_are_updates_by_their_steps() {
        let plan = plan_of("scaffold");
        let rate = plan.learning_rate(1);
        let slopes = [-1.0 / (2.0 * 5.0 * rate), -1.0 / (2.0 * 15.0 * rate)];
        assert_eq!(singles().slopes(&plan, 1), slopes);
    }

    #[test]
    fn slopes_count_what_momentum_adds() {
        let mut plan = plan_of("scaffold");
        let momentum = StepRule {
            momentum: 0.5,
            ..*plan.training.rule()
        };
        plan.training = plan.training.clone().with_rule(momentum).unwrap();
        let mut singles = Singles::default();
        singles.add(1, 3, 3, held(&[1.0]));
        let rate = plan.learning_rate(1);
        assert_eq!(singles.slopes(&plan, 1), [-1.0 / (4.25 * rate)]);
    }
}
