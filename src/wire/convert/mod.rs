//! From messages to trusted types and back. Foreign data is checked here, once.

pub mod columns;
pub mod foreign;
pub mod moments;
pub mod plan;
pub mod report;
mod update;

use std::fmt;

pub use update::{Initial, UpdateBounds};

use super::stubs::compute_node::Training;
use super::stubs::types::{
    self, DType as WireDType, FaultCode, Hello, PROTOCOL_MAJOR, PROTOCOL_MINOR, Payload,
};
use crate::cluster::AttemptId;
use crate::ml::layout::{DType, Layout};

/// Program and version, as peers and model files are told.
pub const SOFTWARE: &str = concat!("roundtable/", env!("CARGO_PKG_VERSION"));
/// Values as they are.
pub const RAW: &str = "raw";
/// An exact sum of updates, as integers.
pub const EXACT: &str = "exact";
/// The ability to evaluate on rows of its own.
pub const EVALUATES: &str = "evaluate";
/// The ability to give first parameters of a model.
pub const INITIALISES: &str = "initialise";
/// The ability to be called off.
pub const CANCELS: &str = "cancel";
/// The ability to take and give long payloads in chunks.
pub const BLOBS: &str = "blobs";
/// The ability to train several shards in one task, and to answer with their exact sum.
pub const FOLDS: &str = "fold";
/// The ability to take steps with momentum.
pub const MOMENTUM: &str = "momentum";
/// The ability to take steps with weight decay.
pub const WEIGHT_DECAY: &str = "weight-decay";
/// The ability to take steps with a proximal term.
pub const PROXIMAL: &str = "proximal";
/// The ability to add a correction to every gradient.
pub const CORRECTION: &str = "correction";
/// The ability to add up features, and to take rows by means and deviations.
pub const DESCRIBES: &str = "describe";
/// The ability to train on false labels, for studies.
pub const FLIPS: &str = "flip-labels";

/// Abilities that a node must have for this training, and what it cannot do without each.
pub fn needs(training: &Training) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let asked = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    [
        (asked(training.momentum), MOMENTUM, "train with momentum"),
        (
            asked(training.weight_decay),
            WEIGHT_DECAY,
            "train with weight decay",
        ),
        (
            asked(training.proximal),
            PROXIMAL,
            "train with a proximal term",
        ),
    ]
    .into_iter()
    .filter_map(|(asked, ability, what)| asked.then_some((ability, what)))
}

/// An answer that cannot be accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// What this program says of itself first.
pub fn hello() -> Hello {
    Hello {
        protocol_major: PROTOCOL_MAJOR,
        protocol_minor: PROTOCOL_MINOR,
        software: Some(SOFTWARE.to_owned()),
        abilities: None,
    }
}

/// Whether we can talk to a peer that says this.
///
/// # Errors
/// When its major version is another one.
pub fn check_hello(hello: &Hello) -> Result<(), Invalid> {
    if hello.protocol_major == PROTOCOL_MAJOR {
        return Ok(());
    }
    Err(Invalid(format!(
        "it speaks version {}.{} of the protocol, this program {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}; \
         use programs of the same release",
        hello.protocol_major, hello.protocol_minor
    )))
}

/// An attempt's id on the wire.
pub fn attempt_id(attempt: AttemptId) -> i64 {
    i64::try_from(attempt.0).unwrap_or(i64::MAX)
}

/// A count on the wire.
pub fn count(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A small count on the wire.
pub fn small(value: impl TryInto<i32>) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}

/// A layout on the wire.
pub fn tensors(layout: &Layout) -> Vec<types::Tensor> {
    let dtype = match layout.dtype() {
        DType::F32 => WireDType::F32,
        DType::F64 => WireDType::F64,
    };
    layout
        .tensors()
        .iter()
        .map(|tensor| types::Tensor {
            name: tensor.name.clone(),
            dtype,
            shape: tensor.shape.iter().map(|&size| count(size)).collect(),
        })
        .collect()
}

/// Bytes as a payload: within the message when they are few, else as a blob of this name.
pub fn payload(codec: &str, bytes: &bytes::Bytes, name: &bytes::Bytes) -> Payload {
    if bytes.len() <= usize::try_from(types::INLINE_LIMIT).unwrap_or(0) {
        inline(codec, bytes)
    } else {
        blob(codec, bytes.len(), name)
    }
}

/// A payload within the message.
pub fn inline(codec: &str, bytes: &bytes::Bytes) -> Payload {
    Payload {
        codec: codec.to_owned(),
        length: count(bytes.len()),
        inline_data: Some(bytes.clone()),
        digest: None,
        crc32: Some(checksum(bytes)),
    }
}

/// A payload of so many bytes that travels as a blob of this name.
pub fn blob(codec: &str, length: usize, name: &bytes::Bytes) -> Payload {
    Payload {
        codec: codec.to_owned(),
        length: count(length),
        inline_data: None,
        digest: Some(name.clone()),
        crc32: None,
    }
}

/// CRC-32 of bytes as it travels.
pub fn checksum(bytes: &[u8]) -> i64 {
    i64::from(crc32fast::hash(bytes))
}

/// Whether bytes are those that were sent, as far as the sender said.
pub fn is_intact(bytes: &[u8], crc32: Option<i64>) -> bool {
    crc32.is_none_or(|sent| sent == checksum(bytes))
}

/// A fault for the peer.
pub fn fault(code: FaultCode, message: impl Into<String>) -> types::Fault {
    types::Fault {
        code,
        message: message.into(),
        hint: None,
        retryable: None,
        retry_after_ms: None,
        problems: None,
    }
}
