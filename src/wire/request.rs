//! What coordinators ask of a node, checked: from messages to trusted types.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use thrift::protocol::TBinaryOutputProtocol;

use super::codec::{CODECS, Codec};
use super::convert::plan::step_rule;
use super::convert::{RAW, fault, foreign, tensors};
use super::stubs::compute_node as wire;
use super::stubs::types::{DataRef, Fault, FaultCode, Payload, Problem, ShardRef, Tensor};
use super::value::Value;
use crate::fed::aggregate::Scale;
use crate::ml::data::{DATA, Request};
use crate::ml::layout::DType;
use crate::ml::model::{MODELS, Model, check_objective};
use crate::ml::training::Training;
use crate::seed::Seed;
use crate::spec::Spec;

/// Names the field of a request that is wrong.
pub fn invalid(field: &str, message: impl ToString, hint: &str) -> Fault {
    let message = message.to_string();
    let problem = Problem {
        field: field.to_owned(),
        message: message.clone(),
    };
    Fault {
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
        problems: Some(vec![problem]),
        ..fault(FaultCode::INVALID, message)
    }
}

/// The model of this spec.
///
/// # Errors
/// When nobody here knows it.
pub fn model(spec: &str) -> Result<Arc<dyn Model>, Fault> {
    MODELS
        .build(spec)
        .map_err(|error| invalid("model", error, ""))
}

/// Whether a request's layout is the model's own, and its payload as long as that takes.
///
/// # Errors
/// When either is not so.
pub fn parameters(model: &dyn Model, layout: &[Tensor], payload: &Payload) -> Result<usize, Fault> {
    if payload.codec != RAW {
        let message = format!("codec `{}` is not known here", payload.codec);
        return Err(invalid("parameters.codec", message, "this node knows: raw"));
    }
    if layout != tensors(model.layout()) {
        let message = "the layout is not the one of this model";
        return Err(invalid("layout", message, "are both of the same release?"));
    }
    foreign::payload_length(payload, RAW, model.layout().byte_length())
        .map_err(|error| invalid("parameters", error, ""))
}

/// How to train.
///
/// # Errors
/// When a number is out of range or the objective unknown.
pub fn training(wire: &wire::Training) -> Result<Training, Fault> {
    let whole = |field: &str, value: i32| {
        u32::try_from(value)
            .map_err(|_| invalid(&format!("training.{field}"), format!("{value} < 0"), ""))
    };
    let epochs = whole("epochs", wire.epochs.unwrap_or(1))?;
    let batch = whole("batch", wire.batch.unwrap_or(0))?;
    let objective = wire.objective.as_deref().unwrap_or("cross-entropy");
    Training::new(epochs, batch, wire.learning_rate, objective, wire.plateau)
        .and_then(|training| training.with_rule(step_rule(wire)))
        .map_err(|error| invalid(&format!("training.{}", error.field()), error, ""))
}

/// Whether a model can be trained like this.
///
/// # Errors
/// When the objective does not go with what the model gives.
pub fn objective(model: &dyn Model, how: &Training) -> Result<(), Fault> {
    check_objective(model, how).map_err(|error| invalid("training.objective", error, ""))
}

/// The shards of a request, with their positions in the run.
///
/// # Errors
/// When there are none, or an index is negative.
pub fn shards(shards: &[ShardRef]) -> Result<Vec<(usize, &ShardRef)>, Fault> {
    if shards.is_empty() {
        return Err(invalid("shards", "there are none", ""));
    }
    let index = |shard: &ShardRef| {
        usize::try_from(shard.index)
            .map_err(|_| invalid("shards.index", format!("{} < 0", shard.index), ""))
    };
    shards
        .iter()
        .map(|shard| Ok((index(shard)?, shard)))
        .collect()
}

/// How the updates of several shards are added up; none for a single one.
///
/// # Errors
/// When there are several shards and the request does not say how, or not in a way that works.
pub fn fold(request: &wire::TrainRequest, dtype: DType) -> Result<Option<(Scale, bool)>, Fault> {
    if request.shards.len() == 1 {
        return Ok(None);
    }
    let Some(fold) = &request.fold else {
        let message = format!(
            "{} shards, and nothing said of their sum",
            request.shards.len()
        );
        return Err(invalid("fold", message, "ask for one shard at a time"));
    };
    let largest = request.largest_update.unwrap_or(f64::NAN);
    if !(largest > 0.0 && largest.is_finite()) {
        let message = format!("{largest} is not a positive number; sums need one");
        return Err(invalid("largest_update", message, ""));
    }
    let scale = Scale::with_bits(dtype, largest, fold.bits);
    Ok(Some((scale, fold.by_rows)))
}

/// How the update is to be encoded.
///
/// # Errors
/// When nobody here knows the codec, or it cannot carry values of this type.
pub fn codec(request: &wire::TrainRequest, dtype: DType) -> Result<Arc<dyn Codec>, Fault> {
    let spec = request.codec.as_deref().unwrap_or(RAW);
    let codec = CODECS
        .build(spec)
        .map_err(|error| invalid("codec", error, ""))?;
    if dtype == DType::F64 && codec.name() != RAW {
        let message = format!("`{spec}` carries values of 32 bits, the model has 64");
        return Err(invalid("codec", message, ""));
    }
    // What a sparse update leaves out is remembered here, so the shard must be trained here every time.
    let private = request.data.spec.split(':').next() == Some("private");
    if codec.block().is_none() && !(private && request.shards.len() == 1) {
        let message = format!("`{spec}` is for private shards, one at a time");
        return Err(invalid("codec", message, ""));
    }
    Ok(codec)
}

/// Where the rows of a request are.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// Opened here, by the same request everywhere.
    Open(Request),
    /// In a blob that the coordinator sends.
    Shipped,
    /// Hosted by this node; this share is held out for evaluation.
    Private {
        /// Share of the rows held out.
        held_out: f64,
    },
}

/// Where the rows are.
///
/// # Errors
/// When the spec is malformed, or a number out of range.
pub fn place(data: &DataRef, seed: Seed) -> Result<Place, Fault> {
    let spec: Spec = data
        .spec
        .parse()
        .map_err(|error| invalid("data.spec", error, ""))?;
    let held_out = data.held_out.unwrap_or(0.0);
    if !(0.0..1.0).contains(&held_out) {
        let message = format!("{held_out} is not a share below 1");
        return Err(invalid("data.held_out", message, ""));
    }
    match spec.name() {
        "private" => return Ok(Place::Private { held_out }),
        "ship" => return Ok(Place::Shipped),
        _ => {}
    }
    DATA.build_spec(&spec)
        .map_err(|error| invalid("data.spec", error, ""))?;
    let shards = data.shards.map(usize::try_from).transpose();
    let shards = shards.map_err(|_| invalid("data.shards", "a negative number", ""))?;
    Ok(Place::Open(Request {
        spec: data.spec.clone(),
        partition: data.partition.clone(),
        shards,
        seed: data.seed.map_or(seed, |seed| Seed(seed.cast_unsigned())),
        held_out,
    }))
}

/// A digest of what a payload holds. Long ones are named by the digest of their bytes.
fn content(payload: &Payload) -> [u8; 32] {
    match (&payload.inline_data, &payload.digest) {
        (Some(bytes), _) => Sha256::digest(bytes).into(),
        (None, name) => Sha256::digest(name.as_deref().unwrap_or_default()).into(),
    }
}

/// A digest of all in a request that the answer to a training depends on: every field, in full, but those that say who
/// asks for how long. Parameters count by what they are, however they travel.
pub fn key(request: &wire::TrainRequest) -> [u8; 32] {
    let rest = wire::TrainRequest {
        attempt: 0,
        budget_ms: None,
        may_refuse: None,
        parameters: Payload::default(),
        correction: None,
        ..request.clone()
    };
    let mut bytes = TBinaryOutputProtocol::new(Vec::new(), true);
    rest.write(&mut bytes).expect("memory takes it all");
    let mut hash = Sha256::new();
    hash.update(content(&request.parameters));
    hash.update([u8::from(request.correction.is_some())]);
    if let Some(correction) = &request.correction {
        hash.update(content(correction));
    }
    hash.update(bytes.transport);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn an_answer_is_known_by_all_that_it_depends_on() {
        let standard = |last: u8| {
            let mut pairs = vec![0; 4_096];
            pairs.push(last);
            Some(Bytes::from(pairs))
        };
        let asked = wire::TrainRequest {
            data: DataRef {
                standard: standard(1),
                ..DataRef::default()
            },
            shards: vec![ShardRef {
                digest: Some(Bytes::from(vec![1; 32])),
                ..ShardRef::default()
            }],
            ..wire::TrainRequest::default()
        };
        let again = wire::TrainRequest {
            attempt: 7,
            budget_ms: Some(5),
            may_refuse: Some(true),
            ..asked.clone()
        };
        assert_eq!(key(&asked), key(&again));
        let spoilt: [fn(&mut wire::TrainRequest); 4] = [
            |other| other.shards[0].digest = Some(Bytes::from([[1; 31].as_slice(), &[2]].concat())),
            |other| other.correction = Some(Payload::default()),
            |other| other.training.plateau = Some(0.0),
            |other| other.round = 1,
        ];
        for spoil in spoilt {
            let mut other = asked.clone();
            spoil(&mut other);
            assert_ne!(key(&asked), key(&other), "{other:?}");
        }
        let mut other = asked.clone();
        other.data.standard = standard(2);
        assert_ne!(key(&asked), key(&other), "they differ in the last byte");
    }
}
