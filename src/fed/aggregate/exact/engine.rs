//! Adding to the integers of a sum block by block, all or nothing.
//!
//! Each block is checked just before it is added, while it is in the nearest cache. If one is refused,
//! those before it are taken off again: additions of integers are undone exactly by subtractions.

use super::cell::Cell;
use super::{AddError, OutOfRange, Scale};
use crate::fed::aggregate::ranges::in_parts;
use crate::ml::layout::DType;

/// Values of a block: their integers (64 or 128 KiB) and bytes stay in a cache close to the processor.
const BLOCK: usize = 8192;

/// Something to add to a sum, or a piece of it.
#[derive(Clone, Copy, Debug)]
pub struct Addend<'a> {
    bytes: &'a [u8],
    weight: u64,
    is_partial: bool,
}

impl<'a> Addend<'a> {
    /// Values of an update as little-endian bytes, of the scale's element type, to be added `weight` times.
    pub fn update(bytes: &'a [u8], weight: u64) -> Addend<'a> {
        Addend {
            bytes,
            weight,
            is_partial: false,
        }
    }

    /// Integers of a sum of the same scale, as [`super::ExactSum::to_bytes`] writes them, whose weights
    /// sum up to `weight`.
    pub fn partial(bytes: &'a [u8], weight: u64) -> Addend<'a> {
        Addend {
            bytes,
            weight,
            is_partial: true,
        }
    }

    /// Its weight.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Whether it is of `len` values.
    pub(super) fn covers(&self, len: usize, dtype: DType) -> Result<(), AddError> {
        let size = match dtype {
            DType::F32 => self.size::<i64>(),
            DType::F64 => self.size::<i128>(),
        };
        let bytes = self.bytes.len();
        if len.checked_mul(size) == Some(bytes) {
            return Ok(());
        }
        Err(AddError::Length {
            bytes,
            size,
            offset: 0,
            len,
        })
    }

    fn size<C: Cell>(&self) -> usize {
        match self.is_partial {
            true => C::BYTES,
            false => C::VALUE,
        }
    }

    /// The part of `len` values from value `start` on.
    fn part<C: Cell>(&self, start: usize, len: usize) -> Addend<'a> {
        let size = self.size::<C>();
        let bytes = &self.bytes[start * size..(start + len) * size];
        Addend { bytes, ..*self }
    }

    fn check<C: Cell>(&self, scale: &Scale, offset: usize) -> Result<(), AddError> {
        if self.is_partial {
            let limit = scale.limit(self.weight);
            let bad = C::first_bad_cell(self.bytes, limit);
            bad.map_or(Ok(()), |(at, value)| {
                Err(AddError::Partial {
                    position: offset + at,
                    value,
                    limit,
                })
            })
        } else {
            let largest = scale.largest();
            let bad = C::first_bad_value(self.bytes, largest);
            bad.map_or(Ok(()), |(at, value)| {
                Err(AddError::Value(OutOfRange {
                    position: offset + at,
                    value,
                    largest,
                }))
            })
        }
    }

    fn add_to<C: Cell>(&self, cells: &mut [C], scale: &Scale, negate: bool) {
        match self.is_partial {
            true => C::add_cells(cells, self.bytes, negate),
            false => C::add_values(cells, self.bytes, self.weight, scale.unit(), negate),
        }
    }
}

/// How far a part got that starts at `start`: everything was added to `blocks` of its blocks, the first
/// `addends` to the next one.
struct Reached {
    start: usize,
    blocks: usize,
    addends: usize,
    error: Option<AddError>,
}

/// Adds to the integers from `offset` on; nothing at all on an error, which is that of the first refused
/// block.
pub(super) fn apply<C: Cell>(
    cells: &mut [C],
    scale: &Scale,
    offset: usize,
    addends: &[Addend],
    threads: usize,
) -> Result<(), AddError> {
    let cells = range(cells, offset, addends)?;
    let reached = in_parts(cells, BLOCK, threads, |start, part| {
        add_blocks(part, scale, offset, start, addends)
    });
    let Some(error) = reached.iter().find_map(|part| part.error) else {
        return Ok(());
    };
    let ends = reached.iter().skip(1).map(|next| next.start);
    for (part, end) in reached.iter().zip(ends.chain([cells.len()])) {
        let blocks = cells[part.start..end].chunks_mut(BLOCK).enumerate();
        for (block, cells) in blocks.take(part.blocks.saturating_add(1)) {
            let is_whole = block < part.blocks;
            let count = if is_whole {
                addends.len()
            } else {
                part.addends
            };
            for addend in &addends[..count] {
                let addend = addend.part::<C>(part.start + block * BLOCK, cells.len());
                addend.add_to(cells, scale, true);
            }
        }
    }
    Err(error)
}

/// The integers that the addends, all of one length, are for.
fn range<'a, C: Cell>(
    cells: &'a mut [C],
    offset: usize,
    addends: &[Addend],
) -> Result<&'a mut [C], AddError> {
    let len = cells.len();
    let Some(first) = addends.first() else {
        return Ok(&mut []);
    };
    let count = first.bytes.len() / first.size::<C>();
    for addend in addends {
        let size = addend.size::<C>();
        let fits = offset.checked_add(count).is_some_and(|end| end <= len);
        if !fits || addend.bytes.len() != count * size {
            return Err(AddError::Length {
                bytes: addend.bytes.len(),
                size,
                offset,
                len,
            });
        }
    }
    Ok(&mut cells[offset..offset + count])
}

fn add_blocks<C: Cell>(
    part: &mut [C],
    scale: &Scale,
    offset: usize,
    start: usize,
    addends: &[Addend],
) -> Reached {
    for (block, cells) in part.chunks_mut(BLOCK).enumerate() {
        let at = start + block * BLOCK;
        for (index, addend) in addends.iter().enumerate() {
            let addend = addend.part::<C>(at, cells.len());
            if let Err(error) = addend.check::<C>(scale, offset + at) {
                return Reached {
                    start,
                    blocks: block,
                    addends: index,
                    error: Some(error),
                };
            }
            addend.add_to(cells, scale, false);
        }
    }
    Reached {
        start,
        blocks: usize::MAX,
        addends: 0,
        error: None,
    }
}
