//! What nodes are told of a run: its plan, its shards, the parameters at hand, what an update may be.
//!
//! It is kept apart from the numerics, so that a task can be dispatched while a large model is evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::app::coordinator::nodes::job::{Job, Request};
use crate::app::coordinator::parameters::correction::Correction;
use crate::app::coordinator::parameters::current::Current;
use crate::app::held::Held;
use crate::cluster::AttemptId;
use crate::fed::aggregate::Scale;
use crate::fed::asynchrony::Asynchrony;
use crate::fed::attack::{ATTACKS, Target};
use crate::fed::{Plan, RunId, Shard, Work};
use crate::ml::layout::DType;
use crate::wire::codec::Codec;
use crate::wire::convert::{self, RAW, UpdateBounds, count, plan};
use crate::wire::stubs::compute_node::{
    EvaluateRequest, InitialiseRequest, TrainRequest, Training,
};
use crate::wire::stubs::types::ShardRef;

/// Values that are remembered of all shards together.
const MOST_REMEMBERED: usize = 1 << 31;

/// See the module.
pub struct Offer {
    pub plan: Plan,
    /// The model's spec with its sizes.
    pub model_spec: String,
    /// Classes of the model, if the coordinator knows it.
    pub classes: Option<usize>,
    pub shards: Vec<Shard>,
    /// Shards that are sent: digest and bytes, in the order of the shards.
    pub shipped: Vec<(Bytes, Held)>,
    pub current: Option<Arc<Current>>,
    /// Those after the round before, until the next round begins: a step that was not reported is undone.
    pub previous: Option<Arc<Current>>,
    /// In asynchronous rounds: who trains when, and older parameters from which shards may still train.
    pub course: Option<Asynchrony>,
    pub versions: BTreeMap<u32, Arc<Current>>,
    pub bounds: Option<UpdateBounds>,
    /// Shards of the round that do fewer epochs, and how many.
    pub fewer: BTreeMap<u32, u32>,
    /// Shards that attack.
    pub attackers: BTreeSet<u32>,
    /// How updates travel.
    pub codec: Arc<dyn Codec>,
}

impl Offer {
    /// Begins a round, from the parameters after the round before it.
    pub fn open(&mut self, round: u32, weight_limit: u64) {
        let begun = |current: &Arc<Current>| current.round >= round;
        let previous = self.previous.take();
        if previous.is_some() && self.current.as_ref().is_some_and(begun) {
            self.current = previous;
        }
        self.fewer = self.plan.stragglers_of(round, self.shards.len());
        if let Some(course) = &mut self.course {
            course.go_to(round);
            let needed = course.needed();
            let newest = round - 1;
            let kept = |made: &u32| *made == newest || needed.contains(made);
            self.versions.retain(|made, _| kept(made));
        }
        self.bounds = self.current.as_ref().map(|current| {
            let layout = &current.layout;
            let scale = Scale::new(layout.dtype(), self.plan.largest_update, weight_limit);
            UpdateBounds::new(scale, layout, self.plan.strategy, Arc::clone(&self.codec))
        });
    }

    /// Whether the codec, the rule and the attack can work with updates of this model, and the strategy with so
    /// many shards.
    pub fn check(&self) -> Result<(), String> {
        self.check_rule()?;
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

    fn check_rule(&self) -> Result<(), String> {
        let shards = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        if let Some(rule) = &self.plan.aggregator {
            let cohort = self.plan.cohort_of(1, shards as usize).len();
            let fits = rule.check(cohort);
            fits.map_err(|reason| {
                format!("aggregator `{rule}` in rounds of {cohort} shards: {reason}")
            })?;
        }
        if let Some(assault) = &self.plan.assault
            && self.attackers.is_empty()
        {
            return Err(format!(
                "{assault}: of {shards} shards that is none; take a larger share"
            ));
        }
        if let Some(how) = self.plan.strategy.buffered {
            how.check(shards)?;
        }
        let Some(current) = &self.current else {
            return Ok(());
        };
        let values = current.layout.elements();
        let remembered = values.saturating_mul(self.shards.len());
        if self.plan.strategy.memory.is_some() && remembered > MOST_REMEMBERED {
            let strategy = self.plan.strategy.name();
            return Err(format!(
                "{strategy} remembers {values} values of each of {shards} shards; together no more than {MOST_REMEMBERED} are kept"
            ));
        }
        Ok(())
    }

    /// Takes new parameters; those before are kept until the next round begins.
    pub fn replace(&mut self, current: Current) {
        let current = Arc::new(current);
        if self.plan.strategy.buffered.is_some() {
            self.versions.insert(current.round, Arc::clone(&current));
        }
        self.previous = self.current.replace(current);
    }

    /// The parameters from which the first of these shards trains.
    fn base(&self, shards: &[u32]) -> Option<&Arc<Current>> {
        let course = self.course.as_ref().zip(shards.first());
        match course.and_then(|(course, shard)| course.arrivals().get(shard)) {
            Some(base) => self.versions.get(base),
            None => self.current.as_ref(),
        }
    }

    /// An attempt, with what the node needs for it. None while there are no parameters.
    pub fn job(
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
                    self.blobs(self.base(shards), shards),
                )
            }
            Work::Evaluate { round, shard } => {
                let request = self.evaluate(run, attempt, *round, *shard, limit)?;
                (
                    Request::Evaluate(Box::new(request), self.classes),
                    self.blobs(self.current.as_ref(), &[*shard]),
                )
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
            correction: self.correction(work),
            audited: false,
            limit,
        })
    }

    /// How these shards train in a round.
    fn training(&self, round: u32, shards: &[u32]) -> Training {
        let all = plan::training(&self.plan.local_training(), self.plan.learning_rate(round));
        let fewer = shards.first().and_then(|shard| self.fewer.get(shard));
        let epochs = fewer.map(|&epochs| convert::small(epochs));
        Training {
            epochs: epochs.or(all.epochs),
            ..all
        }
    }

    /// What the strategy adds to the gradients of a shard.
    fn correction(&self, work: &Work) -> Option<Correction> {
        let Work::Train { shards, .. } = work else {
            return None;
        };
        let (&shard, current) = (shards.first()?, self.current.as_ref()?);
        Some(Correction {
            memory: self.plan.strategy.memory?,
            dtype: current.layout.dtype(),
            server: current.server.first().cloned(),
            own: current.memories.get(shard).cloned(),
        })
    }

    /// Whether the only one of these shards trains on false labels.
    fn flips_labels(&self, shards: &[u32]) -> Option<bool> {
        let (only, assault) = (shards.first()?, self.plan.assault.as_ref()?);
        let attack = ATTACKS.build(&assault.attack).ok()?;
        let flips = attack.target() == Target::Data && self.attackers.contains(only);
        flips.then_some(true)
    }

    /// Blobs an attempt may need: its shards if they are shipped, the parameters if they are long.
    fn blobs(&self, parameters: Option<&Arc<Current>>, shards: &[u32]) -> Vec<(Bytes, Held)> {
        let shipped = |&shard: &u32| self.shipped.get(shard as usize).cloned();
        let mut blobs: Vec<(Bytes, Held)> = shards.iter().filter_map(shipped).collect();
        blobs.extend(parameters.and_then(|current| current.blob()));
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
        let current = self.base(shards)?;
        Some(TrainRequest {
            run: run.0.clone(),
            round: convert::small(round),
            attempt: convert::attempt_id(attempt),
            model: self.model_spec.clone(),
            layout: convert::tensors(&current.layout),
            parameters: current.payload(),
            data: plan::data_ref(&self.plan.data, self.plan.seed),
            shards: shards.iter().map(|&shard| self.shard_ref(shard)).collect(),
            training: self.training(round, shards),
            seed: self.plan.seed.0.cast_signed(),
            budget_ms: Some(count(limit.as_millis())),
            codec: Some(self.plan.codec.clone()),
            may_refuse: None,
            largest_update: Some(self.plan.largest_update),
            correction: None,
            flip_labels: self.flips_labels(shards),
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
            full: (round >= self.plan.rounds).then_some(true),
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
