//! What nodes are told of a run: its plan, its shards, the parameters at hand, what an update may be.
//!
//! It is kept apart from the numerics, so that a task can be dispatched while a large model is evaluated.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::call::{Job, Request};
use super::current::Current;
use crate::app::held::Held;
use crate::cluster::AttemptId;
use crate::fed::aggregate::Scale;
use crate::fed::{Plan, RunId, Shard, Work};
use crate::ml::layout::DType;
use crate::wire::codec::Codec;
use crate::wire::convert::{self, RAW, UpdateBounds, count, plan};
use crate::wire::stubs::compute_node::{EvaluateRequest, InitialiseRequest, TrainRequest};
use crate::wire::stubs::types::ShardRef;

/// See the module.
pub(super) struct Offer {
    pub(super) plan: Plan,
    /// The model's spec with its sizes.
    pub(super) model_spec: String,
    pub(super) shards: Vec<Shard>,
    /// Shards that are sent: digest and bytes, in the order of the shards.
    pub(super) shipped: Vec<(Bytes, Held)>,
    pub(super) current: Option<Arc<Current>>,
    /// Those after the round before, until the next round begins: a step that was not reported is undone.
    pub(super) previous: Option<Arc<Current>>,
    pub(super) bounds: Option<UpdateBounds>,
    /// How updates travel.
    pub(super) codec: Arc<dyn Codec>,
}

impl Offer {
    /// Begins a round, from the parameters after the round before it.
    pub(super) fn open(&mut self, round: u32, weight_limit: u64) {
        let begun = |current: &Arc<Current>| current.round >= round;
        let previous = self.previous.take();
        if previous.is_some() && self.current.as_ref().is_some_and(begun) {
            self.current = previous;
        }
        self.bounds = self.current.as_ref().map(|current| {
            let layout = &current.layout;
            let scale = Scale::new(layout.dtype(), self.plan.largest_update, weight_limit);
            UpdateBounds::new(scale, layout, self.plan.strategy, Arc::clone(&self.codec))
        });
    }

    /// Whether the codec can carry updates of this model.
    pub(super) fn check_codec(&self) -> Result<(), String> {
        let wide = self
            .current
            .as_ref()
            .is_some_and(|current| current.layout.dtype() == DType::F64);
        if wide && self.codec.name() != RAW {
            let codec = self.codec.name();
            return Err(format!(
                "codec `{codec}` carries values of 32 bits, the model has 64; take --codec raw or a model of dtype=f32"
            ));
        }
        Ok(())
    }

    /// Takes new parameters; those before are kept until the next round begins.
    pub(super) fn replace(&mut self, current: Current) {
        self.previous = self.current.replace(Arc::new(current));
    }

    /// An attempt, with what the node needs for it. None while there are no parameters.
    pub(super) fn job(
        &self,
        run: &RunId,
        attempt: AttemptId,
        work: &Work,
        may_refuse: bool,
        limit: Duration,
    ) -> Option<Job> {
        let (request, blobs) = match work {
            Work::Train { round, shards } => {
                let request = TrainRequest {
                    may_refuse: Some(may_refuse),
                    ..self.train(run, attempt, *round, shards, limit)?
                };
                (
                    Request::Train(Box::new(request), self.bounds.clone()?),
                    self.blobs(shards),
                )
            }
            Work::Evaluate { round, shard } => {
                let request = self.evaluate(run, attempt, *round, *shard, limit)?;
                (Request::Evaluate(Box::new(request)), self.blobs(&[*shard]))
            }
            Work::Initialise => {
                let request = InitialiseRequest {
                    model: self.model_spec.clone(),
                    seed: self.plan.seed.0.cast_signed(),
                };
                (Request::Initialise(request), Vec::new())
            }
        };
        Some(Job {
            attempt,
            request,
            blobs,
            audited: false,
            limit,
        })
    }

    /// Blobs an attempt may need: its shards if they are shipped, the parameters if they are long.
    fn blobs(&self, shards: &[u32]) -> Vec<(Bytes, Held)> {
        let shipped = |&shard: &u32| self.shipped.get(shard as usize).cloned();
        let mut blobs: Vec<(Bytes, Held)> = shards.iter().filter_map(shipped).collect();
        blobs.extend(self.current.as_ref().and_then(|current| current.blob()));
        blobs
    }

    fn train(
        &self,
        run: &RunId,
        attempt: AttemptId,
        round: u32,
        shards: &[u32],
        limit: Duration,
    ) -> Option<TrainRequest> {
        let current = self.current.as_ref()?;
        Some(TrainRequest {
            run: run.0.clone(),
            round: convert::small(round),
            attempt: convert::attempt_id(attempt),
            model: self.model_spec.clone(),
            layout: convert::tensors(&current.layout),
            parameters: current.payload(),
            data: plan::data_ref(&self.plan.data, self.plan.seed),
            shards: shards.iter().map(|&shard| self.shard_ref(shard)).collect(),
            training: plan::training(&self.plan.training, self.plan.learning_rate(round)),
            seed: self.plan.seed.0.cast_signed(),
            budget_ms: Some(count(limit.as_millis())),
            codec: Some(self.plan.codec.clone()),
            may_refuse: None,
            largest_update: Some(self.plan.largest_update),
            fold: match shards {
                [_] => None,
                _ => Some(self.bounds.as_ref()?.fold()),
            },
        })
    }

    fn evaluate(
        &self,
        run: &RunId,
        attempt: AttemptId,
        round: u32,
        shard: u32,
        limit: Duration,
    ) -> Option<EvaluateRequest> {
        let current = self.current.as_ref()?;
        Some(EvaluateRequest {
            run: run.0.clone(),
            round: convert::small(round),
            attempt: convert::attempt_id(attempt),
            model: self.model_spec.clone(),
            layout: convert::tensors(&current.layout),
            parameters: current.payload(),
            data: plan::data_ref(&self.plan.data, self.plan.seed),
            shards: vec![self.shard_ref(shard)],
            seed: self.plan.seed.0.cast_signed(),
            budget_ms: Some(count(limit.as_millis())),
        })
    }

    /// How a node is told of a shard.
    fn shard_ref(&self, shard: u32) -> ShardRef {
        let shipped = self.shipped.get(shard as usize);
        ShardRef {
            index: i32::try_from(shard).unwrap_or(i32::MAX),
            name: self.shards[shard as usize].name.clone(),
            digest: shipped.map(|(digest, _)| digest.clone()),
            length: shipped.map(|(_, bytes)| count(bytes.len())),
        }
    }
}
