//! Blobs over a connection: in chunks, several requests ahead of the answers.
//!
//! A chunk stays in the processor's cache and both ends work at the same time: four chunks of 512 KiB
//! ahead on one connection were measured faster than one large message, and no Thrift library's limit
//! on messages is met.

use std::io;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thrift::protocol::{TInputProtocol, TOutputProtocol};

use super::held::{Collector, Held, PIECE};
use crate::wire::convert::{checksum, fault, is_intact};
use crate::wire::rpc::CallError;
use crate::wire::stubs::compute_node::ComputeNodeClient;
use crate::wire::stubs::coordinator::CoordinatorClient;
use crate::wire::stubs::types::{
    CHUNK_LIMIT, Chunk, ChunkRequest, Fault, FaultCode, MissingRequest,
};

/// Chunks asked for, or sent, before the first answer is read.
const AHEAD: usize = 4;

/// SHA-256, the name of a blob.
pub fn digest(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

/// The same of bytes in pieces.
///
/// # Errors
/// When they cannot be read.
pub fn digest_of(bytes: &Held) -> std::io::Result<Bytes> {
    let mut hash = Sha256::new();
    for number in 0..bytes.pieces() {
        hash.update(&bytes.piece(number)?);
    }
    Ok(Bytes::copy_from_slice(&hash.finalize()))
}

/// Something that hands out blobs in chunks.
pub trait ChunkSource {
    /// Asks for a chunk.
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError>;
    /// Takes the oldest chunk asked for.
    fn take(&mut self) -> Result<Chunk, CallError>;
    /// How many chunks were asked for and not taken.
    fn waiting(&mut self) -> usize;
}

impl<I: TInputProtocol, O: TOutputProtocol> ChunkSource for ComputeNodeClient<I, O> {
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError> {
        self.send_get_chunk(request).map(drop)
    }

    fn take(&mut self) -> Result<Chunk, CallError> {
        self.receive_get_chunk()
    }

    fn waiting(&mut self) -> usize {
        self.channel().waiting()
    }
}

impl<I: TInputProtocol, O: TOutputProtocol> ChunkSource for CoordinatorClient<I, O> {
    fn ask(&mut self, request: &ChunkRequest) -> Result<(), CallError> {
        self.send_get_chunk(request).map(drop)
    }

    fn take(&mut self) -> Result<Chunk, CallError> {
        self.receive_get_chunk()
    }

    fn waiting(&mut self) -> usize {
        self.channel().waiting()
    }
}

/// Part of a blob, as it is asked for.
///
/// # Errors
/// When there is no such part.
pub fn chunk(blob: &Held, request: &ChunkRequest) -> Result<Chunk, Fault> {
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let size = usize::try_from(request.size.min(CHUNK_LIMIT)).unwrap_or(0);
    if offset > blob.len() || size == 0 {
        let (size, offset, length) = (request.size, request.offset, blob.len());
        let message = format!("{size} bytes at {offset} of a blob of {length}");
        return Err(fault(FaultCode::INVALID, message));
    }
    let data = blob.read(offset, size);
    let data = data.map_err(|error| fault(FaultCode::INTERNAL, error.to_string()))?;
    Ok(Chunk {
        digest: request.digest.clone(),
        length: blob.len() as i64,
        offset: request.offset,
        crc32: Some(checksum(&data)),
        data,
    })
}

/// Fetches a blob of `length` bytes and shows each part as it comes. The caller decided that this length is
/// acceptable; memory is taken as chunks arrive.
pub fn fetch(
    source: &mut impl ChunkSource,
    name: &Bytes,
    length: usize,
    see: impl FnMut(&[u8]),
) -> Result<Held, CallError> {
    let fetched = fetch_ahead(source, name, length, see);
    let taken = || (source.waiting() > 0).then(|| source.take().map(drop));
    in_order(fetched, taken)
}

/// What came of calls sent ahead, when the answers that a fault left unread are read too: the connection is kept after a
/// fault, and the next call would find them. `rest` reads one of them, while there are any.
fn in_order<T>(
    outcome: Result<T, CallError>,
    rest: impl FnMut() -> Option<Result<(), CallError>>,
) -> Result<T, CallError> {
    if matches!(&outcome, Err(error) if !error.is_transport()) {
        for answer in std::iter::from_fn(rest) {
            if let Err(error) = answer
                && error.is_transport()
            {
                return Err(error);
            }
        }
    }
    outcome
}

fn fetch_ahead(
    source: &mut impl ChunkSource,
    name: &Bytes,
    length: usize,
    mut see: impl FnMut(&[u8]),
) -> Result<Held, CallError> {
    let mut blob = Collector::new(length).map_err(of_io)?;
    let mut asked = 0;
    while blob.missing() > 0 {
        while asked < length && asked < blob.taken() + AHEAD * PIECE {
            source.ask(&ChunkRequest {
                digest: name.clone(),
                offset: asked as i64,
                size: PIECE.min(length - asked) as i32,
            })?;
            asked = (asked + PIECE).min(length);
        }
        let chunk = source.take()?;
        let expected = PIECE.min(blob.missing());
        if chunk.offset != blob.taken() as i64 || chunk.data.len() != expected {
            return Err(mismatch("a chunk of a blob has another place or length"));
        }
        if !is_intact(&chunk.data, chunk.crc32) {
            return Err(mismatch("a chunk of a blob does not match its checksum"));
        }
        see(&chunk.data);
        blob.push(chunk.data).map_err(of_io)?;
    }
    Ok(blob.finish())
}

/// Sends those of the blobs that the node lacks.
pub fn send_missing<I: TInputProtocol, O: TOutputProtocol>(
    node: &mut ComputeNodeClient<I, O>,
    blobs: &[(Bytes, Held)],
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
    blob: &Held,
) -> Result<(), CallError> {
    let sent = send_ahead(node, name, blob);
    let received = || (node.channel().waiting() > 0).then(|| node.receive_put_chunk().map(drop));
    in_order(sent, received)
}

fn send_ahead<I: TInputProtocol, O: TOutputProtocol>(
    node: &mut ComputeNodeClient<I, O>,
    name: &Bytes,
    blob: &Held,
) -> Result<(), CallError> {
    for number in 0..blob.pieces() {
        if node.channel().waiting() == AHEAD {
            node.receive_put_chunk()?;
        }
        let data = blob.piece(number).map_err(of_io)?;
        node.send_put_chunk(&Chunk {
            digest: name.clone(),
            length: blob.len() as i64,
            offset: (number * PIECE) as i64,
            crc32: Some(checksum(&data)),
            data,
        })?;
    }
    while node.channel().waiting() > 0 {
        node.receive_put_chunk()?;
    }
    Ok(())
}

fn mismatch(what: &str) -> CallError {
    let kind = thrift::ProtocolErrorKind::InvalidData;
    CallError::Transport(thrift::new_protocol_error(kind, what))
}

/// A file of our own failed, not the peer; the connection is of no further use either way.
fn of_io(error: io::Error) -> CallError {
    let what = format!("cannot keep a long blob in a temporary file: {error}");
    mismatch(&what)
}
