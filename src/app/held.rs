//! Long byte strings, held in pieces: in memory, or, when they are very long or very many, in files without a name.
//!
//! Pieces are as long as the chunks in which blobs travel. So nothing is ever copied together, buffers of one size
//! are used again and again, and a model of hundreds of megabytes passes through a coordinator that never has the
//! whole of it in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};

use super::memory;
use crate::ml::layout::Layout;
use crate::ml::parameters::{Parameters, ParametersError};
use crate::wire::buffers;

/// Bytes of a piece; the last may be shorter.
pub const PIECE: usize = buffers::SIZE;
/// What is longer is kept in a file: it goes through the system's cache, which gives way to programs.
const LONGEST_IN_MEMORY: usize = 128 << 20;
/// So are those that would make all of them together longer than this, or than a quarter of the memory there is: many
/// nodes may send their updates at once.
const MOST_IN_MEMORY: usize = 1 << 30;

/// Bytes that can be had piece by piece. Clones share them.
#[derive(Clone, Debug)]
pub struct Held {
    length: usize,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Memory {
        pieces: Arc<[Bytes]>,
        _share: Option<Arc<Share>>,
    },
    File(Arc<File>),
}

impl Held {
    /// All bytes of a file that nobody changes any more.
    pub fn of_file(file: File, length: usize) -> Held {
        Held {
            length,
            place: Place::File(Arc::new(file)),
        }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many pieces.
    pub fn pieces(&self) -> usize {
        self.length.div_ceil(PIECE)
    }

    /// The piece of this number, which starts at `number * PIECE`.
    ///
    /// # Errors
    /// When the file cannot be read.
    ///
    /// # Panics
    /// When there is no such piece.
    pub fn piece(&self, number: usize) -> io::Result<Bytes> {
        match &self.place {
            Place::Memory { pieces, .. } => Ok(pieces[number].clone()),
            Place::File(file) => {
                let offset = number * PIECE;
                let mut piece = buffers::take(PIECE.min(self.length - offset));
                file.read_exact_at(&mut piece, offset as u64)?;
                Ok(buffers::share(piece))
            }
        }
    }

    /// Up to `size` bytes from `offset` on: fewer at the end. Bytes of one piece in memory are not copied.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, offset: usize, size: usize) -> io::Result<Bytes> {
        let end = self.length.min(offset.saturating_add(size));
        if offset >= end {
            return Ok(Bytes::new());
        }
        let (first, last) = (offset / PIECE, (end - 1) / PIECE);
        let part = |number: usize| -> io::Result<Bytes> {
            let start = number * PIECE;
            let piece = self.piece(number)?;
            Ok(piece.slice(offset.max(start) - start..piece.len().min(end - start)))
        };
        if first == last {
            return part(first);
        }
        let mut bytes = BytesMut::with_capacity(end - offset);
        for number in first..=last {
            bytes.extend_from_slice(&part(number)?);
        }
        Ok(bytes.freeze())
    }

    /// All bytes in one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn whole(&self) -> io::Result<Bytes> {
        self.read(0, self.length)
    }
}

/// A share of the memory that all byte strings have together, until it is dropped.
#[derive(Debug)]
struct Share(usize);

static SHARED: AtomicUsize = AtomicUsize::new(0);

impl Share {
    /// Room for so many bytes, if there is any.
    fn of(length: usize) -> Option<Share> {
        static MOST: LazyLock<usize> = LazyLock::new(|| MOST_IN_MEMORY.min(memory::allowed() / 4));
        let add = |shared: usize| shared.checked_add(length).filter(|sum| sum <= &*MOST);
        if length > LONGEST_IN_MEMORY {
            return None;
        }
        let added = SHARED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.ok().map(|_| Share(length))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        SHARED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Takes in bytes one after the other.
#[derive(Debug)]
pub struct Collector {
    length: usize,
    taken: usize,
    /// What came of a piece that is not whole yet.
    begun: BytesMut,
    place: Taken,
}

#[derive(Debug)]
enum Taken {
    Memory(Vec<Bytes>, Share),
    File(File),
}

impl Collector {
    /// For so many bytes in all. Memory is taken as they come.
    ///
    /// # Errors
    /// When they are to be kept in a file and none can be made.
    pub fn new(length: usize) -> io::Result<Collector> {
        let place = match Share::of(length) {
            Some(share) => Taken::Memory(Vec::new(), share),
            None => Taken::File(tempfile::tempfile()?),
        };
        Ok(Collector {
            length,
            taken: 0,
            begun: BytesMut::new(),
            place,
        })
    }

    /// One whose file cannot be written, as on a full disk.
    #[cfg(test)]
    pub fn on_a_full_disk(length: usize) -> Collector {
        let full = File::options().write(true).open("/dev/full");
        Collector {
            length,
            taken: 0,
            begun: BytesMut::new(),
            place: Taken::File(full.unwrap()),
        }
    }

    /// How many bytes came so far.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// How many are still to come.
    pub fn missing(&self) -> usize {
        self.length - self.taken
    }

    /// Takes in the next bytes. Whole pieces are not copied.
    ///
    /// # Errors
    /// When the file cannot be written, for example because the disk is full. Bytes of a piece that was begun may be
    /// gone then: drop it, and begin anew.
    ///
    /// # Panics
    /// When there are more than [`Collector::missing`].
    pub fn push(&mut self, mut bytes: Bytes) -> io::Result<()> {
        assert!(bytes.len() <= self.missing(), "more bytes than announced");
        while !bytes.is_empty() {
            let begun = self.begun.len();
            let piece = PIECE.min(self.missing() + begun);
            let part = bytes.split_to(bytes.len().min(piece - begun));
            let (start, length) = (self.taken - begun, part.len());
            if length == piece {
                self.keep(start, part)?;
            } else {
                self.begun.extend_from_slice(&part);
                if self.begun.len() == piece {
                    let whole = self.begun.split().freeze();
                    self.keep(start, whole)?;
                }
            }
            // What could not be kept does not count as taken.
            self.taken += length;
        }
        Ok(())
    }

    /// Keeps a whole piece, whose first byte has this place among all.
    fn keep(&mut self, start: usize, piece: Bytes) -> io::Result<()> {
        match &mut self.place {
            Taken::Memory(pieces, _) => pieces.push(piece),
            Taken::File(file) => file.write_all_at(&piece, start as u64)?,
        }
        Ok(())
    }

    /// All of it.
    ///
    /// # Panics
    /// When pieces are missing.
    pub fn finish(self) -> Held {
        assert_eq!(self.taken, self.length, "pieces are missing");
        Held {
            length: self.length,
            place: match self.place {
                Taken::Memory(pieces, share) => Place::Memory {
                    pieces: pieces.into(),
                    _share: Some(Arc::new(share)),
                },
                Taken::File(file) => Place::File(Arc::new(file)),
            },
        }
    }
}

/// Parameters or an update as little-endian bytes.
///
/// # Errors
/// When they are to be kept in a file and that cannot be written.
pub fn encode(parameters: &Parameters) -> io::Result<Held> {
    let mut collector = Collector::new(parameters.layout().byte_length())?;
    for piece in pieces_of(parameters) {
        collector.push(piece)?;
    }
    Ok(collector.finish())
}

/// Parameters of this layout from their bytes.
///
/// # Errors
/// The outer one when the file cannot be read; the inner one when the bytes are no such parameters.
pub fn decode(
    layout: Arc<Layout>,
    bytes: &Held,
) -> io::Result<Result<Parameters, ParametersError>> {
    let pieces = (0..bytes.pieces()).map(|number| bytes.piece(number));
    Parameters::from_pieces(layout, pieces)
}

/// The bytes of [`encode`], piece by piece.
pub fn pieces_of(parameters: &Parameters) -> impl Iterator<Item = Bytes> + '_ {
    let values = parameters.layout().elements();
    let step = PIECE / parameters.layout().dtype().size();
    let ranges = (0..values).step_by(step);
    ranges.map(move |first| parameters.encode(first..values.min(first + step)))
}

impl From<Bytes> for Held {
    fn from(bytes: Bytes) -> Held {
        let pieces = (0..bytes.len())
            .step_by(PIECE)
            .map(|offset| bytes.slice(offset..bytes.len().min(offset + PIECE)));
        Held {
            length: bytes.len(),
            place: Place::Memory {
                pieces: pieces.collect(),
                _share: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many bytes, each the number of its piece, taken in by so many at a time.
    fn collect(length: usize, step: usize) -> Held {
        let mut collector = Collector::new(length).unwrap();
        while collector.missing() > 0 {
            let from = collector.taken();
            let bytes = (from..length.min(from + step)).map(|at| (at / PIECE) as u8);
            collector.push(bytes.collect()).unwrap();
        }
        collector.finish()
    }

    #[test]
    fn pieces_come_back_from_memory_and_from_a_file() {
        for (length, pieces) in [(0, 0), (1, 1), (PIECE, 1), (PIECE + 5, 2)] {
            let held = collect(length, PIECE);
            assert_eq!((held.len(), held.pieces()), (length, pieces));
            assert_eq!(held.whole().unwrap().len(), length);
        }
        let held = collect(LONGEST_IN_MEMORY + 3, 3 * PIECE);
        assert!(matches!(held.place, Place::File(_)));
        assert_eq!(&held.piece(256).unwrap()[..], [0, 0, 0]);
        assert!(held.piece(7).unwrap().iter().all(|&byte| byte == 7));
        assert_eq!(held.whole().unwrap()[5 * PIECE], 5);
    }

    #[test]
    fn together_they_take_no_more_memory_than_they_may() {
        let longest = LONGEST_IN_MEMORY;
        // Announced and not there: no memory is taken for them.
        let many: Vec<Collector> = (0..=MOST_IN_MEMORY / longest)
            .map(|_| Collector::new(longest).unwrap())
            .collect();
        let last = many.last().map(|it| matches!(it.place, Taken::File(_)));
        assert_eq!(last, Some(true));
        drop(many);
        assert!(Share::of(1).is_some(), "there is room again");
    }

    #[test]
    fn bytes_of_any_length_become_pieces_and_parts() {
        for step in [PIECE / 3, PIECE, 2 * PIECE + 7] {
            let held = collect(3 * PIECE + 10, step);
            assert_eq!(held.pieces(), 4);
            let part = held.read(PIECE - 2, 4).unwrap();
            assert_eq!(&part[..], [0, 0, 1, 1]);
            assert_eq!(held.read(3 * PIECE + 8, 99).unwrap().len(), 2);
            assert!(held.read(usize::MAX, 1).unwrap().is_empty());
            let whole = held.whole().unwrap();
            assert!(
                whole
                    .iter()
                    .enumerate()
                    .all(|(at, &byte)| byte == (at / PIECE) as u8)
            );
        }
    }

    #[test]
    fn what_cannot_be_written_is_not_taken() {
        for step in [PIECE, PIECE / 2] {
            let mut collector = Collector::on_a_full_disk(2 * PIECE);
            let bytes = Bytes::from(vec![7; step]);
            let pushed: Vec<bool> = (0..PIECE / step)
                .map(|_| collector.push(bytes.clone()).is_ok())
                .collect();
            assert_eq!(pushed.last(), Some(&false));
            assert!(collector.taken() < PIECE, "a hole would be taken for bytes");
        }
    }

    #[test]
    fn bytes_are_held_without_a_copy() {
        let bytes = Bytes::from(vec![3; PIECE + 1]);
        let held = Held::from(bytes.clone());
        assert_eq!(held.piece(1).unwrap().as_ptr(), bytes[PIECE..].as_ptr());
        assert_eq!(held.whole().unwrap(), bytes);
    }
}
