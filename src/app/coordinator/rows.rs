//! The rows of a run, as far as the coordinator holds or knows them.

use bytes::Bytes;

use crate::app::held::Held;
use crate::app::transfer;
use crate::fed::{Plan, Shard};
use crate::ml::data::{Dataset, Request, Root, Source, encode};
use crate::ml::model::Model;
use crate::seed::Seed;
use crate::wire::convert::plan::{AUTO_MODEL, PRIVATE, SHIP, opened_as};
use crate::wire::stubs::compute_node::HostedShard;

/// The rows of a run.
pub(super) struct Rows {
    pub(super) shards: Vec<Shard>,
    /// Shards that are sent: digest and bytes, in the order of the shards.
    pub(super) shipped: Vec<(Bytes, Held)>,
    pub(super) held_out: Option<Dataset>,
    pub(super) features: usize,
    pub(super) classes: usize,
}

impl Rows {
    pub(super) fn open(plan: &Plan, root: &Root) -> Result<Rows, String> {
        let source = open_source(plan, root)?;
        let mut shards = Vec::with_capacity(source.shards());
        let mut shipped = Vec::new();
        let ships = plan.data.spec.starts_with(SHIP);
        for index in 0..source.shards() {
            shards.push(Shard {
                name: source.name(index).unwrap_or_default(),
                rows: source.rows(index).unwrap_or(0) as u64,
                private: false,
            });
            if ships {
                let rows = source.shard(index).map_err(|error| error.to_string())?;
                let bytes = encode(&rows);
                shipped.push((transfer::digest(&bytes), bytes.into()));
            }
        }
        Ok(Rows {
            shards,
            shipped,
            held_out: source.held_out().cloned(),
            features: source.features(),
            classes: source.classes(),
        })
    }

    /// The shards that nodes host, by name; of equal names one.
    pub(super) fn hosted(hosted: &[HostedShard]) -> Rows {
        let mut known: Vec<&HostedShard> = hosted.iter().collect();
        known.sort_by(|a, b| a.name.cmp(&b.name));
        known.dedup_by(|a, b| a.name == b.name);
        let most = |field: fn(&HostedShard) -> Option<i32>| {
            let sizes = known.iter().filter_map(|shard| field(shard));
            usize::try_from(sizes.max().unwrap_or(0)).unwrap_or(0)
        };
        Rows {
            features: most(|shard| shard.features),
            classes: most(|shard| shard.classes),
            shards: known
                .iter()
                .map(|shard| Shard {
                    name: shard.name.clone(),
                    rows: u64::try_from(shard.rows).unwrap_or(0),
                    private: true,
                })
                .collect(),
            shipped: Vec::new(),
            held_out: None,
        }
    }

    pub(super) fn fit(&self, model: &dyn Model) -> Result<(), String> {
        let (features, classes) = (model.features(), model.classes());
        if self.features != 0 && features != self.features {
            return Err(format!(
                "the model takes {features} features, the data have {}; \
                 try `{AUTO_MODEL}`, which fits itself to the data",
                self.features
            ));
        }
        if self.classes > classes {
            return Err(format!(
                "the model knows {classes} classes, the data have {}",
                self.classes
            ));
        }
        Ok(())
    }
}

/// The data of a plan, opened here.
pub(in crate::app) fn open_source(plan: &Plan, root: &Root) -> Result<Source, String> {
    let request = Request {
        spec: opened_as(&plan.data.spec),
        partition: plan.data.partition.clone(),
        shards: plan.data.shards.map(|shards| shards as usize),
        seed: Seed(plan.seed.0),
        held_out: plan.data.held_out,
    };
    Source::open(&request, root).map_err(|error| error.to_string())
}

/// Whether only nodes hold the rows.
pub(super) fn is_private(spec: &str) -> bool {
    spec == PRIVATE || spec.starts_with("private:")
}
