//! Weighted sums that are the same to the bit in any order and any grouping.
//!
//! Floating-point addition is not associative, integer addition is. So every value is rounded once to
//! a multiple of a power of two, the *scale*, and then added as an integer. The scale is fixed by the
//! plan of the round, from the largest sum of weights and the largest value allowed, so that no sum
//! can overflow. Parameters of 32 bits are summed in 64, those of 64 bits in 128.
//!
//! The rounding costs at most half a unit of the scale for each update: with updates up to 1,024 and
//! 65,536 rows in all, 2^-37 (7e-12) for 32-bit parameters and 2^-101 for those of 64 bits.

use std::fmt;

use crate::ml::layout::DType;

/// How finely values are rounded, and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    dtype: DType,
    /// A value `v` becomes the integer nearest to `v * 2^bits`.
    bits: i32,
    largest: f64,
    weight_limit: u64,
}

impl Scale {
    /// The finest scale at which updates within `largest` whose weights sum up to no more than
    /// `weight_limit` cannot overflow.
    pub fn new(dtype: DType, largest: f64, weight_limit: u64) -> Scale {
        let width = match dtype {
            DType::F32 => 62,
            DType::F64 => 126,
        };
        let weight_bits = 64 - weight_limit.leading_zeros();
        let value_bits = largest.log2().ceil() as i32;
        Scale {
            dtype,
            bits: width - weight_bits as i32 - value_bits,
            largest,
            weight_limit,
        }
    }
}

/// A value of an update that cannot be summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutOfRange {
    /// Its position in the layout.
    pub position: usize,
    /// The value.
    pub value: f64,
    /// What is allowed, either way.
    pub largest: f64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "value {} of the update is {}; allowed is up to {} either way",
            self.position, self.value, self.largest
        )
    }
}

impl std::error::Error for OutOfRange {}

impl Scale {
    /// Whether every value of an update, little-endian bytes of this scale's type, is within what the plan allows.
    pub fn check(&self, update: &[u8]) -> Result<(), OutOfRange> {
        let bad = |value: f64| value.is_nan() || value.abs() > self.largest;
        let found = match self.dtype {
            DType::F32 => f32s(update).map(f64::from).enumerate().find(|v| bad(v.1)),
            DType::F64 => f64s(update).enumerate().find(|v| bad(v.1)),
        };
        match found {
            None => Ok(()),
            Some((position, value)) => Err(OutOfRange {
                position,
                value,
                largest: self.largest,
            }),
        }
    }

    /// What one unit of the integers stands for, inverted.
    fn unit(&self) -> f64 {
        2f64.powi(self.bits)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Total {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// A sum of weighted updates.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactSum {
    scale: Scale,
    total: Total,
    weight: u64,
}

impl ExactSum {
    /// An empty sum of `len` values.
    pub fn new(scale: Scale, len: usize) -> ExactSum {
        let total = match scale.dtype {
            DType::F32 => Total::Narrow(vec![0; len]),
            DType::F64 => Total::Wide(vec![0; len]),
        };
        ExactSum {
            scale,
            total,
            weight: 0,
        }
    }

    /// How finely it sums and what it accepts.
    pub fn scale(&self) -> &Scale {
        &self.scale
    }

    /// Sum of the weights folded.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Adds an update, given as little-endian bytes that passed [`Scale::check`], `weight` times.
    ///
    /// # Panics
    /// If the update has another length, or the weights exceed the scale's limit: either is a mistake
    /// of the caller, and going on would give a wrong model.
    pub fn fold(&mut self, update: &[u8], weight: u64) {
        self.weight += weight;
        assert!(
            self.weight <= self.scale.weight_limit,
            "more weight than planned"
        );
        let unit = self.scale.unit();
        match &mut self.total {
            Total::Narrow(total) => {
                assert_eq!(update.len(), total.len() * 4, "length of the update");
                // Exact: 24 bits times a weight of up to 29 bits fit into 53.
                let factor = weight as f64 * unit;
                for (sum, value) in total.iter_mut().zip(f32s(update)) {
                    *sum += (f64::from(value) * factor).round_ties_even() as i64;
                }
            }
            Total::Wide(total) => {
                assert_eq!(update.len(), total.len() * 8, "length of the update");
                let weight = i128::from(weight);
                for (sum, value) in total.iter_mut().zip(f64s(update)) {
                    *sum += (value * unit).round_ties_even() as i128 * weight;
                }
            }
        }
    }

    /// Adds what another sum of the same scale and length holds.
    ///
    /// # Panics
    /// If scale or length differ.
    pub fn merge(&mut self, other: &ExactSum) {
        assert_eq!(self.scale, other.scale, "sums of different scales");
        self.weight += other.weight;
        match (&mut self.total, &other.total) {
            (Total::Narrow(a), Total::Narrow(b)) if a.len() == b.len() => {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            }
            (Total::Wide(a), Total::Wide(b)) if a.len() == b.len() => {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            }
            _ => panic!("sums of different lengths"),
        }
    }

    /// The weighted mean, value by value.
    pub fn mean(&self) -> impl Iterator<Item = f64> + '_ {
        let unit = self.scale.unit();
        let weight = self.weight.max(1) as f64;
        let len = match &self.total {
            Total::Narrow(total) => total.len(),
            Total::Wide(total) => total.len(),
        };
        (0..len).map(move |i| {
            let sum = match &self.total {
                Total::Narrow(total) => total[i] as f64,
                Total::Wide(total) => total[i] as f64,
            };
            sum / unit / weight
        })
    }
}

fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|&value| f32::from_le_bytes(value))
}

fn f64s(bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    let (values, _) = bytes.as_chunks::<8>();
    values.iter().map(|&value| f64::from_le_bytes(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn wide_bytes(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn mean_is_weighted_by_rows() {
        let mut sum = ExactSum::new(Scale::new(DType::F32, 1024.0, 4), 2);
        sum.fold(&bytes(&[1.0, -8.0]), 1);
        sum.fold(&bytes(&[5.0, 0.0]), 3);
        let mean: Vec<f64> = sum.mean().collect();
        assert_eq!(mean, [4.0, -2.0]);
    }

    #[test]
    fn any_order_and_any_grouping_give_the_same_bits() {
        let mut stream = Seed(5).stream(Purpose::Noise, 0, 0);
        for dtype in [DType::F32, DType::F64] {
            let scale = Scale::new(dtype, 1024.0, 100_000);
            let updates: Vec<(Vec<u8>, u64)> = (0..20)
                .map(|_| {
                    let values: Vec<f64> = (0..7).map(|_| stream.uniform() * 1e-3).collect();
                    let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                    let encoded = match dtype {
                        DType::F32 => bytes(&narrow),
                        DType::F64 => wide_bytes(&values),
                    };
                    (encoded, 1 + stream.below(3000))
                })
                .collect();
            let mut forward = ExactSum::new(scale, 7);
            updates.iter().for_each(|(u, w)| forward.fold(u, *w));
            let mut backward = ExactSum::new(scale, 7);
            updates.iter().rev().for_each(|(u, w)| backward.fold(u, *w));
            let (mut left, mut right) = (ExactSum::new(scale, 7), ExactSum::new(scale, 7));
            updates[..5].iter().for_each(|(u, w)| left.fold(u, *w));
            updates[5..].iter().for_each(|(u, w)| right.fold(u, *w));
            right.merge(&left);
            assert_eq!(forward, backward);
            assert_eq!(forward, right);
        }
    }

    #[test]
    fn the_largest_allowed_sum_does_not_overflow() {
        for (largest, weight) in [
            (1024.0, 1u64 << 40),
            (0.3, 1),
            (1e6, 12_345),
            (1.0, u64::MAX >> 1),
        ] {
            let scale = Scale::new(DType::F32, largest, weight);
            let mut sum = ExactSum::new(scale, 2);
            let value = largest as f32 * 0.999;
            sum.fold(&bytes(&[value, -value]), weight);
            let mean: Vec<f64> = sum.mean().collect();
            assert!((mean[0] / f64::from(value) - 1.0).abs() < 1e-6, "{mean:?}");
            assert_eq!(mean[0], -mean[1]);
            let scale = Scale::new(DType::F64, largest, weight);
            let mut sum = ExactSum::new(scale, 1);
            sum.fold(&wide_bytes(&[largest]), weight);
            let mean: Vec<f64> = sum.mean().collect();
            assert!((mean[0] / largest - 1.0).abs() < 1e-12, "{mean:?}");
        }
    }

    #[test]
    fn values_out_of_range_are_named() {
        let scale = Scale::new(DType::F32, 2.0, 10);
        assert_eq!(scale.check(&bytes(&[1.0, -2.0])), Ok(()));
        let error = scale.check(&bytes(&[0.0, 0.0, -2.5])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "value 2 of the update is -2.5; allowed is up to 2 either way"
        );
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(scale.check(&bytes(&[bad])).unwrap_err().position, 0);
        }
    }
}
