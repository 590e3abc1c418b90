//! Which data, and how they are cut: what commands about rows have in common.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::options::{RunOptions, data, row_of};
use super::request;
use crate::app::coordinator::open_source;
use crate::ml::data::{Root, Source};
use crate::ml::partition::PARTITIONS;
use crate::wire::convert::plan;
use crate::wire::stubs::coordinator::Plan;

/// Rows and their shards, as those of a run.
#[derive(Debug, Default, Args)]
pub struct DataOptions {
    /// Where the rows come from [default: builtin:digits]
    #[arg(long, value_name = "SPEC", value_parser = data)]
    pub data: Option<String>,
    /// How rows become shards [default: iid]
    #[arg(long, value_name = "SPEC", value_parser = row_of(&PARTITIONS))]
    pub partition: Option<String>,
    /// Number of shards [default: 10, or what the data bring]
    #[arg(long, visible_alias = "participants", value_name = "N")]
    pub shards: Option<i32>,
    /// Share of the rows held out for evaluation [default: 0.2, or what the data bring]
    #[arg(long, value_name = "SHARE")]
    pub held_out: Option<f64>,
    /// The seed that a run would have [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<i64>,
    /// Files of data specs that are opened here lie below this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_root: PathBuf,
}

impl DataOptions {
    /// The plan of a run over these data.
    pub(super) fn plan(&self) -> Plan {
        request::plan(&RunOptions {
            data: self.data.clone(),
            partition: self.partition.clone(),
            shards: self.shards,
            held_out: self.held_out,
            seed: self.seed,
            ..RunOptions::default()
        })
    }

    /// Opens the data as a coordinator and its nodes would for a run of these options.
    pub(super) fn open(&self) -> Result<Source, Failure> {
        let (plan, _) = plan::read(&self.plan()).map_err(|problems| {
            let said: Vec<String> = problems
                .iter()
                .map(|p| format!("{}: {}", p.field, p.message))
                .collect();
            Failure::usage(said.join("; "))
        })?;
        if plan::is_private(&plan.data.spec) {
            let failure = Failure::usage("private rows are on the nodes and cannot be opened here");
            return Err(failure.hint(
                "client IP PORT stats --data private: describes them all; or name a node's own files as path:",
            ));
        }
        let is_file = plan::opened_as(&plan.data.spec).starts_with("path:");
        let failed = |error: String| match is_file {
            true => Failure::failed(error).hint(format!(
                "files are looked for below --data-root, {}",
                self.data_root.display()
            )),
            false => Failure::failed(error),
        };
        let root = Root::new(&self.data_root).map_err(|error| failed(error.to_string()))?;
        open_source(&plan, &root).map_err(failed)
    }
}
