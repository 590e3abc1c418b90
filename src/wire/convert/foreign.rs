//! What nodes say, checked.

use super::{Invalid, check_hello, is_intact};
use crate::cluster::{Greeting, Pulse};
use crate::fed::Trained;
use crate::ml::layout::{DType, Layout, Tensor};
use crate::ml::metrics::Metrics;
use crate::wire::stubs::compute_node::{HeartbeatReply, HelloReply, TrainReply};
use crate::wire::stubs::types::{self, DType as WireDType, Payload};

/// Slots that are believed of one node.
const MOST_SLOTS: i32 = 1024;
/// Private shards that are believed of one node.
const MOST_HOSTED: usize = 100_000;

/// A node's greeting.
///
/// # Errors
/// When it speaks another major version.
pub fn greeting(reply: &HelloReply) -> Result<Greeting, Invalid> {
    check_hello(&reply.hello)?;
    let slots = reply.slots.unwrap_or(1).clamp(1, MOST_SLOTS);
    let hosted = reply.hosted.as_deref().unwrap_or_default();
    Ok(Greeting {
        incarnation: reply.incarnation,
        slots: slots.unsigned_abs(),
        hosted: hosted
            .iter()
            .take(MOST_HOSTED)
            .map(|shard| shard.name.clone())
            .collect(),
        speed: reply
            .rows_per_second
            .filter(|speed| speed.is_finite() && *speed > 0.0),
    })
}

/// A heartbeat.
pub fn pulse(reply: &HeartbeatReply) -> Pulse {
    let load = reply.load.unwrap_or(0.0);
    Pulse {
        incarnation: reply.incarnation,
        load: if load.is_finite() {
            load.clamp(0.0, 1.0)
        } else {
            1.0
        },
        leaving: reply.leaving.unwrap_or(false),
    }
}

/// How each of so many shards was trained. Whether that fits the shards is for the core to say.
///
/// # Errors
/// When rows are negative, or it tells of another number of shards.
pub fn trained(reply: &TrainReply, shards: usize) -> Result<Vec<Trained>, Invalid> {
    let trained = |claimed, loss| rows(claimed).map(|rows| Trained { rows, loss });
    if shards == 1 {
        return Ok(vec![trained(reply.rows, reply.loss)?]);
    }
    let told = reply.shards.as_deref().unwrap_or_default();
    if told.len() != shards {
        let told = told.len();
        return Err(Invalid(format!(
            "it tells of {told} shards; asked were {shards}"
        )));
    }
    told.iter().map(|one| trained(one.rows, one.loss)).collect()
}

/// Metrics of an evaluation.
///
/// # Errors
/// When a count is negative or greater than its whole, or neither `accuracy` nor `correct` is there.
pub fn metrics(found: &types::Metrics) -> Result<Metrics, Invalid> {
    let rows = rows(found.rows)?;
    let correct = match (found.correct, found.accuracy) {
        (Some(correct), _) => u64::try_from(correct).ok(),
        (None, Some(share)) if (0.0..=1.0).contains(&share) => {
            Some((share * rows as f64).round() as u64)
        }
        _ => None,
    };
    match correct {
        Some(correct) if correct <= rows => Ok(Metrics {
            rows,
            correct,
            loss: found.loss,
        }),
        _ => Err(Invalid(format!(
            "its metrics make no sense: {:?} of {rows} rows correct, accuracy {:?}",
            found.correct, found.accuracy
        ))),
    }
}

fn rows(claimed: i64) -> Result<u64, Invalid> {
    u64::try_from(claimed).map_err(|_| Invalid(format!("it claims {claimed} rows")))
}

/// A layout.
///
/// # Errors
/// When element types are mixed or unknown, a size is not positive, or it is too large.
pub fn layout(tensors: &[types::Tensor]) -> Result<Layout, Invalid> {
    let first = tensors.first().map(|tensor| tensor.dtype);
    let dtype = match first {
        Some(WireDType::F32) => DType::F32,
        Some(WireDType::F64) => DType::F64,
        other => {
            return Err(Invalid(format!(
                "element type {other:?} is not one of F32, F64"
            )));
        }
    };
    if tensors.iter().any(|tensor| Some(tensor.dtype) != first) {
        return Err(Invalid("its tensors are of different types".to_owned()));
    }
    let tensors: Result<Vec<Tensor>, Invalid> = tensors.iter().map(tensor).collect();
    Layout::new(dtype, tensors?).map_err(|error| Invalid(error.to_string()))
}

fn tensor(tensor: &types::Tensor) -> Result<Tensor, Invalid> {
    let size = |&size: &i64| {
        usize::try_from(size)
            .map_err(|_| Invalid(format!("tensor `{}` has a size of {size}", tensor.name)))
    };
    let shape: Result<Vec<usize>, Invalid> = tensor.shape.iter().map(size).collect();
    Ok(Tensor::new(tensor.name.clone(), shape?))
}

/// The length of a payload that must have this codec and exactly `expected` bytes. Nothing longer is ever read.
///
/// # Errors
/// When codec or length are others, or the bytes are neither here nor named.
pub fn payload_length(payload: &Payload, codec: &str, expected: usize) -> Result<usize, Invalid> {
    if payload.codec != codec {
        let found = &payload.codec;
        return Err(Invalid(format!(
            "a payload has the codec `{found}`; it must be `{codec}`"
        )));
    }
    let announced = usize::try_from(payload.length).unwrap_or(usize::MAX);
    let there = match (&payload.inline_data, &payload.digest) {
        (Some(bytes), _) => bytes.len(),
        (None, Some(digest)) if digest.len() == 32 => announced,
        _ => return Err(Invalid("a payload has neither bytes nor a digest".into())),
    };
    if let Some(bytes) = &payload.inline_data
        && !is_intact(bytes, payload.crc32)
    {
        return Err(Invalid("a payload does not match its checksum".to_owned()));
    }
    if announced != expected || there != expected {
        return Err(Invalid(format!(
            "a payload of {there} bytes, announced as {announced}; the layout takes {expected}"
        )));
    }
    Ok(expected)
}
