//! What makes inputs out of inputs: changes of bits, numbers, text and structure, from a seed.
//!
//! It sees no coverage. It knows what breaks readers: lengths and counts of either byte order, digits,
//! the words of a format, and parts of other inputs.

use crate::samples::dice::Dice;

/// Numbers at the edges of what counts, lengths and types can be.
const NUMBERS: [u64; 24] = [
    0,
    1,
    2,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    1023,
    4096,
    0x7fff,
    0x8000,
    0xffff,
    1 << 20,
    16_384_000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// The same for text, where numbers are digits.
const DIGITS: [&str; 22] = [
    "0",
    "1",
    "-1",
    "-0",
    "2",
    "9",
    "10",
    "255",
    "256",
    "65536",
    "1000000",
    "1048576",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "18446744073709551616",
    "1e308",
    "1e-45",
    "3.4028236e38",
    "nan",
    "inf",
    "0.1",
];

/// Changes `bytes` in a few places; no longer than `longest` afterwards. `other` is an input to take
/// parts from, `words` are those of the format.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]], longest: usize, dice: &mut Dice) {
    // Mostly one or two changes: many at once seldom leave anything readable.
    let changes = 1 + dice.next().trailing_ones() as usize;
    for _ in 0..changes {
        change(bytes, other, words, dice);
    }
    bytes.truncate(longest);
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(16) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = dice.next() as u8,
        // Types, small ids and small counts.
        2 if !bytes.is_empty() => bytes[at] = dice.below(17) as u8,
        3 if !bytes.is_empty() => {
            bytes[at] = bytes[at].wrapping_add(dice.below(9) as u8).wrapping_sub(4)
        }
        4 | 5 => number(bytes, dice),
        6 => digits(bytes, dice),
        7 => bytes.truncate(at),
        8 => {
            let end = (at + 1 + dice.below(8)).min(bytes.len());
            bytes.drain(at..end);
        }
        9 => {
            let end = (at + 1 + dice.below(32)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            insert(bytes, &part, dice);
        }
        10 => {
            let noise: Vec<u8> = (0..1 + dice.below(8)).map(|_| dice.next() as u8).collect();
            insert(bytes, &noise, dice);
        }
        11 if !other.is_empty() => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.below(other.len())..]);
        }
        12 if !other.is_empty() => {
            let from = dice.below(other.len());
            let end = (from + 1 + dice.below(64)).min(other.len());
            insert(bytes, &other[from..end], dice);
        }
        13 | 14 if !words.is_empty() => {
            let word = words[dice.below(words.len())];
            if dice.below(2) == 0 {
                insert(bytes, word, dice);
            } else {
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at..end, word.iter().copied());
            }
        }
        _ if bytes.len() > 1 => {
            let with = dice.below(bytes.len());
            bytes.swap(at, with);
        }
        _ => bytes.push(dice.next() as u8),
    }
}

fn insert(bytes: &mut Vec<u8>, part: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    bytes.splice(at..at, part.iter().copied());
}

/// Overwrites a number of 2, 4 or 8 bytes, or counts it up or down.
fn number(bytes: &mut [u8], dice: &mut Dice) {
    let size = 2 << dice.below(3);
    if bytes.len() < size {
        return;
    }
    let at = dice.below(bytes.len() - size + 1);
    let place = &mut bytes[at..at + size];
    let little = dice.below(2) == 0;
    if little {
        place.reverse();
    }
    let old = place
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    let new = match dice.below(3) {
        0 => old.wrapping_add(dice.below(17) as u64).wrapping_sub(8),
        _ => NUMBERS[dice.below(NUMBERS.len())],
    };
    for (number, byte) in place.iter_mut().rev().enumerate() {
        *byte = (new >> (8 * number)) as u8;
    }
    if little {
        place.reverse();
    }
}

/// Replaces a number written in digits.
fn digits(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let from = dice.below(bytes.len());
    let found = bytes[from..].iter().position(u8::is_ascii_digit);
    let Some(start) = found.map(|found| from + found) else {
        return;
    };
    let length = bytes[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let new = DIGITS[dice.below(DIGITS.len())].bytes();
    bytes.splice(start..start + length, new);
}
