//! Records of a run, as the JSON in which the journal keeps them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fed::aggregate::RULES;
use crate::fed::schedule::{SCHEDULES, Schedule};
use crate::fed::strategy::STRATEGIES;
use crate::fed::{Assault, DataPlan, Ending, Omission, Plan, Report, RoundReport};
use crate::ml::step_rule::StepRule;
use crate::ml::training::Training;
use crate::seed::Seed;

mod metrics;

use metrics::{MetricsJson, float};

/// One record: an entry of a run's log, the first with the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Number of the entry, from 1.
    pub number: u64,
    /// What it says.
    pub what: What,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The run was accepted, at this time (milliseconds since 1970, for people and for the order of lists).
    Accepted(Box<Plan>, u64),
    /// A round is finished.
    Round(RoundReport),
    /// What the run waited for or survived.
    Notice(String),
    /// It ended.
    Ended(Ending),
}

impl Record {
    /// The JSON of a record, on one line.
    pub(super) fn to_json(&self) -> String {
        let what = match &self.what {
            What::Accepted(plan, at) => WhatJson::Accepted {
                at: *at,
                plan: PlanJson::of(plan),
            },
            What::Round(report) => WhatJson::Round(RoundJson::of(report)),
            What::Notice(text) => WhatJson::Notice(text.clone()),
            What::Ended(ending) => WhatJson::Ended(EndingJson::of(ending)),
        };
        let number = self.number;
        serde_json::to_string(&RecordJson { number, what }).unwrap_or_default()
    }

    /// The record in a line of JSON.
    pub(super) fn from_json(text: &str) -> Result<Record, String> {
        let read: RecordJson = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let what = match read.what {
            WhatJson::Accepted { at, plan } => What::Accepted(Box::new(plan.read()?), at),
            WhatJson::Round(round) => What::Round(round.read()?),
            WhatJson::Notice(text) => What::Notice(text),
            WhatJson::Ended(ending) => What::Ended(ending.read()?),
        };
        Ok(Record {
            number: read.number,
            what,
        })
    }
}

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
struct RecordJson {
    number: u64,
    #[serde(flatten)]
    what: WhatJson,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WhatJson {
    Accepted { at: u64, plan: PlanJson },
    Round(RoundJson),
    Notice(String),
    Ended(EndingJson),
}

#[derive(Serialize, Deserialize)]
struct PlanJson {
    model: String,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<u32>,
    held_out: f64,
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
    largest_update: f64,
}

impl PlanJson {
    fn of(plan: &Plan) -> PlanJson {
        let rule = plan.training.rule();
        let used = |value: f64| (value != 0.0).then_some(value);
        let schedule = plan.schedule;
        PlanJson {
            model: plan.model.clone(),
            data: plan.data.spec.clone(),
            partition: plan.data.partition.clone(),
            shards: plan.data.shards,
            held_out: plan.data.held_out,
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
            largest_update: plan.largest_update,
        }
    }

    fn read(self) -> Result<Plan, String> {
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
            largest_update: self.largest_update,
        };
        match plan.problems().first() {
            Some(problem) => Err(format!("{}: {}", problem.field, problem.message)),
            None => Ok(plan),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RoundJson {
    round: u32,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricsJson>,
    #[serde(with = "float")]
    training_loss: f64,
    asked: u32,
    counted: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<(String, String)>,
    rows: u64,
    micros: u64,
    retries: u32,
    refusals: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    audited: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suspects: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl RoundJson {
    fn of(report: &RoundReport) -> RoundJson {
        let omission = |omission: &Omission| (omission.shard.clone(), omission.reason.clone());
        RoundJson {
            round: report.round,
            digest: hex(&report.digest),
            metrics: report.metrics.as_ref().map(MetricsJson::of),
            training_loss: report.training_loss,
            asked: report.asked,
            counted: report.counted,
            omitted: report.omitted.iter().map(omission).collect(),
            rows: report.rows,
            micros: micros(report.took),
            retries: report.retries,
            refusals: report.refusals,
            audited: report.audited,
            suspects: report.suspects.clone(),
        }
    }

    fn read(self) -> Result<RoundReport, String> {
        let omission = |(shard, reason)| Omission { shard, reason };
        Ok(RoundReport {
            round: self.round,
            metrics: self.metrics.as_ref().map(MetricsJson::read),
            training_loss: self.training_loss,
            asked: self.asked,
            counted: self.counted,
            omitted: self.omitted.into_iter().map(omission).collect(),
            rows: self.rows,
            took: Duration::from_micros(self.micros),
            retries: self.retries,
            refusals: self.refusals,
            audited: self.audited,
            suspects: self.suspects,
            digest: unhex(&self.digest)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EndingJson {
    Succeeded {
        rounds: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<MetricsJson>,
        micros: u64,
        digest: String,
    },
    Failed(String),
    Cancelled,
    Stopped(String),
}

impl EndingJson {
    fn of(ending: &Ending) -> EndingJson {
        match ending {
            Ending::Succeeded(report) => EndingJson::Succeeded {
                rounds: report.rounds,
                metrics: report.metrics.as_ref().map(MetricsJson::of),
                micros: micros(report.took),
                digest: hex(&report.digest),
            },
            Ending::Failed(reason) => EndingJson::Failed(reason.clone()),
            Ending::Cancelled => EndingJson::Cancelled,
            Ending::Stopped(reason) => EndingJson::Stopped(reason.clone()),
        }
    }

    fn read(self) -> Result<Ending, String> {
        Ok(match self {
            EndingJson::Succeeded {
                rounds,
                metrics,
                micros,
                digest,
            } => Ending::Succeeded(Report {
                metrics: metrics.as_ref().map(MetricsJson::read),
                rounds,
                took: Duration::from_micros(micros),
                digest: unhex(&digest)?,
            }),
            EndingJson::Failed(reason) => Ending::Failed(reason),
            EndingJson::Cancelled => Ending::Cancelled,
            EndingJson::Stopped(reason) => Ending::Stopped(reason),
        })
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// A digest as text.
pub(super) fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<[u8; 32], String> {
    let wrong = || format!("`{text}` is no digest of 64 hexadecimal digits");
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}
