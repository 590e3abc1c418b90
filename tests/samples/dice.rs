//! Chance that is the same every time, and what it does to bytes.

/// SplitMix64: enough for choosing bytes, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Lengths and counts that break readers.
const NUMBERS: [i32; 10] = [
    i32::MAX,
    i32::MIN,
    -1,
    0,
    1,
    255,
    1 << 20,
    (1 << 20) + 1,
    16_384_000,
    0x0c00_010c,
];

/// Changes `bytes` in one place.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = dice.below(17) as u8,
        2 if bytes.len() >= 4 => {
            let at = dice.below(bytes.len() - 3);
            let number = NUMBERS[dice.below(NUMBERS.len())];
            bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        3 => bytes.truncate(at),
        4 => bytes.insert(at, dice.next() as u8),
        5 if !bytes.is_empty() => drop(bytes.remove(at)),
        6 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.below(other.len())..]);
        }
        _ => {
            let count = dice.below(16);
            let noise: Vec<u8> = (0..count).map(|_| dice.next() as u8).collect();
            let end = (at + dice.below(16)).min(bytes.len());
            bytes.splice(at..end, noise);
        }
    }
}
