//! What to train: a run's plan, checked once and trusted afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::aggregate::{Robust, Rule};
use super::asynchrony::Asynchrony;
use super::attackers::Assault;
use super::cohort;
use super::normalise;
use super::schedule::Schedule;
use super::stragglers::Stragglers;
use super::strategy::Strategy;
use crate::ml::data::Standard;
use crate::ml::step_rule::{MAX_PULL, StepRule};
use crate::ml::training::Training;
use crate::seed::Seed;

/// Most rounds of a run.
pub const MOST_ROUNDS: u32 = 1_000_000;
/// Most shards of a run.
pub const MOST_SHARDS: u32 = 1_000_000;

/// Name of what a rule made of the round before.
const CENTRE: &str = "centre";

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
    /// Whether features are made comparable, and by what.
    pub standardise: Standardise,
}

/// Whether a run makes features comparable: mean 0 and deviation 1 over all rows that it trains on.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standardise {
    /// It takes them as they are.
    #[default]
    No,
    /// It does; means and deviations are yet to be found.
    Fit,
    /// It does, by these.
    By(Arc<Standard>),
}

impl Standardise {
    /// Means and deviations, once they are found.
    pub fn standard(&self) -> Option<&Standard> {
        match self {
            Standardise::By(standard) => Some(standard),
            Standardise::No | Standardise::Fit => None,
        }
    }
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
    /// The rule that takes the place of the mean.
    pub aggregator: Option<Robust>,
    /// For studies: shards that attack.
    pub assault: Option<Assault>,
    /// For studies: shards that do less than asked.
    pub stragglers: Option<Stragglers>,
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
    /// Whether the single updates of a round are needed, not only their sum.
    pub fn needs_singles(&self) -> bool {
        self.strategy.needs_singles() || self.aggregator.is_some() || self.assault.is_some()
    }

    /// Whether every shard is a task of its own.
    pub fn one_by_one(&self) -> bool {
        self.needs_singles() || self.stragglers.is_some()
    }

    /// The shards that are asked in a round that is not asynchronous.
    pub fn cohort_of(&self, round: u32, shards: usize) -> Vec<u32> {
        let cohort = self.sample(round, shards);
        match &self.stragglers {
            Some(stragglers) => stragglers.asked(cohort, self.seed, round),
            None => cohort,
        }
    }

    /// Shards that do fewer epochs in a round, and how many they do.
    pub fn stragglers_of(&self, round: u32, shards: usize) -> BTreeMap<u32, u32> {
        match &self.stragglers {
            Some(stragglers) if !stragglers.dropped => {
                let cohort = self.sample(round, shards);
                stragglers.among(&cohort, self.seed, round, self.training.epochs())
            }
            _ => BTreeMap::new(),
        }
    }

    fn sample(&self, round: u32, shards: usize) -> Vec<u32> {
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        cohort::sample(self.seed, round, shards, self.cohort)
    }

    /// The course of the rounds if they are asynchronous and there are shards enough.
    pub fn course(&self, shards: usize) -> Option<Asynchrony> {
        let how = self.strategy.buffered?;
        let shards = u32::try_from(shards).ok()?;
        how.check(shards).ok()?;
        Some(Asynchrony::new(how, self.seed, shards))
    }

    /// Rounds before the newest whose parameters may still be needed.
    pub fn looks_back(&self) -> u32 {
        self.strategy.buffered.map_or(0, |how| how.most_stale)
    }

    /// Names of the tensors that the server remembers from round to round: those of its step, and then what the
    /// rule made of the last round, if it begins from there.
    pub fn server_state(&self) -> Vec<&'static str> {
        let centre = self.begins_from_last().then_some(CENTRE);
        self.strategy
            .server
            .state()
            .iter()
            .copied()
            .chain(centre)
            .collect()
    }

    /// Whether the rule begins from what it made of the round before.
    pub fn begins_from_last(&self) -> bool {
        matches!(
            self.aggregator,
            Some(Robust {
                rule: Rule::CentredClipping { .. },
                ..
            })
        )
    }

    /// Whether anything is remembered from round to round besides the parameters.
    pub fn remembers(&self) -> bool {
        self.strategy.memory.is_some() || !self.server_state().is_empty()
    }

    /// What nodes do with a shard, the rate of the round aside: the strategy may add to it.
    pub fn local_training(&self) -> Training {
        let rule = StepRule {
            proximal: self.pull(),
            ..*self.training.rule()
        };
        let training = self.training.clone().with_rule(rule);
        training.unwrap_or_else(|_| self.training.clone())
    }

    /// Strength of the proximal term: the plan's and the strategy's.
    fn pull(&self) -> f64 {
        self.training.rule().proximal + self.strategy.proximal.unwrap_or(0.0)
    }

    /// Steps that a shard with so many rows makes in so many epochs.
    pub fn steps(&self, rows: u64, epochs: u32) -> u64 {
        let batch = match self.training.batch() {
            0 => rows.max(1),
            batch => u64::from(batch),
        };
        u64::from(epochs) * rows.div_ceil(batch)
    }

    /// Sum of the weights of the gradients in an update made of so many steps.
    pub fn gathered(&self, round: u32, steps: u64) -> f64 {
        let training = self.local_training();
        let rule = training.rule();
        let pull = rule.proximal * self.learning_rate(round);
        normalise::gathered(steps, rule.momentum, pull)
    }

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
        for (field, schedule) in [
            ("schedule", self.schedule),
            ("strategy", self.strategy.schedule),
        ] {
            let (warmup, rounds) = (schedule.warmup(), self.rounds);
            check(
                warmup == 0 || warmup < rounds,
                field,
                format!("a warm-up of {warmup} leaves none of {rounds} rounds"),
            );
        }
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
        let strategy = self.strategy.name();
        check(
            self.training.plateau().is_none() || !self.strategy.counts_steps(),
            "training.plateau",
            format!("{strategy} counts the steps of every shard, so none may stop early"),
        );
        let pull = self.pull();
        check(
            pull <= MAX_PULL,
            "training.proximal",
            format!("with that of {strategy} the proximal term is {pull}; at most {MAX_PULL}"),
        );
        if let Some(Stragglers { share, dropped }) = self.stragglers {
            let epochs = self.training.epochs();
            check(
                dropped || epochs > 1,
                "stragglers",
                format!(
                    "of {epochs} epoch none can be left undone; give more --epochs, or --drop-stragglers"
                ),
            );
            check(
                share > 0.0 && share <= 1.0,
                "stragglers",
                format!("{share} is not a share above 0 and up to 1"),
            );
            check(
                self.strategy.buffered.is_none(),
                "stragglers",
                format!("{strategy} has no rounds that could wait for them"),
            );
        }
        check(
            self.cohort.is_none() || self.strategy.buffered.is_none(),
            "cohort",
            format!(
                "{strategy} takes as many shards as its buffer holds; set `buffer` and `concurrency` of the strategy"
            ),
        );
        check(
            self.aggregator.is_none() || !self.strategy.needs_singles(),
            "aggregator",
            format!(
                "{strategy} is built on a mean; a robust rule goes with fedavg, fedavgm, fedprox and the adaptive ones"
            ),
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
