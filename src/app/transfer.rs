//! Blobs over a connection: in chunks, several requests ahead of the answers.
//!
//! A chunk stays in the processor's cache and both ends work at the same time: four chunks of 512 KiB
//! ahead on one connection were measured faster than one large message, and no Thrift library's limit
//! on messages is met.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use thrift::protocol::{TInputProtocol, TOutputProtocol};

use crate::wire::rpc::CallError;
use crate::wire::stubs::compute_node::ComputeNodeClient;
use crate::wire::stubs::coordinator::CoordinatorClient;
use crate::wire::stubs::types::{Chunk, ChunkRequest, MissingRequest};

/// Bytes of a chunk.
pub const CHUNK: usize = 512 << 10;
/// Chunks asked for, or sent, before the first answer is read.
const AHEAD: usize = 4;

/// SHA-256, the name of a blob.
pub fn digest(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

/// Something that hands out blobs in chunks.
pub trait ChunkSource {
    /// Asks for a chunk.
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError>;
    /// Takes the oldest chunk asked for.
    fn take(&mut self) -> Result<Chunk, CallError>;
}

impl<I: TInputProtocol, O: TOutputProtocol> ChunkSource for ComputeNodeClient<I, O> {
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError> {
        self.send_get_chunk(request).map(drop)
    }

    fn take(&mut self) -> Result<Chunk, CallError> {
        self.receive_get_chunk()
    }
}

impl<I: TInputProtocol, O: TOutputProtocol> ChunkSource for CoordinatorClient<I, O> {
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError> {
        self.send_get_chunk(request).map(drop)
    }

    fn take(&mut self) -> Result<Chunk, CallError> {
        self.receive_get_chunk()
    }
}

/// Fetches a blob of `length` bytes. The caller decided that this length is acceptable; memory is
/// taken as chunks arrive. The bytes are checked against the digest.
pub fn fetch(
    source: &mut impl ChunkSource,
    name: &Bytes,
    length: usize,
) -> Result<Bytes, CallError> {
    let mut bytes = BytesMut::new();
    let mut asked = 0;
    while bytes.len() < length {
        while asked < length && asked < bytes.len() + AHEAD * CHUNK {
            source.ask(&ChunkRequest {
                digest: name.clone(),
                offset: asked as i64,
                size: CHUNK.min(length - asked) as i32,
            })?;
            asked = (asked + CHUNK).min(length);
        }
        let chunk = source.take()?;
        let expected = CHUNK.min(length - bytes.len());
        if chunk.offset != bytes.len() as i64 || chunk.data.len() != expected {
            return Err(mismatch("a chunk of a blob has another place or length"));
        }
        bytes.extend_from_slice(&chunk.data);
    }
    let bytes = bytes.freeze();
    if digest(&bytes) != *name {
        return Err(mismatch("the bytes of a blob do not match its digest"));
    }
    Ok(bytes)
}

/// Sends those of the blobs that the node lacks.
pub fn send_missing<I: TInputProtocol, O: TOutputProtocol>(
    node: &mut ComputeNodeClient<I, O>,
    blobs: &[(Bytes, Bytes)],
) -> Result<(), CallError> {
    if blobs.is_empty() {
        return Ok(());
    }
    let digests = blobs.iter().map(|(name, _)| name.clone()).collect();
    let missing = node.missing(&MissingRequest { digests })?.missing;
    for (name, bytes) in blobs.iter().filter(|(name, _)| missing.contains(name)) {
        send(node, name, bytes)?;
    }
    Ok(())
}

fn send<I: TInputProtocol, O: TOutputProtocol>(
    node: &mut ComputeNodeClient<I, O>,
    name: &Bytes,
    bytes: &Bytes,
) -> Result<(), CallError> {
    let mut waiting = 0;
    for offset in (0..bytes.len()).step_by(CHUNK) {
        if waiting == AHEAD {
            node.receive_put_chunk()?;
            waiting -= 1;
        }
        node.send_put_chunk(&Chunk {
            digest: name.clone(),
            length: bytes.len() as i64,
            offset: offset as i64,
            data: bytes.slice(offset..(offset + CHUNK).min(bytes.len())),
        })?;
        waiting += 1;
    }
    for _ in 0..waiting {
        node.receive_put_chunk()?;
    }
    Ok(())
}

fn mismatch(what: &str) -> CallError {
    let kind = thrift::ProtocolErrorKind::InvalidData;
    CallError::Transport(thrift::new_protocol_error(kind, what))
}
