//! Plans as the JSON in which the journal and model files keep them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fed::aggregate::RULES;
use crate::fed::schedule::{SCHEDULES, Schedule};
use crate::fed::strategy::STRATEGIES;
use crate::fed::{Assault, DataPlan, Plan, Standardise, Stragglers};
use crate::ml::data::Standard;
use crate::ml::step_rule::StepRule;
use crate::ml::training::Training;
use crate::seed::Seed;

/// A plan as JSON, for the metadata of model files.
pub fn plan_json(plan: &Plan) -> String {
    serde_json::to_string(&PlanJson::of(plan)).unwrap_or_default()
}

/// The plan in JSON of [`plan_json`].
pub(super) fn read_plan(text: &str) -> Result<Plan, String> {
    let read: PlanJson = serde_json::from_str(text).map_err(|error| error.to_string())?;
    read.read()
}

#[derive(Serialize, Deserialize)]
pub(super) struct PlanJson {
    model: String,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<u32>,
    held_out: f64,
    /// Means and deviations, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standard: Option<String>,
    rounds: u32,
    epochs: u32,
    batch: u32,
    learning_rate: f64,
    objective: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plateau: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proximal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    strategy: String,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cohort: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorum: Option<f64>,
    codec: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attack: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attackers: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stragglers: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop_stragglers: Option<bool>,
    largest_update: f64,
}

impl PlanJson {
    pub(super) fn of(plan: &Plan) -> PlanJson {
        let rule = plan.training.rule();
        let used = |value: f64| (value != 0.0).then_some(value);
        let schedule = plan.schedule;
        PlanJson {
            model: plan.model.clone(),
            data: plan.data.spec.clone(),
            partition: plan.data.partition.clone(),
            shards: plan.data.shards,
            held_out: plan.data.held_out,
            standard: plan
                .data
                .standardise
                .standard()
                .map(|s| hex::encode(s.to_bytes())),
            rounds: plan.rounds,
            epochs: plan.training.epochs(),
            batch: plan.training.batch(),
            learning_rate: plan.training.learning_rate(),
            objective: plan.training.objective_spec().to_owned(),
            plateau: plan.training.plateau(),
            momentum: used(rule.momentum),
            weight_decay: used(rule.weight_decay),
            proximal: used(rule.proximal),
            schedule: (!schedule.is_constant()).then(|| schedule.to_string()),
            strategy: plan.strategy.to_string(),
            seed: plan.seed.0,
            cohort: plan.cohort,
            quorum: plan.quorum,
            codec: plan.codec.clone(),
            aggregator: plan.aggregator.map(|rule| rule.to_string()),
            attack: plan.assault.as_ref().map(|assault| assault.attack.clone()),
            attackers: plan.assault.as_ref().map(|assault| assault.share),
            stragglers: plan.stragglers.map(|stragglers| stragglers.share),
            drop_stragglers: plan.stragglers.map(|stragglers| stragglers.dropped),
            largest_update: plan.largest_update,
        }
    }

    pub(super) fn read(self) -> Result<Plan, String> {
        let training = Training::new(
            self.epochs,
            self.batch,
            self.learning_rate,
            &self.objective,
            self.plateau,
        );
        let rule = StepRule {
            momentum: self.momentum.unwrap_or(0.0),
            weight_decay: self.weight_decay.unwrap_or(0.0),
            proximal: self.proximal.unwrap_or(0.0),
        };
        let training = training.and_then(|training| training.with_rule(rule));
        let schedule = match &self.schedule {
            None => Ok(Schedule::default()),
            Some(spec) => SCHEDULES.build(spec),
        };
        let plan = Plan {
            model: self.model,
            data: DataPlan {
                spec: self.data,
                partition: self.partition,
                shards: self.shards,
                held_out: self.held_out,
                standardise: match &self.standard {
                    None => Standardise::No,
                    Some(text) => {
                        let bytes = hex::decode(text).map_err(|error| error.to_string())?;
                        Standardise::By(Arc::new(Standard::from_bytes(&bytes)?))
                    }
                },
            },
            rounds: self.rounds,
            training: training.map_err(|error| error.to_string())?,
            schedule: schedule.map_err(|error| error.to_string())?,
            strategy: STRATEGIES
                .build(&self.strategy)
                .map_err(|error| error.to_string())?,
            seed: Seed(self.seed),
            cohort: self.cohort,
            quorum: self.quorum,
            codec: self.codec,
            aggregator: match &self.aggregator {
                Some(rule) => Some(RULES.build(rule).map_err(|error| error.to_string())?),
                None => None,
            },
            assault: self.attack.map(|attack| Assault {
                attack,
                share: self.attackers.unwrap_or(0.0),
            }),
            stragglers: self.stragglers.map(|share| Stragglers {
                share,
                dropped: self.drop_stragglers.unwrap_or(false),
            }),
            largest_update: self.largest_update,
        };
        match plan.problems().first() {
            Some(problem) => Err(format!("{}: {}", problem.field, problem.message)),
            None => Ok(plan),
        }
    }
}
