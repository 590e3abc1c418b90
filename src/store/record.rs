//! Records of a run, as the JSON in which the journal keeps them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::PlanJson;
use crate::fed::{Contribution, Ending, Hosted, Omission, Plan, Report, RoundReport, Shard};

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
    /// The private shards it trains on.
    Hosted(Arc<Hosted>),
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
            What::Hosted(hosted) => WhatJson::Hosted(HostedJson::of(hosted)),
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
            WhatJson::Hosted(hosted) => What::Hosted(Arc::new(hosted.read())),
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
    Hosted(HostedJson),
    Round(RoundJson),
    Notice(String),
    Ended(EndingJson),
}

#[derive(Serialize, Deserialize)]
struct HostedJson {
    model: String,
    /// Name and rows.
    shards: Vec<(String, u64)>,
}

impl HostedJson {
    fn of(hosted: &Hosted) -> HostedJson {
        let shards = hosted.shards.iter();
        HostedJson {
            model: hosted.model.clone(),
            shards: shards.map(|s| (s.name.clone(), s.rows)).collect(),
        }
    }

    fn read(self) -> Hosted {
        let shard = |(name, rows)| Shard {
            name,
            rows,
            private: true,
        };
        Hosted {
            shards: self.shards.into_iter().map(shard).collect(),
            model: self.model,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<ContributionJson>,
}

/// Node, shards, rows, microseconds, failures, refusals.
type ContributionJson = (String, u32, u64, u64, u32, u32);

fn contribution(did: &Contribution) -> ContributionJson {
    let busy = micros(did.busy);
    let node = did.node.clone();
    (node, did.shards, did.rows, busy, did.failures, did.refusals)
}

fn read_contribution(read: ContributionJson) -> Contribution {
    let (node, shards, rows, busy, failures, refusals) = read;
    Contribution {
        node,
        shards,
        rows,
        busy: Duration::from_micros(busy),
        failures,
        refusals,
    }
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
            digest: hex::encode(report.digest),
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
            nodes: report.nodes.iter().map(contribution).collect(),
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
            nodes: self.nodes.into_iter().map(read_contribution).collect(),
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
                digest: hex::encode(report.digest),
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

/// A digest from text.
fn unhex(text: &str) -> Result<[u8; 32], String> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest)
        .map_err(|_| format!("`{text}` is no digest of 64 hexadecimal digits"))?;
    Ok(digest)
}
