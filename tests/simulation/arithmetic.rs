//! The arithmetic of simulated runs: what a shard's training gives, and the model worked out straight.

use roundtable::fed::aggregate::{AddError, Addend, ExactSum, Scale};
use roundtable::ml::layout::DType;
use roundtable::seed::{Purpose, Seed};

/// Values of a simulated model.
pub const VALUES: usize = 5;
/// Largest value of an update.
pub const LARGEST: f64 = 16.0;

/// What training a shard gives: a function of seed, round, shard and parameters alone.
pub fn update(seed: u64, round: u32, shard: u32, start: &[f32]) -> Vec<f32> {
    let mut stream = Seed(seed).stream(Purpose::Simulation, round, u64::from(shard));
    let toward = |value: &f32, target: f64| (target - f64::from(*value)) as f32 * 0.3;
    start
        .iter()
        .map(|value| toward(value, stream.uniform_in(-3.0, 3.0)))
        .collect()
}

pub fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

pub fn empty_sum(weight_limit: u64) -> ExactSum {
    ExactSum::new(Scale::new(DType::F32, LARGEST, weight_limit), VALUES)
}

/// Adds what an attempt brought: an update, or the sum of several, which is made as a node makes it.
pub fn add(
    sum: &mut ExactSum,
    weight_limit: u64,
    brought: &[(u64, Vec<f32>)],
    weight: u64,
) -> Result<(), AddError> {
    if let [(_, update)] = brought {
        return sum.fold_all(&[Addend::update(&bytes(update), weight)], 1);
    }
    let mut part = empty_sum(weight_limit);
    for (weight, update) in brought {
        part.fold(&bytes(update), *weight);
    }
    let mut bytes = Vec::new();
    part.to_bytes(&mut bytes);
    sum.fold_all(&[Addend::partial(&bytes, weight)], 1)
}

pub fn step(old: &[f32], sum: &ExactSum) -> Vec<f32> {
    old.iter()
        .zip(sum.mean())
        .map(|(&old, mean)| (f64::from(old) + mean) as f32)
        .collect()
}

/// Any two different models have different digests here, in practice.
pub fn digest(values: &[f32]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (at, byte) in bytes(values).into_iter().enumerate() {
        digest[at % 32] ^= byte.rotate_left((at / 32) as u32);
    }
    digest
}

/// The model after a round with these shards and weights, each trained from its own parameters, in exact rational arithmetic of integers: no
/// code is shared with what is tested but the rounding to the scale, done here by other means.
pub fn reference_step(
    seed: u64,
    round: u32,
    start: &[f32],
    shards: &[(u32, u64, Vec<f32>)],
    weight_limit: u64,
) -> Vec<f32> {
    let bits = 62 - (64 - weight_limit.leading_zeros() as i32) - LARGEST.log2().ceil() as i32;
    let unit = (bits as f64).exp2();
    let weight: u64 = shards.iter().map(|(_, weight, _)| weight).sum();
    let updates: Vec<(Vec<f32>, u64)> = shards
        .iter()
        .map(|(shard, weight, from)| (update(seed, round, *shard, from), *weight))
        .collect();
    (0..start.len())
        .map(|at| {
            let sum: i128 = updates
                .iter()
                .map(|(update, weight)| {
                    let exact = f64::from(update[at]) * *weight as f64 * unit;
                    exact.round_ties_even() as i128
                })
                .sum();
            (f64::from(start[at]) + sum as f64 / unit / weight as f64) as f32
        })
        .collect()
}
