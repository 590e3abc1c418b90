//! Blobs by their SHA-256: shards and long parameters that arrive in chunks, long updates to be fetched.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::app::held::{Collector, Held};
use crate::app::transfer;
use crate::wire::convert::{count, fault, is_intact};
use crate::wire::stubs::types::{Chunk, ChunkReply, ChunkRequest, Fault, FaultCode};

/// Blobs that may be on their way at once; the one that was longest untouched gives way.
const PARTIAL: usize = 16;
/// What keeping a blob takes besides its bytes, its name among it: short ones are bounded too.
const ENTRY: usize = 256;

#[derive(Debug)]
struct Kept {
    bytes: Held,
    used: u64,
}

#[derive(Debug)]
struct Partial {
    bytes: Collector,
    length: usize,
    /// Whether every chunk so far came with a checksum, and matched it.
    checked: bool,
    used: u64,
}

/// A bounded store; the blob that was longest untouched gives way.
#[derive(Debug)]
pub struct Blobs {
    most: usize,
    /// What is here takes so many bytes, whole blobs and those on their way.
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
    pub fn get(&mut self, digest: &Bytes) -> Option<Held> {
        let now = self.tick();
        let kept = self.kept.get_mut(digest)?;
        kept.used = now;
        Some(kept.bytes.clone())
    }

    /// Keeps a blob.
    pub fn keep(&mut self, digest: Bytes, bytes: Held) {
        let used = self.tick();
        self.size += bytes.len() + ENTRY;
        if let Some(old) = self.kept.insert(digest.clone(), Kept { bytes, used }) {
            self.size -= old.bytes.len() + ENTRY;
        }
        self.make_room(&digest);
    }

    /// Drops the longest untouched, whole or on their way, until the rest fits. The blob of this name stays.
    fn make_room(&mut self, digest: &Bytes) {
        while self.size > self.most {
            let kept = self.kept.iter().map(|(name, kept)| (kept.used, name));
            let partial = self.partial.iter().map(|(name, it)| (it.used, name));
            let others = kept.chain(partial).filter(|(_, name)| *name != digest);
            let Some(name) = others.min().map(|(_, name)| name.clone()) else {
                return;
            };
            let gone = self.kept.remove(&name);
            self.size -= gone.map_or(0, |gone| gone.bytes.len() + ENTRY);
            self.drop_partial(&name);
        }
    }

    fn drop_partial(&mut self, name: &Bytes) -> Option<Partial> {
        let gone = self.partial.remove(name)?;
        self.size -= gone.bytes.taken();
        Some(gone)
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
        if !is_intact(&chunk.data, chunk.crc32) {
            return Err(corrupt("a chunk does not match its checksum"));
        }
        if self.has(&chunk.digest) {
            return Ok(ChunkReply { have: chunk.length });
        }
        let used = self.tick();
        self.make_room_for_partial(&chunk.digest);
        if !self.partial.contains_key(&chunk.digest) {
            let partial = Partial {
                bytes: Collector::new(length).map_err(|error| unkept(&error))?,
                length,
                checked: true,
                used,
            };
            self.partial.insert(chunk.digest.clone(), partial);
        }
        let Some(partial) = self.partial.get_mut(&chunk.digest) else {
            return Ok(ChunkReply { have: 0 });
        };
        partial.used = used;
        let have = partial.bytes.taken();
        let fits = partial.length == length
            && chunk.offset == count(have)
            && chunk.data.len() <= partial.bytes.missing();
        if !fits {
            // Not where we are: the sender is told where to go on.
            return Ok(ChunkReply { have: count(have) });
        }
        partial.checked &= chunk.crc32.is_some();
        let pushed = partial.bytes.push(chunk.data.clone());
        let taken = partial.bytes.taken();
        self.size += taken - have;
        if let Err(error) = pushed {
            // It is sent again from its first byte, so that nothing is left out.
            self.drop_partial(&chunk.digest);
            return Err(unkept(&error));
        }
        if taken == length {
            self.complete(&chunk.digest)?;
        } else {
            self.make_room(&chunk.digest);
        }
        Ok(ChunkReply { have: count(taken) })
    }

    fn make_room_for_partial(&mut self, digest: &Bytes) {
        if self.partial.len() < PARTIAL || self.partial.contains_key(digest) {
            return;
        }
        let oldest = self.partial.iter().min_by_key(|(_, partial)| partial.used);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.drop_partial(&name);
        }
    }

    fn complete(&mut self, digest: &Bytes) -> Result<(), Fault> {
        let Some(partial) = self.drop_partial(digest) else {
            return Ok(());
        };
        let bytes = partial.bytes.finish();
        if !partial.checked && hash(&bytes).map_err(|error| unkept(&error))? != *digest {
            return Err(corrupt("the bytes do not match the blob's name"));
        }
        self.keep(digest.clone(), bytes);
        Ok(())
    }

    /// Part of a blob.
    ///
    /// # Errors
    /// When it is not here or has no such part.
    pub fn chunk(&mut self, request: &ChunkRequest) -> Result<Chunk, Fault> {
        let bytes = self.get(&request.digest);
        let gone = || fault(FaultCode::NOT_FOUND, "no such blob is here");
        transfer::chunk(&bytes.ok_or_else(gone)?, request)
    }
}

/// SHA-256 of a blob.
fn hash(blob: &Held) -> io::Result<Bytes> {
    let mut hash = Sha256::new();
    for number in 0..blob.pieces() {
        hash.update(blob.piece(number)?);
    }
    Ok(Bytes::copy_from_slice(&hash.finalize()))
}

/// What a node says when it has no room for a long blob.
pub(super) fn unkept(error: &io::Error) -> Fault {
    let message = format!("a long blob cannot be kept in a temporary file: {error}");
    Fault {
        hint: Some("free space in the node's temporary directory, or set TMPDIR".to_owned()),
        retryable: Some(true),
        ..fault(FaultCode::INTERNAL, message)
    }
}

fn corrupt(message: &str) -> Fault {
    Fault {
        retryable: Some(true),
        ..fault(FaultCode::CORRUPT, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::held::PIECE;
    use crate::wire::convert;

    fn chunk(bytes: &Bytes, from: usize, to: usize) -> Chunk {
        Chunk {
            digest: transfer::digest(bytes),
            length: count(bytes.len()),
            offset: count(from),
            data: bytes.slice(from..to),
            crc32: None,
        }
    }

    #[test]
    fn chunks_in_order_become_a_blob() {
        let mut blobs = Blobs::new(1000);
        let bytes = Bytes::from_static(b"hello, world");
        assert_eq!(blobs.put(&chunk(&bytes, 0, 5)).unwrap().have, 5);
        assert_eq!(blobs.put(&chunk(&bytes, 7, 12)).unwrap().have, 5, "a gap");
        assert_eq!(blobs.put(&chunk(&bytes, 5, 12)).unwrap().have, 12);
        let kept = blobs.get(&transfer::digest(&bytes)).unwrap();
        assert_eq!(kept.whole().unwrap(), bytes);
        assert_eq!(blobs.put(&chunk(&bytes, 0, 5)).unwrap().have, 12, "known");
        let request = ChunkRequest {
            digest: transfer::digest(&bytes),
            offset: 7,
            size: 3,
        };
        let part = blobs.chunk(&request).unwrap();
        assert_eq!(&part.data[..], b"wor");
        assert!(is_intact(b"wor", part.crc32) && !is_intact(b"war", part.crc32));
    }

    #[test]
    fn a_blob_that_could_not_be_written_begins_anew() {
        let mut blobs = Blobs::new(1 << 30);
        let bytes: Bytes = (0..2 * PIECE).map(|at| at as u8 | 1).collect();
        let (first, second) = (chunk(&bytes, 0, PIECE), chunk(&bytes, PIECE, 2 * PIECE));
        let [first, second] = [first, second].map(|chunk| Chunk {
            crc32: Some(convert::checksum(&chunk.data)),
            ..chunk
        });
        let partial = Partial {
            bytes: Collector::on_a_full_disk(bytes.len()),
            length: bytes.len(),
            checked: true,
            used: 0,
        };
        blobs.partial.insert(first.digest.clone(), partial);
        let failed = blobs.put(&first).unwrap_err();
        assert_eq!(failed.code, FaultCode::INTERNAL);
        // There is room again, and what was sent ahead comes.
        assert_eq!(blobs.put(&second).unwrap().have, 0);
        assert_eq!(blobs.put(&first).unwrap().have, count(PIECE));
        assert_eq!(blobs.put(&second).unwrap().have, count(bytes.len()));
        let kept = blobs.get(&first.digest).unwrap();
        assert!(kept.whole().unwrap() == bytes);
        assert_eq!(blobs.size, bytes.len() + ENTRY);
    }

    #[test]
    fn blobs_of_no_bytes_are_bounded_too() {
        let mut blobs = Blobs::new(10 * ENTRY);
        for name in 0..100 {
            let empty = Chunk {
                digest: Bytes::from(vec![name; 32]),
                crc32: Some(0),
                ..Chunk::default()
            };
            assert_eq!(blobs.put(&empty).unwrap().have, 0);
        }
        assert_eq!(blobs.kept.len(), 10);
    }

    #[test]
    fn wrong_bytes_are_corrupt_and_long_ones_refused() {
        let mut blobs = Blobs::new(10);
        let mut lie = chunk(&Bytes::from_static(b"truth"), 0, 5);
        lie.data = Bytes::from_static(b"false");
        assert_eq!(blobs.put(&lie).unwrap_err().code, FaultCode::CORRUPT);
        lie.crc32 = Some(0);
        assert_eq!(blobs.put(&lie).unwrap_err().code, FaultCode::CORRUPT);
        let long = chunk(&Bytes::from_static(b"more than ten"), 0, 1);
        assert_eq!(blobs.put(&long).unwrap_err().code, FaultCode::INVALID);
        lie.crc32 = None;
        lie.length = -1;
        assert_eq!(blobs.put(&lie).unwrap_err().code, FaultCode::INVALID);
    }

    /// What is here of blobs, whole and partial.
    fn held(blobs: &Blobs) -> usize {
        let kept = blobs.kept.values().map(|kept| kept.bytes.len() + ENTRY);
        let partial = blobs.partial.values().map(|it| it.bytes.taken());
        kept.chain(partial).sum()
    }

    #[test]
    fn what_is_on_its_way_counts() {
        let mut blobs = Blobs::new(100 + ENTRY);
        let old = Bytes::from(vec![0; 60]);
        blobs.keep(Bytes::from(vec![255; 32]), old.into());
        for name in 0..PARTIAL as u8 {
            let part = Chunk {
                digest: Bytes::from(vec![name; 32]),
                length: 100,
                data: Bytes::from(vec![name; 40]),
                ..Chunk::default()
            };
            assert_eq!(blobs.put(&part).unwrap().have, 40);
            assert!(held(&blobs) <= 100 + ENTRY, "{}", held(&blobs));
            assert_eq!(held(&blobs), blobs.size);
        }
        // The newest are those that stay.
        assert!(blobs.partial.contains_key(&Bytes::from(vec![15; 32])));
        assert!(!blobs.has(&Bytes::from(vec![255; 32])));
    }

    #[test]
    fn the_longest_unused_gives_way() {
        let mut blobs = Blobs::new(10 + 2 * ENTRY);
        let names: Vec<Bytes> = (0..3u8).map(|i| Bytes::from(vec![i; 32])).collect();
        blobs.keep(names[0].clone(), Bytes::from_static(b"1234").into());
        blobs.keep(names[1].clone(), Bytes::from_static(b"1234").into());
        assert!(blobs.get(&names[0]).is_some());
        blobs.keep(names[2].clone(), Bytes::from_static(b"1234").into());
        assert!(blobs.has(&names[0]) && !blobs.has(&names[1]) && blobs.has(&names[2]));
    }
}
