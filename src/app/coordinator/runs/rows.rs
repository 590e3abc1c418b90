//! The rows of a run, as far as the coordinator holds or knows them.

use bytes::Bytes;

use crate::app::coordinator::nodes::hosts::Hosting;
use crate::app::held::Held;
use crate::app::transfer;
use crate::fed::attack::needs_classes;
use crate::fed::{Hosted, Plan, Shard};
use crate::ml::data::{Dataset, Names, Request, Root, Source, TargetKind, encode};
use crate::ml::model::{Model, ModelError, check_objective};
use crate::seed::Seed;
use crate::wire::convert::plan::{AUTO_MODEL, SHIP, opened_as};
use crate::wire::stubs::compute_node::HostedShard;

/// The rows of a run.
pub struct Rows {
    pub shards: Vec<Shard>,
    /// Shards that are sent: digest and bytes, in the order of the shards.
    pub shipped: Vec<(Bytes, Held)>,
    pub held_out: Option<Dataset>,
    pub features: usize,
    /// Number of classes; 0 where rows have real values, none where nobody said.
    pub classes: Option<usize>,
}

/// Private shards.
pub enum Private<'a> {
    /// Those that a run began with.
    Known(&'a Hosted),
    /// Those that nodes host now.
    Hosted(Vec<Hosting>),
}

impl Rows {
    pub fn open(plan: &Plan, root: &Root) -> Result<Rows, String> {
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
            classes: Some(source.classes()),
        })
    }

    /// Private shards. Of those that a run began with it is known already that they fit the model.
    pub fn private(private: &Private) -> Result<Rows, String> {
        match private {
            Private::Known(known) => Ok(Rows {
                shards: known.shards.clone(),
                shipped: Vec::new(),
                held_out: None,
                features: 0,
                classes: None,
            }),
            Private::Hosted(hosted) => Rows::hosted(hosted),
        }
    }

    /// The shards that nodes host, by name; of equal names one.
    fn hosted(hosted: &[Hosting]) -> Result<Rows, String> {
        let mut known: Vec<&HostedShard> = hosted.iter().flat_map(|one| &one.shards).collect();
        if known.is_empty() {
            return Err("no node that is up has rows of its own; start nodes with `compute_node PORT LOAD --data FILE`".to_owned());
        }
        known.sort_by(|a, b| a.name.cmp(&b.name));
        known.dedup_by(|a, b| a.name == b.name);
        let most = |field: fn(&HostedShard) -> Option<i32>| {
            let sizes = known.iter().filter_map(|shard| field(shard));
            sizes.filter_map(|size| usize::try_from(size).ok()).max()
        };
        let classes = most(|shard| shard.classes);
        let other = |shard: &&&HostedShard| shard.classes == Some(0) && classes != Some(0);
        if let Some(other) = known.iter().find(other) {
            return Err(format!(
                "`{}` has real values, other shards of the nodes have classes; they cannot train one model",
                other.name
            ));
        }
        check_names(hosted.iter())?;
        Ok(Rows {
            features: most(|shard| shard.features).unwrap_or(0),
            classes,
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
        })
    }

    /// The spec of a model that fits these rows.
    pub fn auto_model(&self) -> String {
        let features = self.features;
        match self.classes {
            Some(0) => format!("linear:{features}"),
            classes => format!("mlp:{features}-32-{}", classes.unwrap_or(0)),
        }
    }

    /// Whether a model, trained and attacked as planned, can learn from these rows.
    pub fn fit(&self, model: &dyn Model, plan: &Plan) -> Result<(), String> {
        check_objective(model, &plan.training).map_err(|error| error.to_string())?;
        let (features, classes) = (model.features(), model.classes());
        if self.features != 0 && features != self.features {
            return Err(format!(
                "the model takes {features} features, the data have {}; \
                 try `{AUTO_MODEL}`, which fits itself to the data",
                self.features
            ));
        }
        let Some(own) = self.classes else {
            return Ok(());
        };
        let (model, data) = (model.kind(), TargetKind::of(own));
        if model != data {
            return Err(ModelError::Targets { model, data }.to_string());
        }
        if own > classes {
            return Err(format!(
                "the model knows {classes} classes, the data have {own}"
            ));
        }
        let attack = plan.assault.as_ref().map(|assault| &assault.attack);
        match attack.and_then(|attack| needs_classes(attack)) {
            Some(reason) if own == 0 => Err(reason),
            _ => Ok(()),
        }
    }
}

/// Whether nodes have the same columns and classes, in the same order.
pub(in crate::app) fn check_names<'a>(
    hosted: impl Iterator<Item = &'a Hosting> + Clone,
) -> Result<(), String> {
    let named = hosted.filter_map(|one| Some((&*one.shards.first()?.name, &one.names)));
    match Names::disagreement(named) {
        Some(disagreement) => Err(format!(
            "the nodes' rows do not fit together: {disagreement}; give all files the same columns and classes= in the \
             same order"
        )),
        None => Ok(()),
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
