//! The values farthest from zero only: 8 bytes for each of them, none for the rest, which are 0.
//!
//! The bytes are the positions in ascending order, 4 bytes each, and then the values, 4 bytes each. Of
//! equal magnitudes the lower position is taken. With error feedback what is not sent is kept and
//! added the next time (Stich, Cordonnier, Jaggi, "Sparsified SGD with memory", 2018, algorithm 1).

use std::sync::Arc;

use super::check::within;
use super::{BLOCK, Block, Codec, CodecError, check_length, sums};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Codec>> = Row {
    name: NAME,
    aliases: &[],
    value: "",
    help: "only the values farthest from zero; the others are kept for the next time",
    options: &[OptionHelp {
        key: "share",
        value: "0..1",
        help: "the share of the values that is sent; 0.05",
    }],
    build: |arguments| {
        let share = arguments.number("share", 0.05, 0.0..=1.0, "a number from 0 to 1")?;
        Ok(Arc::new(TopK { share }))
    },
};

const NAME: &str = "top-k";
/// The most values whose positions can be written.
const MOST: usize = u32::MAX as usize;
/// Bits of a magnitude that are not looked at first.
const LOWER: u32 = 15;

/// The values of the largest magnitudes.
#[derive(Clone, Copy, Debug)]
struct TopK {
    share: f64,
}

impl TopK {
    /// How many of `count` values are sent: the share rounded up, at least one of any.
    fn kept(&self, count: usize) -> usize {
        let kept = (count as f64 * self.share).ceil() as usize;
        kept.clamp(count.min(1), count)
    }
}

impl Codec for TopK {
    fn name(&self) -> &'static str {
        NAME
    }

    fn block(&self) -> Option<Block> {
        None
    }

    fn encoded_len(&self, count: usize) -> usize {
        self.kept(count).saturating_mul(8)
    }

    fn encode(&self, values: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        if values.len() > MOST {
            let values = values.len();
            return Err(CodecError::TooMany { values });
        }
        for (index, values) in values.chunks(BLOCK).enumerate() {
            within(NAME, values, index * BLOCK, f32::MAX)?;
        }
        let chosen = chosen(values, self.kept(values.len()));
        out.reserve(chosen.len() * 8);
        out.extend(chosen.iter().flat_map(|at| at.to_le_bytes()));
        let sent = chosen.iter().map(|&at| values[at as usize]);
        out.extend(sent.flat_map(|value| value.to_le_bytes()));
        Ok(())
    }

    fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        check_length(self, bytes.len(), out.len())?;
        let values = out.len();
        out.fill(0.0);
        let (positions, sent) = bytes.split_at(bytes.len() / 2);
        let positions = positions.as_chunks::<4>().0.iter();
        let pairs = positions.zip(sent.as_chunks::<4>().0);
        let mut before = None;
        for (entry, (&position, &value)) in pairs.enumerate() {
            let position = u32::from_le_bytes(position);
            if let Some(before) = before.replace(position).filter(|&old| old >= position) {
                return Err(CodecError::Order {
                    entry,
                    position,
                    before,
                });
            }
            let place = out.get_mut(position as usize);
            let place = place.ok_or(CodecError::Position {
                entry,
                position,
                values,
            })?;
            *place = f32::from_le_bytes(value);
            within(NAME, &[*place], position as usize, f32::MAX)?;
        }
        Ok(())
    }

    fn encode_with_residual(
        &self,
        values: &[f32],
        residual: &mut [f32],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let sums = sums(values, residual)?;
        let start = out.len();
        self.encode(&sums, out)?;
        residual.copy_from_slice(&sums);
        let sent = &out[start..];
        for &position in sent[..sent.len() / 2].as_chunks::<4>().0 {
            residual[u32::from_le_bytes(position) as usize] = 0.0;
        }
        Ok(())
    }
}

fn magnitude(value: f32) -> u32 {
    value.to_bits() & 0x7fff_ffff
}

/// The positions of the `count` largest magnitudes, ascending. Magnitudes are ordered as their bits.
fn chosen(values: &[f32], count: usize) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    // Which upper half the smallest magnitude taken has, then which lower half.
    let all = values.iter().map(|&value| magnitude(value));
    let (upper, left) = smallest_taken(all.clone().map(|m| m >> LOWER), 16, count);
    let same = all.filter(|m| m >> LOWER == upper);
    let (lower, mut ties) = smallest_taken(same.map(|m| m & ((1 << LOWER) - 1)), LOWER, left);
    let threshold = upper << LOWER | lower;
    let mut chosen = Vec::with_capacity(count);
    for (position, &value) in (0u32..).zip(values) {
        let magnitude = magnitude(value);
        if magnitude >= threshold {
            let is_tie = magnitude == threshold;
            if is_tie && ties == 0 {
                continue;
            }
            ties -= usize::from(is_tie);
            chosen.push(position);
        }
    }
    chosen
}

/// The smallest of the `count` largest keys of so many bits, and how many equal to it are among them.
fn smallest_taken(keys: impl Iterator<Item = u32>, bits: u32, count: usize) -> (u32, usize) {
    let mut occurrences = vec![0usize; 1 << bits];
    keys.for_each(|key| occurrences[key as usize] += 1);
    let mut left = count;
    for key in (0..1u32 << bits).rev() {
        let occurrences = occurrences[key as usize];
        if occurrences >= left {
            return (key, left);
        }
        left -= occurrences;
    }
    (0, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn bytes_of_known_values() {
        let codec = TopK { share: 0.4 };
        let mut bytes = Vec::new();
        codec
            .encode(&[0.5, -2.0, 0.0, 1.0, 0.25], &mut bytes)
            .unwrap();
        let expected = [1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0x80, 0x3f];
        assert_eq!(bytes, expected);
        let mut back = [9.0; 5];
        codec.decode(&bytes, &mut back).unwrap();
        assert_eq!(back, [0.0, -2.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn of_equal_magnitudes_the_first_are_taken() {
        assert_eq!(chosen(&[1.0, -1.0, 2.0, 1.0, -1.0], 3), [0, 1, 2]);
        assert_eq!(chosen(&[0.0; 4], 2), [0, 1]);
        assert_eq!(chosen(&[1.0, f32::MAX], 1), [1]);
    }

    #[test]
    fn those_chosen_are_the_first_of_a_sorted_list() {
        let mut stream = Seed(4).stream(Purpose::Noise, 0, 0);
        for count in [1, 2, 7, 100, 3000] {
            let values: Vec<f32> = (0..3000)
                .map(|_| (stream.normal() * 4.0).round() as f32 / 4.0 + 0.01)
                .collect();
            let mut sorted: Vec<u32> = (0..3000).collect();
            sorted.sort_by(|&a, &b| {
                let size = |at: u32| values[at as usize].abs();
                size(b).total_cmp(&size(a)).then(a.cmp(&b))
            });
            sorted.truncate(count);
            sorted.sort_unstable();
            assert_eq!(chosen(&values, count), sorted);
        }
    }

    #[test]
    fn what_is_not_sent_is_sent_later() {
        let codec = TopK { share: 0.01 };
        let mut residual = vec![0.0; 3];
        let mut received = [0.0; 3];
        for _ in 0..8 {
            let mut bytes = Vec::new();
            codec
                .encode_with_residual(&[4.0, 2.0, 1.0], &mut residual, &mut bytes)
                .unwrap();
            let mut part = [0.0; 3];
            codec.decode(&bytes, &mut part).unwrap();
            received
                .iter_mut()
                .zip(part)
                .for_each(|(all, part)| *all += part);
        }
        // Nothing is lost; by hand, the third is still waiting.
        let all: Vec<f32> = received.iter().zip(&residual).map(|(a, b)| a + b).collect();
        assert_eq!(all, [32.0, 16.0, 8.0]);
        assert!(received.iter().all(|&value| value > 0.0), "{received:?}");
    }

    #[test]
    fn errors_leave_the_residual_as_it_was() {
        let codec = TopK { share: 0.5 };
        let mut residual = vec![f32::MAX, 1.0];
        let mut bytes = vec![1];
        for values in [&[f32::MAX, 0.0][..], &[0.0], &[f32::NAN, 0.0]] {
            let sent = codec.encode_with_residual(values, &mut residual, &mut bytes);
            assert!(sent.is_err());
            assert_eq!(
                (&residual[..], &bytes[..]),
                (&[f32::MAX, 1.0][..], &[1][..])
            );
        }
    }

    #[test]
    fn hostile_positions_and_values_are_refused() {
        let codec = TopK { share: 0.5 };
        let entry = |positions: [u32; 2], values: [f32; 2]| {
            let positions = positions.iter().flat_map(|p| p.to_le_bytes());
            let values = values.iter().flat_map(|v| v.to_le_bytes());
            codec.decode(&positions.chain(values).collect::<Vec<u8>>(), &mut [0.0; 4])
        };
        assert_eq!(entry([0, 3], [1.0, 2.0]), Ok(()));
        for (positions, told) in [
            (
                [0, 4],
                "position 1 of a sparse update is 4; there are 4 values",
            ),
            (
                [2, 2],
                "position 1 of a sparse update is 2, after 2; they must ascend",
            ),
            (
                [3, 1],
                "position 1 of a sparse update is 1, after 3; they must ascend",
            ),
            (
                [u32::MAX, 1],
                "position 0 of a sparse update is 4294967295; there are 4 values",
            ),
        ] {
            assert_eq!(entry(positions, [1.0; 2]).unwrap_err().to_string(), told);
        }
        assert!(entry([0, 1], [1.0, f32::NAN]).is_err());
        assert!(entry([0, 1], [f32::NEG_INFINITY, 1.0]).is_err());
    }
}
