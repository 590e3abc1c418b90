//! What the features of some data are like: of a coordinator's nodes by exact sums, or of files here.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::options::{RunOptions, data, row_of};
use super::partition::{PartitionOptions, open};
use super::request;
use super::session::{LONG, Session};
use super::text::table;
use super::view::{print, print_json, written};
use crate::ml::data::Moments;
use crate::ml::partition::PARTITIONS;
use crate::wire::convert::moments::summarise;
use crate::wire::convert::plan::DEFAULT_DATA;
use crate::wire::stubs::coordinator::{DescribeReply, DescribeRequest};
use crate::wire::stubs::types::DataRef;

/// Shown below the help.
pub(super) const EXAMPLES: &str = "Examples:
  client 127.0.0.1 5105 stats --data private:      over all nodes; each tells its sums alone, and none of fewer than 10 rows
  client stats --data path:patients.csv            of a file here
  client 127.0.0.1 5105 --data private: --standardise    a run whose features are made comparable by these";

/// Which data to describe.
#[derive(Debug, Default, Args)]
pub struct StatsOptions {
    /// Where the rows come from [default: builtin:digits]
    #[arg(long, value_name = "SPEC", value_parser = data)]
    pub data: Option<String>,
    /// How rows become shards [default: iid]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&PARTITIONS))]
    pub partition: Option<String>,
    /// Number of shards [default: 10, or what the data bring]
    #[arg(long, visible_alias = "participants", value_name = "N")]
    pub shards: Option<i32>,
    /// Share of the rows held out for evaluation, which is not described [default: 0.2, or what the data bring]
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,
    /// The seed that a run would have [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<i64>,
    /// Without an address: files of data specs lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_root: PathBuf,
}

/// Describes data and prints a line for each feature.
pub(super) fn run(
    session: Option<&mut Session>,
    options: &StatsOptions,
    json: bool,
) -> Result<(), Failure> {
    let found = match session {
        Some(session) => asked(session, options)?,
        None => here(options)?,
    };
    if json {
        for (feature, column) in found.columns.iter().enumerate() {
            written(print_json(&json!({
                "event": "feature",
                "feature": feature,
                "mean": column.mean,
                "deviation": column.deviation,
                "least": column.least,
                "largest": column.largest,
            })))?;
        }
        let last = json!({"event": "stats", "rows": found.rows, "shards": found.shards, "features": found.columns.len()});
        return written(print_json(&last));
    }
    let heading = ["FEATURE", "MEAN", "DEVIATION", "LEAST", "LARGEST"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    lines.extend(found.columns.iter().enumerate().map(|(feature, column)| {
        let number = |value: f64| format!("{value:.6}");
        vec![
            feature.to_string(),
            number(column.mean),
            number(column.deviation),
            column.least.to_string(),
            column.largest.to_string(),
        ]
    }));
    let said = format!(
        "{}over {} rows of {} shards, exactly",
        table(&lines),
        found.rows,
        found.shards
    );
    written(print(&said))
}

fn asked(session: &mut Session, options: &StatsOptions) -> Result<DescribeReply, Failure> {
    let plan = request::plan(&RunOptions {
        data: options.data.clone(),
        partition: options.partition.clone(),
        shards: options.shards,
        held_out: options.held_out,
        ..RunOptions::default()
    });
    let everything = || DataRef {
        spec: DEFAULT_DATA.to_owned(),
        ..DataRef::default()
    };
    let request = DescribeRequest {
        data: plan.data.unwrap_or_else(everything),
        seed: options.seed,
    };
    session.call_within(LONG, "describe", |to| to.describe(&request))
}

/// Of data that can be opened here.
fn here(options: &StatsOptions) -> Result<DescribeReply, Failure> {
    let source = open(&PartitionOptions {
        data: options.data.clone(),
        partition: options.partition.clone(),
        shards: options.shards,
        held_out: options.held_out,
        seed: options.seed,
        data_root: options.data_root.clone(),
        ..PartitionOptions::default()
    })?;
    let mut moments = Moments::default();
    for shard in 0..source.shards() {
        let rows = source
            .shard(shard)
            .map_err(|error| Failure::failed(error.to_string()))?;
        moments.merge(Moments::of(&rows)).map_err(Failure::failed)?;
    }
    Ok(summarise(&moments, source.shards()))
}
