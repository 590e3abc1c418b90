//! What the features of some data are like: of a coordinator's nodes by exact sums, or of files here.

use serde_json::json;

use super::data_options::DataOptions;
use super::failure::Failure;
use super::session::{LONG, Session};
use super::text::table;
use super::view::{print, print_json, written};
use crate::ml::data::Moments;
use crate::wire::convert::moments::summarise;
use crate::wire::convert::plan::DEFAULT_DATA;
use crate::wire::stubs::coordinator::{DescribeReply, DescribeRequest};
use crate::wire::stubs::types::DataRef;

/// Shown below the help.
pub(super) const EXAMPLES: &str = "Examples:
  client 127.0.0.1 5105 stats --data private:      over all nodes; each tells its sums alone, and none of fewer than 10 rows
  client stats --data path:patients.csv            of a file here
  client 127.0.0.1 5105 --data private: --standardise    a run whose features are made comparable by these";

/// Describes data and prints a line for each feature.
pub(super) fn run(
    session: Option<&mut Session>,
    options: &DataOptions,
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

fn asked(session: &mut Session, options: &DataOptions) -> Result<DescribeReply, Failure> {
    let everything = || DataRef {
        spec: DEFAULT_DATA.to_owned(),
        ..DataRef::default()
    };
    let request = DescribeRequest {
        data: options.plan().data.unwrap_or_else(everything),
        seed: options.seed,
    };
    session.call_within(LONG, "describe", |to| to.describe(&request))
}

/// Of data that can be opened here.
fn here(options: &DataOptions) -> Result<DescribeReply, Failure> {
    let source = options.open()?;
    let moments = Moments::of_source(&source).map_err(Failure::failed)?;
    Ok(summarise(&moments, source.shards()))
}
