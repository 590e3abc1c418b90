//! Parameters after some round, encoded once for all nodes.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::memories::Memories;
use super::values::widened;
use crate::app::held::{self, Collector, Held};
use crate::ml::layout::Layout;
use crate::ml::parameters::Parameters;
use crate::wire::convert::{self, RAW};
use crate::wire::stubs::types::{INLINE_LIMIT, Payload};

/// Parameters after some round. They are decoded only where values are needed.
#[derive(Debug)]
pub struct Current {
    pub layout: Arc<Layout>,
    pub bytes: Held,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// Rounds finished when these were made.
    pub round: u32,
    payload: Payload,
    /// What the server's step remembers, in the order of its names; empty before the first round.
    pub server: Vec<Held>,
    /// What is remembered of the shards.
    pub memories: Memories,
}

impl Current {
    /// Parameters in memory, encoded.
    pub fn of(parameters: &Parameters, round: u32) -> Result<Current, String> {
        let mut encoder = Encoder::new(Arc::clone(parameters.layout()), round)?;
        for piece in held::pieces_of(parameters) {
            encoder.push(piece)?;
        }
        encoder.finish()
    }

    /// The same with what is remembered beside them.
    pub fn with_state(self, server: Vec<Held>, memories: Memories) -> Current {
        Current {
            server,
            memories,
            ..self
        }
    }

    /// A piece of the first tensor that the server's step remembers; zeros before the first round.
    pub fn server_piece(&self, number: usize, length: usize) -> std::io::Result<Vec<f64>> {
        match self.server.first() {
            Some(held) => widened(self.layout.dtype(), held, number),
            None => Ok(vec![0.0; length]),
        }
    }

    /// How nodes are told of them.
    pub fn payload(&self) -> Payload {
        self.payload.clone()
    }

    /// The name and bytes of the blob that nodes need, if they are too long for a message.
    pub fn blob(&self) -> Option<(Bytes, Held)> {
        let name = self.payload.digest.clone()?;
        Some((name, self.bytes.clone()))
    }

    /// The values.
    pub fn parameters(&self) -> Result<Parameters, String> {
        held::decode(Arc::clone(&self.layout), &self.bytes)
            .map_err(|error| unreadable(&error))?
            .map_err(|error| error.to_string())
    }
}

/// Takes parameters in piece by piece.
pub struct Encoder {
    layout: Arc<Layout>,
    round: u32,
    pieces: Collector,
    hash: Sha256,
}

impl Encoder {
    pub fn new(layout: Arc<Layout>, round: u32) -> Result<Encoder, String> {
        let pieces = Collector::new(layout.byte_length()).map_err(|error| unwritable(&error))?;
        Ok(Encoder {
            layout,
            round,
            pieces,
            hash: Sha256::new(),
        })
    }

    /// Takes in the next piece.
    pub fn push(&mut self, piece: Bytes) -> Result<(), String> {
        self.hash.update(&piece);
        self.pieces.push(piece).map_err(|error| unwritable(&error))
    }

    pub fn finish(self) -> Result<Current, String> {
        let bytes = self.pieces.finish();
        let digest: [u8; 32] = self.hash.finalize().into();
        let name = Bytes::copy_from_slice(&digest);
        let fits = bytes.len() <= usize::try_from(INLINE_LIMIT).unwrap_or(0);
        let payload = if fits {
            let inline = bytes.whole().map_err(|error| unreadable(&error))?;
            convert::inline(RAW, &inline)
        } else {
            convert::blob(RAW, bytes.len(), &name)
        };
        Ok(Current {
            layout: self.layout,
            bytes,
            digest,
            round: self.round,
            payload,
            server: Vec::new(),
            memories: Memories::default(),
        })
    }
}

fn unreadable(error: &std::io::Error) -> String {
    format!("the parameters cannot be read back from their temporary file: {error}")
}

fn unwritable(error: &std::io::Error) -> String {
    format!(
        "the parameters cannot be written to a temporary file: {error}; free space in {} or set TMPDIR",
        std::env::temp_dir().display()
    )
}
