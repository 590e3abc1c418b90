//! Sums as their users see them.

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

/// Three updates of more than a block, with weights, of a type; and the sum that one thread makes of them.
fn folded(dtype: DType, len: usize) -> (Vec<(Vec<u8>, u64)>, ExactSum) {
    let mut stream = Seed(9).stream(Purpose::Noise, 1, 0);
    let updates: Vec<(Vec<u8>, u64)> = [3, 1, 500]
        .map(|weight| {
            let values: Vec<f64> = (0..len).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
            let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            let encoded = match dtype {
                DType::F32 => bytes(&narrow),
                DType::F64 => wide_bytes(&values),
            };
            (encoded, weight)
        })
        .into();
    let mut sum = ExactSum::new(Scale::new(dtype, 2.0, 1000), len);
    updates.iter().for_each(|(u, w)| sum.fold(u, *w));
    (updates, sum)
}

#[test]
fn the_sums_are_those_of_plain_integers() {
    let (updates, sum) = folded(DType::F32, 300);
    // 62 bits less 10 of the weight and 1 of the largest value.
    let unit = 2f64.powi(51);
    for (at, mean) in sum.mean().enumerate() {
        let plain = updates.iter().map(|(update, weight)| {
            let value = f32::from_le_bytes(update[at * 4..][..4].try_into().unwrap());
            (f64::from(value) * (*weight as f64 * unit)).round_ties_even() as i64
        });
        let plain: i64 = plain.sum();
        assert_eq!(mean.to_bits(), (plain as f64 / unit / 504.0).to_bits());
    }
}

#[test]
fn pieces_threads_and_all_at_once_give_the_same_bits() {
    for dtype in [DType::F32, DType::F64] {
        let len = 600_001;
        let (updates, expected) = folded(dtype, len);
        let empty = ExactSum::new(*expected.scale(), len);
        let addends: Vec<Addend> = updates.iter().map(|(u, w)| Addend::update(u, *w)).collect();
        for threads in [1, 2, 3] {
            let mut sum = empty.clone();
            sum.fold_all(&addends, threads).unwrap();
            assert_eq!(sum, expected);
        }
        let mut sum = empty.clone();
        for (update, weight) in updates.iter().rev() {
            sum.admit(*weight).unwrap();
            let values = 70_001;
            for (index, piece) in update.chunks(values * dtype.size()).enumerate().rev() {
                let piece = Addend::update(piece, *weight);
                sum.add(index * values, piece, 2).unwrap();
            }
        }
        assert_eq!(sum, expected);
        let mut narrow = vec![0.0; len];
        sum.mean_f32_into(&mut narrow, 2);
        assert!(sum.mean().map(|mean| mean as f32).eq(narrow));
    }
}

#[test]
fn what_is_refused_leaves_no_trace() {
    for dtype in [DType::F32, DType::F64] {
        let len = 600_001;
        let (mut updates, before) = folded(dtype, len);
        let size = dtype.size();
        for (at, threads) in [(0, 1), (40_000, 1), (600_000, 2), (300_000, 2)] {
            let mut sum = before.clone();
            updates[1].0[at * size..][..size].fill(0xff);
            let addends = [
                Addend::update(&updates[0].0, 3),
                Addend::update(&updates[1].0, 1),
            ];
            let error = sum.fold_all(&addends, threads).unwrap_err();
            assert!(
                matches!(error, AddError::Value(OutOfRange { position, value, .. })
                    if position == at && value.is_nan()),
                "{error}"
            );
            assert_eq!(sum, before);
            updates[1].0[at * size..][..size].fill(0);
        }
    }
}

#[test]
fn partial_sums_add_up_to_the_whole() {
    for dtype in [DType::F32, DType::F64] {
        let (updates, expected) = folded(dtype, 20_000);
        let mut node = ExactSum::new(*expected.scale(), 20_000);
        updates[1..].iter().for_each(|(u, w)| node.fold(u, *w));
        let mut partial = Vec::new();
        node.to_bytes(&mut partial);
        assert_eq!(partial.len(), node.byte_length());
        let mut sum = ExactSum::new(*expected.scale(), 20_000);
        let addends = [
            Addend::update(&updates[0].0, updates[0].1),
            Addend::partial(&partial, node.weight()),
        ];
        sum.fold_all(&addends, 1).unwrap();
        assert_eq!(sum, expected);
    }
}

#[test]
fn a_scale_by_its_bits_knows_its_limit() {
    for weight in [1, 100, 1 << 40] {
        let scale = Scale::new(DType::F32, 1024.0, weight);
        let same = Scale::with_bits(DType::F32, 1024.0, scale.bits());
        assert!(same.weight_limit() >= weight && same.weight_limit() / 2 < weight);
    }
    assert_eq!(Scale::with_bits(DType::F32, 1.0, 62).weight_limit(), 0);
    let limit = |bits| Scale::with_bits(DType::F64, 1e6, bits).weight_limit();
    assert_eq!((limit(i32::MAX), limit(i32::MIN)), (0, u64::MAX));
}

#[test]
fn partial_sums_beyond_their_weight_are_refused() {
    // 62 bits less 4 of the weight: 10 units of weight allow 10 * 2^58.
    let scale = Scale::new(DType::F32, 8.0, 10);
    let most: i64 = 10 << 58;
    for (value, taken) in [
        (most, true),
        (-most, true),
        (most + 1, false),
        (i64::MIN, false),
    ] {
        let mut sum = ExactSum::new(scale, 2);
        let partial: Vec<u8> = [0, value].iter().flat_map(|v| v.to_le_bytes()).collect();
        let added = sum.fold_all(&[Addend::partial(&partial, 10)], 1);
        assert_eq!(added.is_ok(), taken, "{value}");
        assert_eq!(sum.weight(), if taken { 10 } else { 0 });
    }
    let mut sum = ExactSum::new(scale, 1);
    let full = most.to_le_bytes();
    sum.fold_all(&[Addend::partial(&full, 10)], 1).unwrap();
    let error = sum.fold_all(&[Addend::partial(&full, 1)], 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a weight of 1 on top of 10; the round takes up to 10 in all"
    );
    assert_eq!(sum.mean().collect::<Vec<_>>(), [8.0]);
    let scale = Scale::new(DType::F64, 8.0, u64::MAX);
    let mut sum = ExactSum::new(scale, 1);
    let partial = (i128::from(u64::MAX) << 62).to_le_bytes();
    sum.fold_all(&[Addend::partial(&partial, u64::MAX)], 1)
        .unwrap();
    assert_eq!(sum.mean().collect::<Vec<_>>(), [8.0]);
}

#[test]
fn pieces_outside_the_layout_are_refused() {
    let scale = Scale::new(DType::F32, 8.0, 10);
    let mut sum = ExactSum::new(scale, 4);
    for (offset, bytes) in [(0, 20), (3, 8), (5, 0), (0, 3), (usize::MAX, 4)] {
        let bytes = vec![0; bytes];
        let piece = Addend::update(&bytes, 1);
        let error = sum.add(offset, piece, 1).unwrap_err();
        assert!(matches!(error, AddError::Length { .. }), "{offset}");
    }
    let short = Addend::update(&[0; 12], 1);
    assert!(sum.fold_all(&[short], 1).is_err());
    assert_eq!(sum, ExactSum::new(scale, 4));
    sum.add(4, Addend::update(&[], 1), 1).unwrap();
}
