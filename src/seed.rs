//! One seed a run, and named streams of random numbers from it.
//!
//! Every random choice of a run is drawn from a stream named by (seed, purpose, round, shard). A
//! stream therefore does not depend on which process draws it, or when, or what was drawn before
//! for other purposes: adding a new random choice changes no other. The helpers are written out
//! here, because the distributions of libraries change between versions.

use std::fmt;

use rand::rand_core::{Rng, SeedableRng};
use rand::rngs::ChaCha20Rng;
use sha2::{Digest, Sha256};

use crate::math::ln;

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(pub u64);

/// What a stream is for. Its name is part of the stream's key, so renaming one changes results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// The first parameters of a model.
    InitialParameters,
    /// Cutting rows into shards.
    Partition,
    /// Choosing the rows held out for evaluation.
    HeldOut,
    /// Making synthetic rows; the round of the stream is 0 for the problem and 1 for its rows.
    Synthetic,
    /// Sampling the shards of a round.
    Cohort,
    /// The order of rows in an epoch.
    Shuffle,
    /// Noise for privacy.
    Noise,
    /// Choosing a node for a task.
    Scheduling,
    /// Which tasks are done twice.
    Audit,
    /// A node's refusals and delays under its load probability.
    Load,
    /// Drawing an identity when a process starts.
    Incarnation,
    /// Simulated faults and delays.
    Simulation,
    /// What simulated attackers draw.
    Attack,
    /// Who trains how long in asynchronous rounds.
    Arrival,
    /// Which shards do less than asked, in studies.
    Straggling,
    /// Which values a random search tries; the round of the stream is the number of the point.
    Search,
}

impl Purpose {
    /// Every purpose, in the order of declaration.
    pub const ALL: [Purpose; 16] = [
        Purpose::InitialParameters,
        Purpose::Partition,
        Purpose::HeldOut,
        Purpose::Synthetic,
        Purpose::Cohort,
        Purpose::Shuffle,
        Purpose::Noise,
        Purpose::Scheduling,
        Purpose::Audit,
        Purpose::Load,
        Purpose::Incarnation,
        Purpose::Simulation,
        Purpose::Attack,
        Purpose::Arrival,
        Purpose::Straggling,
        Purpose::Search,
    ];

    /// The name that enters the key of a stream.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::InitialParameters => "initial-parameters",
            Purpose::Partition => "partition",
            Purpose::HeldOut => "held-out",
            Purpose::Synthetic => "synthetic",
            Purpose::Cohort => "cohort",
            Purpose::Shuffle => "shuffle",
            Purpose::Noise => "noise",
            Purpose::Scheduling => "scheduling",
            Purpose::Audit => "audit",
            Purpose::Load => "load",
            Purpose::Incarnation => "incarnation",
            Purpose::Simulation => "simulation",
            Purpose::Attack => "attack",
            Purpose::Arrival => "arrival",
            Purpose::Straggling => "straggling",
            Purpose::Search => "search",
        }
    }
}

impl Seed {
    /// The stream for a purpose in a round on a shard; 0 where there is no round or shard.
    ///
    /// A ChaCha20 generator keyed by the SHA-256 of the domain, the seed, the round, the shard
    /// (little-endian) and the purpose's name.
    pub fn stream(self, purpose: Purpose, round: u32, shard: u64) -> Stream {
        let mut hash = Sha256::new();
        hash.update(b"roundtable stream 1\0");
        hash.update(self.0.to_le_bytes());
        hash.update(round.to_le_bytes());
        hash.update(shard.to_le_bytes());
        hash.update(purpose.name().as_bytes());
        Stream {
            generator: ChaCha20Rng::from_seed(hash.finalize().into()),
            spare: None,
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A stream of random numbers, the same on every machine and in every version.
#[derive(Debug)]
pub struct Stream {
    generator: ChaCha20Rng,
    /// The second of the last pair of normal numbers.
    spare: Option<f64>,
}

impl Stream {
    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in [0, 1): a multiple of 2^-53 from the upper 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high), computed as `low + (high - low) * uniform()`.
    #[inline]
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with probability `p`; always for `p >= 1`, never for `p <= 0`. Draws once in any case.
    #[inline]
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// A uniformly random integer below `n`, without bias: the upper half of a 128-bit product,
    /// drawn again in the few cases that would favour some results (Lemire, "Fast Random Integer
    /// Generation in an Interval", 2019, section 4).
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no integer is below 0");
        let unfair = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// A normally distributed number of mean 0 and standard deviation 1, by the polar method
    /// (Marsaglia and Bray, "A Convenient Method for Generating Normal Variables", 1964), which
    /// makes two at a time; the second is kept for the next call.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// Puts `items` into a uniformly random order (Fisher and Yates, from the last place down).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Seed(7).stream(Purpose::Shuffle, 1, 2)
    }

    #[test]
    fn a_stream_is_named_by_all_of_its_parts() {
        let first =
            |seed: u64, purpose, round, shard| Seed(seed).stream(purpose, round, shard).bits();
        let base = first(7, Purpose::Shuffle, 1, 2);
        assert_eq!(base, stream().bits());
        assert_ne!(base, first(8, Purpose::Shuffle, 1, 2));
        assert_ne!(base, first(7, Purpose::Cohort, 1, 2));
        assert_ne!(base, first(7, Purpose::Shuffle, 2, 2));
        assert_ne!(base, first(7, Purpose::Shuffle, 1, 3));
    }

    #[test]
    fn purposes_have_different_names() {
        let names: std::collections::BTreeSet<_> = Purpose::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Purpose::ALL.len());
    }

    #[test]
    fn the_bits_are_fixed() {
        let mut stream = stream();
        assert_eq!([stream.bits(), stream.bits()], FIXED_BITS);
        assert_eq!(stream.uniform(), FIXED_UNIFORM);
        assert_eq!(stream.below(1_000), FIXED_BELOW);
        assert_eq!(stream.normal().to_bits(), FIXED_NORMAL);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        stream.shuffle(&mut items);
        assert_eq!(items, FIXED_ORDER);
    }

    const FIXED_BITS: [u64; 2] = [2_867_947_024_363_001_630, 18_127_790_166_878_451_582];
    const FIXED_UNIFORM: f64 = 0.935_444_312_115_011_1;
    const FIXED_BELOW: u64 = 778;
    const FIXED_NORMAL: u64 = 13_827_048_588_882_813_330;
    const FIXED_ORDER: [i32; 8] = [7, 5, 1, 6, 3, 2, 0, 4];

    #[test]
    fn numbers_are_spread_as_they_should_be() {
        let mut stream = stream();
        let count = 100_000;
        let mean = (0..count).map(|_| stream.uniform()).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let normals: Vec<f64> = (0..count).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(count);
        let variance =
            normals.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(count);
        assert!(
            mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
        let far = normals.iter().filter(|x| x.abs() > 1.96).count();
        assert!((4_600..5_400).contains(&far), "{far}");
        let mut counts = [0; 6];
        (0..60_000).for_each(|_| counts[stream.below(6) as usize] += 1);
        assert!(
            counts.iter().all(|count| (9_600..10_400).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn chance_keeps_to_its_ends() {
        let mut stream = stream();
        assert!((0..1_000).all(|_| !stream.chance(0.0)));
        assert!((0..1_000).all(|_| stream.chance(1.0)));
        assert_eq!(stream.below(1), 0);
        assert!((0..1_000).all(|_| (2.0..3.0).contains(&stream.uniform_in(2.0, 3.0))));
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..1_000).collect();
        stream().shuffle(&mut items);
        assert_ne!(items, (0..1_000).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..1_000).collect::<Vec<_>>());
    }
}
