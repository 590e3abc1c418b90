//! Plain decimal numbers, read in one pass: nearly all that data files hold.

/// The powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Digits that a `u64` holds whatever they are.
const MOST_DIGITS: usize = 19;
/// Up to here every whole number is an `f64`.
const EXACT: u64 = 1 << 53;

/// The number, such as `-12.5`, that `text` starts with, and its length. It is the `f32` nearest to
/// what is written, as the standard library reads it. None when there is no number, or one that
/// this short way cannot tell for certain; what follows the number (an exponent, a letter) is not
/// looked at.
///
/// Whole number and power of ten are exact, so their quotient is rounded once (Clinger, "How to
/// Read Floating Point Numbers Accurately", 1990). Rounding it again to `f32` goes wrong only where
/// it lies half-way between two of them, and these cases are left to the longer way.
#[inline]
pub(super) fn decimal(text: &[u8]) -> Option<(f32, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut whole = 0;
    let mut end = digits(text, start, &mut whole);
    let mut count = end - start;
    let mut places = 0;
    if text.get(end) == Some(&b'.') {
        let point = end + 1;
        end = digits(text, point, &mut whole);
        places = end - point;
        count += places;
    }
    if count == 0 || count > MOST_DIGITS || whole > EXACT {
        return None;
    }
    // Between 10^-19 and 10^16 unless 0: neither subnormal nor too large for an f32.
    let value = match places {
        0 => whole as f64,
        _ => whole as f64 / POWERS[places],
    };
    if value.to_bits() & 0x1fff_ffff == 0x1000_0000 {
        return None;
    }
    let value = value as f32;
    Some((if negative { -value } else { value }, end))
}

/// Appends the digits from `at` on to `whole`; where they end. Too many digits wrap around.
#[inline]
fn digits(text: &[u8], mut at: usize, whole: &mut u64) -> usize {
    while let Some(byte) = text.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn check(text: &str) -> bool {
        match decimal(text.as_bytes()) {
            None => false,
            Some((value, length)) => {
                assert_eq!(length, text.len(), "{text}");
                let right: f32 = text.parse().unwrap();
                assert_eq!(value.to_bits(), right.to_bits(), "{text}");
                true
            }
        }
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-0",
            "-0.0",
            "7",
            "255",
            "3.25",
            ".5",
            "5.",
            "007",
            "0.1",
            "16777217.5",
        ] {
            assert!(check(text), "{text}");
        }
        let mut stream = Seed(3).stream(Purpose::Synthetic, 0, 0);
        let mut done = 0;
        for _ in 0..100_000 {
            let digits = stream.below(18) as u32 + 1;
            let whole = stream.below(10_u64.pow(digits));
            let places = stream.below(u64::from(digits) + 1) as usize;
            let mut text = format!("{whole:0width$}", width = digits as usize);
            text.insert(text.len() - places, '.');
            done += u32::from(check(&text) && check(&format!("-{text}")));
        }
        assert!(done > 80_000, "{done}");
    }

    #[test]
    fn half_way_cases_never_round_wrongly() {
        // Numbers between two neighbouring f32 and their decimal neighbours.
        let mut left = 0;
        for exponent in 0..29 {
            let tie = (f64::from((1_u32 << 24) + 1) * 2.0_f64.powi(exponent)) as u64;
            for whole in [tie - 1, tie, tie + 1] {
                left += u32::from(!check(&whole.to_string()));
                check(&format!("{whole}.0"));
            }
        }
        assert!(left >= 29, "ties are left to the longer way: {left}");
        check("8388608.4999999999");
        check("8388608.5000000001");
        check("8388609.5");
    }

    #[test]
    fn anything_else_is_left() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "x",
            "+1",
            "nan",
            "12345678901234567890",
            "9999999999999999",
        ] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decimal(b"12,3"), Some((12.0, 2)));
        assert_eq!(decimal(b"1.5e3"), Some((1.5, 3)));
        assert_eq!(decimal(b"1.2.3"), Some((1.2, 3)));
    }
}
