//! The data of a plan: where rows are, and how they become shards.

use std::sync::Arc;

use super::Reader;
use crate::fed::{DataPlan, Standardise};
use crate::ml::data::{DATA, Standard};
use crate::ml::partition::PARTITIONS;
use crate::spec::{Spec, SpecError};
use crate::wire::stubs::types::DataRef;

/// Data of a plan that names none.
pub const DEFAULT_DATA: &str = "builtin:digits";
/// Data that only nodes hold.
pub const PRIVATE: &str = "private";
/// Data that the coordinator sends to the nodes.
pub const SHIP: &str = "ship";

const HELD_OUT: f64 = 0.2;

/// Whether only nodes hold the rows.
pub fn is_private(spec: &str) -> bool {
    spec.split(':').next() == Some(PRIVATE)
}

/// The spec by which the coordinator itself opens the data: what is shipped is read from a path.
pub fn opened_as(spec: &str) -> String {
    match spec.strip_prefix(SHIP) {
        Some(rest) if rest.starts_with(':') => format!("path{rest}"),
        _ => spec.to_owned(),
    }
}

impl Reader {
    pub(super) fn data(&mut self, data: Option<&DataRef>, run_seed: i64) -> DataPlan {
        let spec = data.map_or(DEFAULT_DATA, |data| data.spec.as_str());
        self.check_data(spec);
        let partition = data.and_then(|data| data.partition.clone());
        if let Some(partition) = &partition
            && let Err(error) = PARTITIONS.build(partition)
        {
            self.wrong("data.partition", error);
        }
        if is_private(spec) {
            self.not_cut(data);
        }
        let standardise = self.standardise(data);
        if let Some(other) = data
            .and_then(|data| data.seed)
            .filter(|&seed| seed != run_seed)
        {
            let message = format!(
                "{other}: rows are made and dealt by the seed of the run, which is {run_seed}; leave it out"
            );
            self.wrong("data.seed", message);
        }
        DataPlan {
            spec: spec.to_owned(),
            partition,
            shards: data
                .and_then(|data| data.shards)
                .map(|shards| self.whole("data.shards", shards)),
            held_out: data.and_then(|data| data.held_out).unwrap_or(HELD_OUT),
            standardise,
        }
    }

    fn standardise(&mut self, data: Option<&DataRef>) -> Standardise {
        let told = data.and_then(|data| data.standard.as_deref());
        if let Some(bytes) = told {
            return match Standard::from_bytes(bytes) {
                Ok(standard) => Standardise::By(Arc::new(standard)),
                Err(reason) => {
                    self.wrong("data.standard", reason);
                    Standardise::No
                }
            };
        }
        match data.and_then(|data| data.standardise) {
            Some(true) => Standardise::Fit,
            _ => Standardise::No,
        }
    }

    /// Private rows are there in the shards that the nodes were started with.
    fn not_cut(&mut self, data: Option<&DataRef>) {
        let reason = "private rows are not cut into shards; each node names its own; leave it out";
        if let Some(partition) = data.and_then(|data| data.partition.as_ref()) {
            self.wrong("data.partition", format!("{partition}: {reason}"));
        }
        if let Some(shards) = data.and_then(|data| data.shards) {
            self.wrong("data.shards", format!("{shards}: {reason}"));
        }
    }

    fn check_data(&mut self, spec: &str) {
        let parsed: Result<Spec, SpecError> = opened_as(spec).parse();
        match parsed {
            Ok(parsed) if parsed.name() == PRIVATE => {}
            Ok(parsed) => {
                if let Err(error) = DATA.build_spec(&parsed) {
                    self.wrong("data.spec", format!("{error}; also: ship, private"));
                }
            }
            Err(error) => self.wrong("data.spec", error),
        }
    }
}
