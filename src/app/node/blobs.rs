//! Blobs by their SHA-256: shards and long parameters that arrive in chunks, long updates to be fetched.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::app::transfer;
use crate::wire::convert::{count, fault};
use crate::wire::stubs::types::{Chunk, ChunkReply, ChunkRequest, Fault, FaultCode};

/// Blobs that may be on their way at once; the one that was longest untouched gives way.
const PARTIAL: usize = 16;
/// Memory taken at once for a blob on its way.
const STEP: usize = 4 << 20;

#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    used: u64,
}

#[derive(Debug)]
struct Partial {
    bytes: BytesMut,
    length: usize,
    used: u64,
}

/// A bounded store; the blob that was longest unused gives way.
#[derive(Debug)]
pub struct Blobs {
    most: usize,
    size: usize,
    clock: u64,
    kept: BTreeMap<Bytes, Kept>,
    partial: BTreeMap<Bytes, Partial>,
}

impl Blobs {
    /// A store of at most `most` bytes.
    pub fn new(most: usize) -> Blobs {
        Blobs {
            most,
            size: 0,
            clock: 0,
            kept: BTreeMap::new(),
            partial: BTreeMap::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Whether a blob is here.
    pub fn has(&self, digest: &Bytes) -> bool {
        self.kept.contains_key(digest)
    }

    /// The bytes of a blob.
    pub fn get(&mut self, digest: &Bytes) -> Option<Bytes> {
        let now = self.tick();
        let kept = self.kept.get_mut(digest)?;
        kept.used = now;
        Some(kept.bytes.clone())
    }

    /// Keeps a blob.
    pub fn keep(&mut self, digest: Bytes, bytes: Bytes) {
        let used = self.tick();
        self.size += bytes.len();
        if let Some(old) = self.kept.insert(digest.clone(), Kept { bytes, used }) {
            self.size -= old.bytes.len();
        }
        while self.size > self.most && self.kept.len() > 1 {
            let oldest = self.kept.iter().filter(|(name, _)| **name != digest);
            let oldest = oldest.min_by_key(|(_, kept)| kept.used);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            if let Some(gone) = self.kept.remove(&name) {
                self.size -= gone.bytes.len();
            }
        }
    }

    /// Takes in the next chunk of a blob. Memory is taken for bytes that are here, not for those announced.
    ///
    /// # Errors
    /// When it is longer than the store, or its bytes do not match its name.
    pub fn put(&mut self, chunk: &Chunk) -> Result<ChunkReply, Fault> {
        let length = usize::try_from(chunk.length).unwrap_or(usize::MAX);
        if chunk.digest.len() != 32 || length > self.most {
            let most = self.most;
            let message = format!(
                "a blob of {} bytes by a name of {}; names have 32, blobs at most {most}",
                chunk.length,
                chunk.digest.len()
            );
            return Err(fault(FaultCode::INVALID, message));
        }
        if self.has(&chunk.digest) {
            return Ok(ChunkReply { have: chunk.length });
        }
        let used = self.tick();
        self.make_room_for_partial(&chunk.digest);
        let partial = self
            .partial
            .entry(chunk.digest.clone())
            .or_insert_with(|| Partial {
                bytes: BytesMut::new(),
                length,
                used,
            });
        partial.used = used;
        let have = partial.bytes.len();
        let fits = partial.length == length
            && chunk.offset == count(have)
            && chunk.data.len() <= length - have;
        if !fits {
            // Not where we are: the sender is told where to go on.
            return Ok(ChunkReply { have: count(have) });
        }
        partial.bytes.reserve(chunk.data.len().min(STEP));
        partial.bytes.extend_from_slice(&chunk.data);
        let have = partial.bytes.len();
        if have == length {
            self.complete(&chunk.digest)?;
        }
        Ok(ChunkReply { have: count(have) })
    }

    fn make_room_for_partial(&mut self, digest: &Bytes) {
        if self.partial.len() < PARTIAL || self.partial.contains_key(digest) {
            return;
        }
        let oldest = self.partial.iter().min_by_key(|(_, partial)| partial.used);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.partial.remove(&name);
        }
    }

    fn complete(&mut self, digest: &Bytes) -> Result<(), Fault> {
        let Some(partial) = self.partial.remove(digest) else {
            return Ok(());
        };
        let bytes = partial.bytes.freeze();
        if transfer::digest(&bytes) != *digest {
            return Err(Fault {
                retryable: Some(true),
                ..fault(FaultCode::CORRUPT, "the bytes do not match the blob's name")
            });
        }
        self.keep(digest.clone(), bytes);
        Ok(())
    }

    /// Part of a blob, at most `limit` bytes.
    ///
    /// # Errors
    /// When it is not here or has no such part.
    pub fn chunk(&mut self, request: &ChunkRequest, limit: usize) -> Result<Chunk, Fault> {
        let bytes = self
            .get(&request.digest)
            .ok_or_else(|| fault(FaultCode::NOT_FOUND, "no such blob is here"))?;
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let size = usize::try_from(request.size).unwrap_or(0).min(limit);
        if offset > bytes.len() || size == 0 {
            let message = format!(
                "{} bytes at {} of a blob of {}",
                request.size,
                request.offset,
                bytes.len()
            );
            return Err(fault(FaultCode::INVALID, message));
        }
        let end = (offset + size).min(bytes.len());
        Ok(Chunk {
            digest: request.digest.clone(),
            length: count(bytes.len()),
            offset: request.offset,
            data: bytes.slice(offset..end),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: &Bytes, from: usize, to: usize) -> Chunk {
        Chunk {
            digest: transfer::digest(bytes),
            length: count(bytes.len()),
            offset: count(from),
            data: bytes.slice(from..to),
        }
    }

    #[test]
    fn chunks_in_order_become_a_blob() {
        let mut blobs = Blobs::new(1000);
        let bytes = Bytes::from_static(b"hello, world");
        assert_eq!(blobs.put(&chunk(&bytes, 0, 5)).unwrap().have, 5);
        assert_eq!(blobs.put(&chunk(&bytes, 7, 12)).unwrap().have, 5, "a gap");
        assert_eq!(blobs.put(&chunk(&bytes, 5, 12)).unwrap().have, 12);
        assert_eq!(blobs.get(&transfer::digest(&bytes)), Some(bytes.clone()));
        assert_eq!(blobs.put(&chunk(&bytes, 0, 5)).unwrap().have, 12, "known");
        let request = ChunkRequest {
            digest: transfer::digest(&bytes),
            offset: 7,
            size: 99,
        };
        assert_eq!(&blobs.chunk(&request, 3).unwrap().data[..], b"wor");
    }

    #[test]
    fn wrong_bytes_are_corrupt_and_long_ones_refused() {
        let mut blobs = Blobs::new(10);
        let mut lie = chunk(&Bytes::from_static(b"truth"), 0, 5);
        lie.data = Bytes::from_static(b"false");
        assert_eq!(blobs.put(&lie).unwrap_err().code, FaultCode::CORRUPT);
        let long = chunk(&Bytes::from_static(b"more than ten"), 0, 1);
        assert_eq!(blobs.put(&long).unwrap_err().code, FaultCode::INVALID);
        lie.length = -1;
        assert_eq!(blobs.put(&lie).unwrap_err().code, FaultCode::INVALID);
    }

    #[test]
    fn the_longest_unused_gives_way() {
        let mut blobs = Blobs::new(10);
        let names: Vec<Bytes> = (0..3u8).map(|i| Bytes::from(vec![i; 32])).collect();
        blobs.keep(names[0].clone(), Bytes::from_static(b"1234"));
        blobs.keep(names[1].clone(), Bytes::from_static(b"1234"));
        assert!(blobs.get(&names[0]).is_some());
        blobs.keep(names[2].clone(), Bytes::from_static(b"1234"));
        assert!(blobs.has(&names[0]) && !blobs.has(&names[1]) && blobs.has(&names[2]));
    }
}
