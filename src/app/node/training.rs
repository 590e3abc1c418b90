//! What a node does when it is asked to train.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::blobs::unkept;
use super::desk::{Asked, Attempt, Key};
use super::residuals::{Forgotten, Residuals};
use super::service::{Worker, deadline, fitting, interrupted, untrained};
use crate::app::held::{self, Held};
use crate::clock;
use crate::fed::aggregate::{Addend, ExactSum, Scale};
use crate::ml::data::Dataset;
use crate::ml::model::{Model, Start, Trained};
use crate::ml::parameters::{Parameters, Values};
use crate::ml::training::Training;
use crate::seed::{Purpose, Seed};
use crate::wire::codec::{self, Codec, CodecError};
use crate::wire::convert::{self, RAW, count, fault, foreign, small};
use crate::wire::request::{self, invalid};
use crate::wire::stubs::compute_node::{ShardResult, TrainReply, TrainRequest};
use crate::wire::stubs::types::{Fault, FaultCode, Payload, ShardRef};

/// A request for training, checked.
struct Task<'a> {
    request: &'a TrainRequest,
    model: Arc<dyn Model>,
    how: Training,
    shards: Vec<(usize, &'a ShardRef)>,
    codec: Arc<dyn Codec>,
    /// Of several shards: how their updates are summed, and whether they weigh as many as their rows.
    fold: Option<(Scale, bool)>,
}

impl Worker {
    /// Trains the shards of a request, or answers what it answered before.
    pub(super) fn train_shards(&self, request: &TrainRequest) -> Result<TrainReply, Fault> {
        let (task, length) = Task::read(request)?;
        let bytes = self.bytes_of(&request.parameters, length)?;
        let attempt = self
            .desk
            .begin(request.attempt, deadline(request.budget_ms));
        let key = self.key(request);
        let asked = attempt.ask(key);
        let duty = match asked.map_err(interrupted)? {
            Asked::Known(answer) => {
                let (reply, update) = *answer;
                // A long one may have given way to other blobs.
                self.payload(&reply.update.codec, &update, key)?;
                return Ok(reply);
            }
            Asked::New(duty) => duty,
        };
        self.admit(request.may_refuse.unwrap_or(false))?;
        let _slot = attempt.slot().map_err(interrupted)?;
        if let Some(delay) = self.gate.delay() {
            let pause = attempt.pause(clock::now() + delay);
            pause.map_err(interrupted)?;
        }
        let (mut reply, codec, update) = self.work_off(task, &bytes, &attempt)?;
        reply.update = self.payload(codec, &update, key)?;
        duty.fulfil(&reply, update);
        Ok(reply)
    }

    /// Trains one shard after the other. The reply, and codec and bytes of its update.
    fn work_off(
        &self,
        mut task: Task,
        parameters: &Held,
        attempt: &Attempt,
    ) -> Result<(TrainReply, &'static str, Held), Fault> {
        let begun = clock::now();
        let request = task.request;
        let seed = Seed(request.seed.cast_unsigned());
        let start = self.parameters(&*task.model, parameters)?;
        let correction = self.correction(&task)?;
        // Not before the parameters are here: a short request could ask for a long sum.
        let elements = start.layout().elements();
        let mut sum = task
            .fold
            .take()
            .map(|(scale, _)| ExactSum::new(scale, elements));
        let place = self.place(&request.data, seed)?;
        let mut results = Vec::with_capacity(task.shards.len());
        let mut epochs = 0;
        let mut update = Held::from(Bytes::new());
        for (index, shard) in std::mem::take(&mut task.shards) {
            let (rows, _) = self.rows(&place, index, shard)?;
            let rows = fitting(&*task.model, rows)?;
            let rows = match request.flip_labels.unwrap_or(false) {
                true => Arc::new(flipped(&*task.model, &rows)?),
                false => rows,
            };
            let round = u32::try_from(request.round).unwrap_or(0);
            let stream = seed.stream(Purpose::Shuffle, round, index as u64);
            let stop = || attempt.interruption().is_some();
            let from = Start {
                parameters: &start,
                correction: correction.as_ref(),
            };
            let mut trained = task
                .model
                .train(from, &rows, &task.how, stream, &stop)
                .map_err(|error| untrained(attempt, &error))?;
            within(&trained.update, request.largest_update)?;
            epochs = trained.epochs.max(epochs);
            match &mut sum {
                None => update = task.encode(&trained.update, &self.residuals)?,
                Some(sum) => task.fold(&mut trained, sum)?,
            }
            results.push(ShardResult {
                rows: count(trained.rows),
                loss: trained.loss,
            });
        }
        let codec = match &sum {
            None => task.codec.name(),
            Some(sum) => {
                let mut bytes = Vec::with_capacity(sum.byte_length());
                sum.to_bytes(&mut bytes);
                update = Bytes::from(bytes).into();
                convert::EXACT
            }
        };
        let reply = TrainReply {
            rows: results.iter().map(|one| one.rows).sum(),
            loss: mean_loss(&results),
            epochs: Some(small(epochs)),
            seconds: Some((clock::now() - begun).as_secs_f64()),
            shards: sum.is_some().then_some(results),
            update: Payload::default(),
        };
        Ok((reply, codec, update))
    }
}

impl Worker {
    /// A digest of all that the answer depends on: the request, and the files that it names.
    fn key(&self, request: &TrainRequest) -> Key {
        let mut hash = Sha256::new();
        hash.update(request::key(request));
        let stamp = self.shards.stamp(&request.data.spec);
        hash.update(format!("{stamp:?}"));
        hash.finalize().into()
    }

    /// What is added to the gradients of the only shard.
    fn correction(&self, task: &Task) -> Result<Option<Parameters>, Fault> {
        let Some(payload) = &task.request.correction else {
            return Ok(None);
        };
        if task.shards.len() != 1 {
            let message = format!("it is for one shard, not for {}", task.shards.len());
            return Err(invalid(
                "correction",
                message,
                "ask for one shard at a time",
            ));
        }
        let length = foreign::payload_length(payload, RAW, task.model.layout().byte_length())
            .map_err(|error| invalid("correction", error, ""))?;
        let bytes = self.bytes_of(payload, length)?;
        self.parameters(&*task.model, &bytes).map(Some)
    }
}

impl<'a> Task<'a> {
    /// The task, and the length of its parameters.
    fn read(request: &'a TrainRequest) -> Result<(Task<'a>, usize), Fault> {
        let model = request::model(&request.model)?;
        let length = request::parameters(&*model, &request.layout, &request.parameters)?;
        let layout = model.layout();
        let how = request::training(&request.training)?;
        request::objective(&*model, &how)?;
        let task = Task {
            request,
            codec: request::codec(request, layout.dtype())?,
            how,
            shards: request::shards(&request.shards)?,
            fold: request::fold(request, layout.dtype())?,
            model,
        };
        Ok((task, length))
    }

    /// Adds an update to the sum of several.
    fn fold(&self, trained: &mut Trained, sum: &mut ExactSum) -> Result<(), Fault> {
        codec::through(&*self.codec, &mut trained.update).map_err(unsent)?;
        let by_rows = self.request.fold.as_ref().is_some_and(|fold| fold.by_rows);
        let weight = if by_rows { trained.rows } else { 1 };
        let limit = sum.scale().weight_limit();
        if weight > limit.saturating_sub(sum.weight()) {
            let message = format!("the updates weigh more than {limit}; the sum could overflow");
            return Err(invalid("fold.bits", message, "use fewer fraction bits"));
        }
        // A codec may have rounded a value to beyond the largest.
        let bytes = trained.update.to_bytes();
        sum.fold_all(&[Addend::update(&bytes, weight)], 1)
            .map_err(|error| too_large(error.to_string()))
    }

    /// The only update as it travels.
    fn encode(&self, update: &Parameters, residuals: &Residuals) -> Result<Held, Fault> {
        if self.codec.name() == convert::RAW {
            return held::encode(update).map_err(|error| unkept(&error));
        }
        let bytes = match (self.codec.block(), update.values()) {
            (None, Values::F32(values)) => {
                let request = self.request;
                let shard = &request.shards[0].name;
                let encode = |rest: &mut [f32]| {
                    let mut bytes = Vec::new();
                    let encoded = self.codec.encode_with_residual(values, rest, &mut bytes);
                    encoded.map(|()| bytes)
                };
                residuals
                    .with(&request.run, shard, request.round, values.len(), encode)
                    .map_err(forgotten)?
            }
            _ => codec::encode(&*self.codec, update),
        };
        Ok(Bytes::from(bytes.map_err(unsent)?).into())
    }
}

/// The rows as an attacker has them: by the classes of the model, because a shard may lack the last of them.
fn flipped(model: &dyn Model, rows: &Dataset) -> Result<Dataset, Fault> {
    let message = "the rows have real values, and no labels that could be flipped";
    let flipped = rows.with_flipped_labels(model.classes());
    flipped.ok_or_else(|| invalid("flip_labels", message, ""))
}

fn forgotten(what: Forgotten) -> Fault {
    Fault {
        hint: Some("start the run anew, or use another codec".to_owned()),
        ..fault(FaultCode::FAILED, what.to_string())
    }
}

fn unsent(error: CodecError) -> Fault {
    fault(FaultCode::FAILED, error.to_string())
}

/// Mean loss a row over all shards, in their order.
fn mean_loss(results: &[ShardResult]) -> f64 {
    if let [only] = results {
        return only.loss;
    }
    let rows: i64 = results.iter().map(|one| one.rows).sum();
    let losses: f64 = results.iter().map(|one| one.loss * one.rows as f64).sum();
    losses / rows as f64
}

/// Whether an update is one that the coordinator will accept.
fn within(update: &Parameters, largest: Option<f64>) -> Result<(), Fault> {
    let largest = largest.unwrap_or(f64::INFINITY);
    let found = match update.values() {
        Values::F32(values) => values.iter().fold(0f64, |m, v| m.max(f64::from(v.abs()))),
        Values::F64(values) => values.iter().fold(0f64, |m, v| m.max(v.abs())),
    };
    if found <= largest {
        return Ok(());
    }
    let message = format!("the update reaches {found}; allowed is {largest} either way");
    Err(too_large(message))
}

fn too_large(message: String) -> Fault {
    Fault {
        hint: Some("a smaller learning rate may help".to_owned()),
        ..fault(FaultCode::FAILED, message)
    }
}
