//! Exponential and logarithm that give the same bits on every machine.
//!
//! The functions of the standard library call the platform's mathematics library, whose last bits
//! differ between systems. These use only IEEE 754 additions, multiplications and divisions, each
//! rounded on its own (no fused operations), in one fixed order.

use std::f64::consts::LOG2_E;

/// Upper part of ln 2: its last 21 bits are zero, so products with exponents are exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// ln 2 minus [`LN2_HIGH`].
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding 1.5 * 2^52 rounds to an integer and leaves it in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// 1/k! for k = 2 ..= 13. With |r| <= ln 2 / 2 the first term left out is below 2^-57.
const EXP_SERIES: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

/// e to the power `x`, with an error below 2 units in the last place (below 1 for most arguments).
///
/// `x` is split into n ln 2 + r with |r| <= ln 2 / 2; the Taylor series of e^r is scaled by 2^n.
/// Overflow gives infinity, underflow goes through the subnormal numbers to 0, NaN stays NaN.
#[inline]
pub fn exp(x: f64) -> f64 {
    exp_each([x])[0]
}

/// [`exp`] of each of some numbers. There are no branches, and no step waits for the last step of
/// the number beside it, so this fills the registers of whatever it is compiled for.
#[inline(always)]
pub fn exp_each<const COUNT: usize>(x: [f64; COUNT]) -> [f64; COUNT] {
    let (mut shifted, mut r) = (x, x);
    for (shifted, r) in shifted.iter_mut().zip(&mut r) {
        let x = r.clamp(-746.0, 710.0);
        *shifted = x * LOG2_E + ROUNDER;
        let n = *shifted - ROUNDER;
        *r = (x - n * LN2_HIGH) - n * LN2_LOW;
    }
    let mut sum = [EXP_SERIES[11]; COUNT];
    for term in EXP_SERIES[..11].iter().rev() {
        for (sum, r) in sum.iter_mut().zip(&r) {
            *sum = *sum * r + term;
        }
    }
    for ((sum, r), shifted) in sum.iter_mut().zip(&r).zip(&shifted) {
        let power = 1.0 + (r + r * r * *sum);
        // 2^n in two factors, because n may be outside the range of normal exponents.
        let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits());
        let half = exponent.wrapping_add(2_048) >> 1;
        let rest = exponent.wrapping_sub(half).wrapping_add(2_047);
        *sum = power * f64::from_bits(half.wrapping_sub(1) << 52) * f64::from_bits(rest << 52);
    }
    sum
}

/// Natural logarithm of `x`, with an error below 2 units in the last place.
///
/// With x = 2^k m, sqrt(1/2) <= m < sqrt(2), f = m - 1 and s = f / (2 + f), the series is
/// ln(1 + f) = 2 (s + s^3/3 + s^5/5 + ...), rearranged as f - s (f - R) with
/// R = 2 (s^2/3 + s^4/5 + ...), so that the largest term is exact.
/// `ln(0)` is minus infinity; a negative argument gives NaN.
#[inline]
pub fn ln(x: f64) -> f64 {
    ln_each([x])[0]
}

/// [`ln`] of each of some numbers, without branches, as [`exp_each`].
#[inline(always)]
pub fn ln_each<const COUNT: usize>(x: [f64; COUNT]) -> [f64; COUNT] {
    // Moves the seam between exponents from 1 to sqrt(1/2).
    const SEAM: u64 = 0x3fe6_a09e_667f_3bcd;
    const SIGN: u64 = 1 << 63;
    // 2^52, whose lowest bits count ones.
    const COUNTER: u64 = 0x4330_0000_0000_0000;
    let (mut k, mut f, mut s) = (x, x, x);
    for (((k, f), s), x) in k.iter_mut().zip(&mut f).zip(&mut s).zip(&x) {
        let is_small = *x < f64::MIN_POSITIVE;
        let scaled = x * if is_small { (1u64 << 54) as f64 } else { 1.0 };
        let offset = scaled.to_bits().wrapping_sub(SEAM);
        // The exponent may be negative; with the sign bit turned it is 2,048 more, which is not.
        let raised = offset.wrapping_add(SIGN) >> 52;
        let shift = if is_small { -54.0 } else { 0.0 };
        *k = f64::from_bits(COUNTER | raised) - (f64::from_bits(COUNTER) + 2_048.0) + shift;
        *f = f64::from_bits((offset & ((1 << 52) - 1)).wrapping_add(SEAM)) - 1.0;
        *s = *f / (2.0 + *f);
    }
    let mut sum = [0.0; COUNT];
    for odd in [23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        for (sum, s) in sum.iter_mut().zip(&s) {
            *sum = *sum * (s * s) + 2.0 / odd;
        }
    }
    for ((((sum, k), f), s), x) in sum.iter_mut().zip(&k).zip(&f).zip(&s).zip(&x) {
        let correction = s * (f - s * s * *sum);
        let result = k * LN2_HIGH + (f - (correction - k * LN2_LOW));
        let result = if *x < f64::INFINITY { result } else { *x };
        let result = if *x == 0.0 { f64::NEG_INFINITY } else { result };
        *sum = if *x < 0.0 { f64::NAN } else { result };
    }
    sum
}

/// Cosine of pi times `x`, for `x` from 0 to 1, to the last digit or two.
///
/// By its series, which is that of Taylor at 0, where `x` is at most a quarter; a cosine from there to a half is a
/// sine of what is left, and the rest is mirrored.
pub fn cos_pi(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x > 0.5 {
        return -cos_pi(1.0 - x);
    }
    // Terms of orders 0, 2, 4... for the cosine, or 1, 3, 5... for the sine.
    let series = |angle: f64, first: u32| {
        let square = angle * angle;
        let (mut sum, mut term) = (0.0, if first == 0 { 1.0 } else { angle });
        let mut order = first;
        while order < 20 {
            sum += term;
            term *= -square / f64::from((order + 1) * (order + 2));
            order += 2;
        }
        sum
    };
    if x <= 0.25 {
        series(PI * x, 0)
    } else {
        series(PI * (0.5 - x), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units in the last place of `right`.
    fn ulps(got: f64, right: f64) -> f64 {
        let ulp = f64::from_bits(right.abs().to_bits() + 1) - right.abs();
        (got - right).abs() / ulp
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        // The platform's library is itself within one unit, so three is what can be observed.
        let mut x = -708.0;
        let mut worst: f64 = 0.0;
        while x < 709.0 {
            worst = worst.max(ulps(exp(x), x.exp()));
            x += 0.000_737_3 * (1.0 + f64::abs(x) / 4.0);
        }
        assert!(worst < 3.0, "worst {worst}");
    }

    #[test]
    fn exp_at_its_limits() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert!(ulps(exp(1.0), std::f64::consts::E) <= 1.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(710.0), f64::INFINITY);
        assert!(exp(709.7).is_finite());
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(-746.0), 0.0);
        assert_eq!(exp(-745.0), f64::from_bits(1));
        assert!(ulps(exp(-720.0), (-720f64).exp()) <= 1.0);
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn ln_is_within_two_units_in_the_last_place() {
        let mut worst: f64 = 0.0;
        for step in 1..400_000 {
            let x = f64::from(step) * 0.000_013_7;
            worst = worst.max(ulps(ln(x), x.ln()));
        }
        for exponent in -1_070..1_020 {
            let x = 1.234_567 * 2f64.powi(exponent);
            worst = worst.max(ulps(ln(x), x.ln()));
        }
        assert!(worst < 3.0, "worst {worst}");
    }

    #[test]
    fn ln_at_its_limits() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(2.0), std::f64::consts::LN_2);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(ln(f64::INFINITY), f64::INFINITY);
        assert!(ln(-1.0).is_nan());
        assert!(ln(f64::NAN).is_nan());
        assert!(ulps(ln(f64::from_bits(1)), f64::from_bits(1).ln()) <= 1.0);
    }

    #[test]
    fn the_bits_are_fixed() {
        // Whatever machine this runs on, these are the bits.
        let mut state = 0u64;
        for step in 0..10_000 {
            let x = f64::from(step) * 0.01 - 50.0;
            state = state.rotate_left(7) ^ exp(x).to_bits() ^ ln(x + 50.5).to_bits();
        }
        assert_eq!(state, FIXED_BITS, "{state:#x}");
    }

    const FIXED_BITS: u64 = 0x2909_fda4_4b3a_ee26;

    #[test]
    fn cosines_are_those_of_the_library() {
        for step in 0..=1000 {
            let x = f64::from(step) / 1000.0;
            let apart = cos_pi(x) - (std::f64::consts::PI * x).cos();
            assert!(apart.abs() < 5e-16, "{x}: {apart}");
        }
        assert_eq!((cos_pi(0.0), cos_pi(0.5), cos_pi(1.0)), (1.0, 0.0, -1.0));
    }
}
