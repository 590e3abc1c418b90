//! What to train: a run's plan, checked once and trusted afterwards.

use super::schedule::Schedule;
use super::strategy::Strategy;
use crate::ml::training::Training;
use crate::seed::Seed;

/// Most rounds of a run.
pub const MOST_ROUNDS: u32 = 1_000_000;
/// Most shards of a run.
pub const MOST_SHARDS: u32 = 1_000_000;

/// Where the rows come from and how they are cut.
#[derive(Clone, Debug, PartialEq)]
pub struct DataPlan {
    /// `builtin:digits`, `synthetic:...`, `path:...`, `ship:...` or `private:`.
    pub spec: String,
    /// How rows become shards; where it is left open, as the source has it or by chance.
    pub partition: Option<String>,
    /// Number of shards; where it is left open, as the source has it or a few.
    pub shards: Option<u32>,
    /// Share of the rows held out, where the source does not say.
    pub held_out: f64,
}

/// A run's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// A model's spec.
    pub model: String,
    /// The rows.
    pub data: DataPlan,
    /// Rounds to do.
    pub rounds: u32,
    /// What nodes do with a shard; its learning rate is what the schedule starts from.
    pub training: Training,
    /// How the learning rate goes from round to round.
    pub schedule: Schedule,
    /// How updates become a step.
    pub strategy: Strategy,
    /// Every random choice comes from it.
    pub seed: Seed,
    /// Shards sampled for a round; all if none.
    pub cohort: Option<u32>,
    /// Share of the cohort that must count, above 0 and up to 1. None leaves it to the coordinator.
    pub quorum: Option<f64>,
    /// How updates travel: a codec's spec.
    pub codec: String,
    /// No value of an update may lie beyond this, either way.
    pub largest_update: f64,
}

/// One thing wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, for example `plan.rounds`.
    pub field: String,
    /// What is wrong, with the value and what is allowed.
    pub message: String,
}

impl Plan {
    /// The learning rate of a round.
    pub fn learning_rate(&self, round: u32) -> f64 {
        let given = self.training.learning_rate();
        self.schedule.rate(given, round, self.rounds)
    }

    /// Everything wrong with the numbers of this plan, all at once.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let shards = self.data.shards;
        let mut check = |good: bool, field: &str, message: String| {
            if !good {
                let field = format!("plan.{field}");
                problems.push(Problem { field, message });
            }
        };
        check(
            (1..=MOST_ROUNDS).contains(&self.rounds),
            "rounds",
            format!("{} is not between 1 and {MOST_ROUNDS}", self.rounds),
        );
        let warmup = self.schedule.warmup();
        check(
            warmup == 0 || warmup < self.rounds,
            "schedule",
            format!(
                "a warm-up of {warmup} leaves none of {} rounds",
                self.rounds
            ),
        );
        check(
            shards.is_none_or(|shards| (1..=MOST_SHARDS).contains(&shards)),
            "data.shards",
            format!("{} is not between 1 and {MOST_SHARDS}", shards.unwrap_or(0)),
        );
        check(
            (0.0..1.0).contains(&self.data.held_out),
            "data.held_out",
            format!("{} is not a share below 1", self.data.held_out),
        );
        check(
            self.cohort != Some(0),
            "cohort",
            "0 shards cannot train anything".to_owned(),
        );
        if let Some(quorum) = self.quorum {
            check(
                quorum > 0.0 && quorum <= 1.0,
                "quorum",
                format!("{quorum} is not a share above 0 and up to 1"),
            );
        }
        check(
            self.largest_update.is_finite() && self.largest_update > 0.0,
            "largest_update",
            format!("{} is not a positive number", self.largest_update),
        );
        problems
    }
}
