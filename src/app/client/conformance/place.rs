//! On which rows a node is tried.

use super::ConformanceOptions;
use super::bench::Bench;
use super::check::{NotPassed, failed};
use super::work::SEED;
use crate::app::client::options::RunOptions;
use crate::app::client::request;
use crate::app::coordinator::open_source;
use crate::ml::data::Root;
use crate::wire::convert::plan::{self, PRIVATE, SHIP, is_private};
use crate::wire::convert::{self, count};
use crate::wire::stubs::compute_node::HostedShard;
use crate::wire::stubs::types::{DataRef, ShardRef};

/// The share of private rows that is held out, as plans have it where they say nothing.
const HELD_OUT: f64 = 0.2;

/// Rows, and what is known of them.
pub(super) struct Place {
    pub(super) data: DataRef,
    pub(super) shards: Vec<ShardRef>,
    pub(super) rows: Vec<i64>,
    pub(super) features: usize,
    /// 0 for real values; none if the node does not say.
    pub(super) classes: Option<usize>,
}

impl Place {
    /// The rows that the options name, or else those of the node's own, or else the digits.
    pub(super) fn find(bench: &Bench, options: &ConformanceOptions) -> Result<Place, NotPassed> {
        let hosted = bench.hello.hosted.as_deref().unwrap_or_default();
        match options.data.as_deref() {
            Some(spec) if spec.starts_with(SHIP) => failed(
                "rows are not shipped in this trial; name data that the node has, or leave --data out",
            ),
            Some(spec) if is_private(spec) => Place::hosted(spec, hosted),
            None if !hosted.is_empty() => Place::hosted(PRIVATE, hosted),
            spec => Place::opened(spec, options),
        }
    }

    /// Shards that the node was started with.
    fn hosted(spec: &str, hosted: &[HostedShard]) -> Result<Place, NotPassed> {
        let mut known: Vec<&HostedShard> = hosted.iter().collect();
        known.sort_by(|a, b| a.name.cmp(&b.name));
        let Some(first) = known.first() else {
            return failed("it hosts no rows; name data that it has with --data");
        };
        let size = |size: Option<i32>| usize::try_from(size.unwrap_or(0)).unwrap_or(0);
        let shard = |(index, one): (usize, &&HostedShard)| ShardRef {
            index: convert::small(index),
            name: one.name.clone(),
            ..ShardRef::default()
        };
        Ok(Place {
            data: DataRef {
                spec: match spec {
                    PRIVATE => format!("{PRIVATE}:"),
                    spec => spec.to_owned(),
                },
                seed: Some(SEED.0.cast_signed()),
                held_out: Some(HELD_OUT),
                ..DataRef::default()
            },
            shards: known.iter().enumerate().take(2).map(shard).collect(),
            rows: known.iter().take(2).map(|one| one.rows).collect(),
            features: size(first.features),
            classes: first.classes.map(|classes| size(Some(classes))),
        })
    }

    /// Shards that are cut here and at the node alike.
    fn opened(spec: Option<&str>, options: &ConformanceOptions) -> Result<Place, NotPassed> {
        let plan = request::plan(&RunOptions {
            data: spec.map(str::to_owned),
            ..RunOptions::default()
        });
        let (plan, _) = plan::read(&plan).or_else(|problems| {
            let said: Vec<String> = problems.iter().map(|p| p.message.clone()).collect();
            failed(said.join("; "))
        })?;
        let source = Root::new(&options.data_root)
            .map_err(|error| error.to_string())
            .and_then(|root| open_source(&plan, &root));
        let source =
            source.or_else(|error| failed(format!("data cannot be opened here: {error}")))?;
        let shard = |index| ShardRef {
            index: convert::small(index),
            name: source.name(index).unwrap_or_default(),
            ..ShardRef::default()
        };
        let shards = 0..source.shards().min(2);
        Ok(Place {
            data: plan::data_ref(&plan.data, plan.seed),
            shards: shards.clone().map(shard).collect(),
            rows: shards
                .map(|at| count(source.rows(at).unwrap_or(0)))
                .collect(),
            features: source.features(),
            classes: Some(source.classes()),
        })
    }
}
