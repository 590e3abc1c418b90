//! What the coordinator holds of a run: data to evaluate on, the model, its parameters, the round's sum.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use super::call::Parcel;
use crate::app::transfer;
use crate::fed::aggregate::{Addend, ExactSum, Scale};
use crate::fed::{Evaluation, Plan, Prepared, Shard};
use crate::ml::data::{Dataset, Request, Root, Source, encode};
use crate::ml::layout::Layout;
use crate::ml::metrics::Metrics;
use crate::ml::model::{MODELS, Model};
use crate::ml::parameters::{Parameters, Values};
use crate::seed::Seed;
use crate::spec::SpecError;
use crate::wire::convert::plan::{AUTO_MODEL, PRIVATE, SHIP, opened_as};
use crate::wire::convert::{Initial, UpdateBounds};
use crate::wire::stubs::compute_node::HostedShard;
use crate::wire::stubs::types::ShardRef;

/// Below this many values and this much evaluation, the core's own thread does the numerics: handing
/// them to another one would take longer than doing them.
const SMALL_MODEL: usize = 100_000;
/// See [`SMALL_MODEL`]; values times held-out rows.
const SMALL_EVALUATION: usize = 50_000_000;

/// The rows of a run, as far as the coordinator holds or knows them.
pub(super) struct Rows {
    pub(super) shards: Vec<Shard>,
    /// Shards that are sent: digest and bytes, in the order of the shards.
    pub(super) shipped: Vec<(Bytes, Bytes)>,
    held_out: Option<Dataset>,
    features: usize,
    classes: usize,
}

/// Parameters after some round, encoded once for all nodes.
pub(super) struct Current {
    pub(super) parameters: Parameters,
    pub(super) bytes: Bytes,
    pub(super) digest: Bytes,
    /// Rounds finished when these were made.
    pub(super) round: u32,
}

/// Parameters of a stopped run, to go on with.
#[derive(Default)]
pub(super) struct Kept {
    current: Option<Current>,
    previous: Option<Current>,
}

/// What the coordinator holds of a run.
pub(super) struct Materials {
    pub(super) plan: Plan,
    /// The model's spec with its sizes; nodes are told this.
    pub(super) model_spec: String,
    pub(super) rows: Rows,
    model: Option<Arc<dyn Model>>,
    pub(super) current: Option<Current>,
    /// Those after the round before, until the next round begins: a step that was not reported is undone.
    previous: Option<Current>,
    sum: Option<(u32, ExactSum)>,
    /// Large models are summed by so many threads.
    threads: usize,
    pub(super) metrics: Option<Metrics>,
}

impl Materials {
    /// Opens the data and makes the first parameters, or goes on from those kept of a stopped run.
    pub(super) fn prepare(
        plan: Plan,
        root: &Root,
        hosted: &[HostedShard],
        initial: Option<Initial>,
        kept: Kept,
    ) -> Result<Materials, String> {
        let rows = if is_private(&plan.data.spec) {
            Rows::hosted(hosted)
        } else {
            Rows::open(&plan, root)?
        };
        let model_spec = match plan.model.as_str() {
            AUTO_MODEL => format!("mlp:{}-32-{}", rows.features, rows.classes),
            model => model.to_owned(),
        };
        let model = match MODELS.build(&model_spec) {
            Ok(model) => Some(model),
            Err(SpecError::UnknownName { .. }) => None,
            Err(error) => return Err(error.to_string()),
        };
        if let Some(model) = &model {
            rows.fit(&**model)?;
        }
        let seed = plan.seed;
        let mut materials = Materials {
            plan,
            model_spec,
            rows,
            model,
            current: kept.current,
            previous: kept.previous,
            sum: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            metrics: None,
        };
        if materials.current.is_none() {
            let first = initial.map(|initial| initial.parameters);
            let own = || materials.model.as_ref().map(|model| model.initial(seed));
            if let Some(parameters) = first.or_else(own) {
                materials.set_current(parameters, 0);
            }
        }
        Ok(materials)
    }

    /// What the core is told.
    pub(super) fn prepared(&self) -> Prepared {
        let evaluation = if is_private(&self.plan.data.spec) || self.model.is_none() {
            Evaluation::Nodes
        } else if self.rows.held_out.is_some() {
            Evaluation::Central
        } else {
            Evaluation::Nowhere
        };
        Prepared {
            shards: self.rows.shards.clone(),
            evaluation,
            parameters: self.current.is_some(),
        }
    }

    /// Whether the core's own thread should do the numerics.
    pub(super) fn is_small(&self) -> bool {
        let Some(current) = &self.current else {
            return true;
        };
        let values = current.parameters.layout().elements();
        let rows = self.rows.held_out.as_ref().map_or(0, Dataset::rows);
        values <= SMALL_MODEL && values.saturating_mul(rows) <= SMALL_EVALUATION
    }

    /// Takes first parameters that a node made.
    pub(super) fn adopt(&mut self, initial: Initial) -> Prepared {
        self.set_current(initial.parameters, 0);
        self.prepared()
    }

    /// Takes out the parameters, to go on with them.
    pub(super) fn keep(&mut self) -> Kept {
        Kept {
            current: self.current.take(),
            previous: self.previous.take(),
        }
    }

    /// Begins a round with an empty sum, from the parameters after the round before it.
    pub(super) fn open(&mut self, round: u32, weight_limit: u64) {
        let begun = |current: &Current| current.round >= round;
        let previous = self.previous.take();
        if previous.is_some() && self.current.as_ref().is_some_and(begun) {
            self.current = previous;
        }
        let Some(current) = &self.current else {
            return;
        };
        let layout = current.parameters.layout();
        let scale = Scale::new(layout.dtype(), self.plan.largest_update, weight_limit);
        self.sum = Some((round, ExactSum::new(scale, layout.elements())));
    }

    /// What an acceptable update of the open round looks like.
    pub(super) fn bounds(&self) -> Option<UpdateBounds> {
        let (_, sum) = self.sum.as_ref()?;
        let strategy = self.plan.strategy;
        Some(UpdateBounds::new(*sum.scale(), self.layout()?, strategy))
    }

    /// Adds what an attempt brought, which was checked, to the round's sum.
    pub(super) fn fold(&mut self, round: u32, parcel: &Parcel, weight: u64) {
        let Some((_, sum)) = self.sum.as_mut().filter(|(open, _)| *open == round) else {
            return;
        };
        let addend = match parcel {
            Parcel::Update(update) => Addend::update(update, weight),
            Parcel::Sum(part) => Addend::partial(part, weight),
            Parcel::Initial(_) => return,
        };
        if let Err(error) = sum.fold_all(&[addend], self.threads) {
            log::error!("an update that was checked cannot be added: {error}");
            self.sum = None;
        }
    }

    /// Makes the step of the round; the digest of the new parameters.
    pub(super) fn step(&mut self, round: u32) -> Result<[u8; 32], String> {
        let (Some(current), Some((open, sum))) = (&self.current, self.sum.take()) else {
            return Err("the round's sum is gone".to_owned());
        };
        if open != round {
            return Err(format!("the open sum is that of round {open}, not {round}"));
        }
        let rate = self.plan.strategy.rate;
        let old = current.parameters.values();
        let values = match old {
            Values::F32(old) => Values::F32(
                old.iter()
                    .zip(sum.mean())
                    .map(|(&old, mean)| (f64::from(old) + rate * mean) as f32)
                    .collect(),
            ),
            Values::F64(old) => Values::F64(
                old.iter()
                    .zip(sum.mean())
                    .map(|(&old, mean)| old + rate * mean)
                    .collect(),
            ),
        };
        let layout = Arc::clone(current.parameters.layout());
        let parameters = Parameters::new(layout, values)
            .map_err(|error| format!("round {round} diverged: {error}"))?;
        self.set_current(parameters, round);
        let digest = self.current.as_ref().map(|current| &current.digest[..]);
        digest
            .and_then(|digest| digest.try_into().ok())
            .ok_or_else(|| "no parameters".to_owned())
    }

    /// Evaluates the current parameters on the held-out rows.
    pub(super) fn evaluate(&mut self) -> Result<Metrics, String> {
        match (&self.model, &self.current, &self.rows.held_out) {
            (Some(model), Some(current), Some(rows)) => {
                let metrics = model
                    .evaluate(&current.parameters, rows)
                    .map_err(|error| error.to_string())?;
                self.metrics = Some(metrics);
                Ok(metrics)
            }
            _ => Err("nothing to evaluate on".to_owned()),
        }
    }

    /// Lets go of all but the parameters.
    pub(super) fn release(&mut self) {
        self.sum = None;
        self.rows.shipped = Vec::new();
        self.rows.held_out = None;
    }

    /// The layout of the parameters, once there are any.
    pub(super) fn layout(&self) -> Option<&Arc<Layout>> {
        self.current
            .as_ref()
            .map(|current| current.parameters.layout())
    }

    /// How a node is told of a shard.
    pub(super) fn shard_ref(&self, shard: u32) -> ShardRef {
        let shipped = self.rows.shipped.get(shard as usize);
        ShardRef {
            index: i32::try_from(shard).unwrap_or(i32::MAX),
            name: self.rows.shards[shard as usize].name.clone(),
            digest: shipped.map(|(digest, _)| digest.clone()),
            length: shipped.map(|(_, bytes)| crate::wire::convert::count(bytes.len())),
        }
    }

    fn set_current(&mut self, parameters: Parameters, round: u32) {
        let bytes = parameters.to_bytes();
        let digest = transfer::digest(&bytes);
        self.previous = self.current.replace(Current {
            parameters,
            bytes,
            digest,
            round,
        });
    }
}

impl Rows {
    fn open(plan: &Plan, root: &Root) -> Result<Rows, String> {
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
                shipped.push((transfer::digest(&bytes), bytes));
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
    fn hosted(hosted: &[HostedShard]) -> Rows {
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

    fn fit(&self, model: &dyn Model) -> Result<(), String> {
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

fn open_source(plan: &Plan, root: &Root) -> Result<Source, String> {
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
