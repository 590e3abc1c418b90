//! Asynchronous rounds: which shards bring updates to which step, and from which parameters they began.
//!
//! Buffered asynchronous aggregation (Nguyen et al., "Federated learning with buffered asynchronous aggregation", AISTATS 2022,
//! algorithm 1): so many shards train at any time, each from the parameters that were newest when it began; every
//! `buffer` updates make a step.
//!
//! Who is faster is a draw from the run's seed here, not a matter of the machines: training takes a time that is half-normal,
//! as in the paper's experiments. So the same run gives the same bits on any nodes, and can be resumed.

use std::collections::{BTreeMap, BTreeSet};

use crate::seed::{Purpose, Seed};

/// How asynchronous a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buffered {
    /// Updates of a step.
    pub buffer: u32,
    /// Shards in training at any time.
    pub concurrency: u32,
    /// An update that would be older than so many steps is begun anew.
    pub most_stale: u32,
    /// An update that is s steps old weighs 1 / (1 + s) to this power (the paper's is 1/2).
    pub exponent: f64,
}

impl Buffered {
    /// What an update weighs that is so many steps old.
    pub fn weight(&self, staleness: u32) -> f64 {
        let age = 1.0 + f64::from(staleness);
        if self.exponent == 0.5 {
            return 1.0 / age.sqrt();
        }
        crate::math::exp_each([-self.exponent * crate::math::ln(age)])[0]
    }

    /// Whether there are shards enough: none trains twice at a time, or brings two updates to one step.
    pub fn check(&self, shards: u32) -> Result<(), String> {
        let needed = self.buffer.saturating_add(self.concurrency);
        if needed <= shards {
            return Ok(());
        }
        Err(format!(
            "{} shards in training and {} in the buffer need {needed} shards, and there are {shards}; lower concurrency or buffer",
            self.concurrency, self.buffer
        ))
    }
}

/// Training under way: from which step's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trainer {
    shard: u32,
    base: u32,
}

/// When training will be done, and as which of all it began. In their order the first is done first: times are not negative,
/// and the bits of such numbers are in the order of the numbers.
type Done = (u64, u64);

/// The course of an asynchronous run, step by step.
#[derive(Clone, Debug)]
pub struct Asynchrony {
    how: Buffered,
    seed: Seed,
    shards: u32,
    begun: u64,
    now: f64,
    round: u32,
    training: BTreeMap<Done, Trainer>,
    /// Shards in training.
    busy: BTreeSet<u32>,
    /// Shards whose updates make the step, and the step after which each began.
    arrivals: BTreeMap<u32, u32>,
}

impl Asynchrony {
    /// Before the first step.
    ///
    /// # Panics
    /// When there are too few shards ([`Buffered::check`]).
    pub fn new(how: Buffered, seed: Seed, shards: u32) -> Asynchrony {
        assert!(how.check(shards).is_ok(), "too few shards");
        Asynchrony {
            how,
            seed,
            shards,
            begun: 0,
            now: 0.0,
            round: 0,
            training: BTreeMap::new(),
            busy: BTreeSet::new(),
            arrivals: BTreeMap::new(),
        }
    }

    /// Goes to the step of a round.
    pub fn go_to(&mut self, round: u32) {
        if round < self.round {
            *self = Asynchrony::new(self.how, self.seed, self.shards);
        }
        while self.round < round {
            self.next();
        }
    }

    /// Shards whose updates make the step, and the step after which each began.
    pub fn arrivals(&self) -> &BTreeMap<u32, u32> {
        &self.arrivals
    }

    /// How many steps old the update of a shard is.
    pub fn staleness(&self, shard: u32) -> u32 {
        let base = self.arrivals.get(&shard);
        base.map_or(0, |base| self.round - 1 - base)
    }

    /// Steps whose parameters are needed from here on, the newest aside.
    pub fn needed(&self) -> BTreeSet<u32> {
        let training = self.training.values().map(|trainer| trainer.base);
        training.chain(self.arrivals.values().copied()).collect()
    }

    fn next(&mut self) {
        self.round += 1;
        self.arrivals.clear();
        let newest = self.round - 1;
        self.renew(newest);
        while self.arrivals.len() < self.how.buffer as usize {
            while self.training.len() < self.how.concurrency as usize {
                self.begin(newest);
            }
            let Some(((at, _), trainer)) = self.training.pop_first() else {
                return;
            };
            self.now = f64::from_bits(at);
            self.busy.remove(&trainer.shard);
            self.arrivals.insert(trainer.shard, trainer.base);
        }
    }

    /// Begins anew what would be too old.
    fn renew(&mut self, newest: u32) {
        let oldest = newest.saturating_sub(self.how.most_stale);
        let old: Vec<(Done, u32)> = self
            .training
            .iter()
            .filter(|(_, trainer)| trainer.base < oldest)
            .map(|(&done, trainer)| (done, trainer.shard))
            .collect();
        for (done, shard) in old {
            self.training.remove(&done);
            self.begun += 1;
            let base = newest;
            self.training.insert(self.when(), Trainer { shard, base });
        }
    }

    /// Another shard begins.
    fn begin(&mut self, base: u32) {
        self.begun += 1;
        let mut stream = self.seed.stream(Purpose::Arrival, 0, self.begun);
        let shard = loop {
            let shard = stream.below(u64::from(self.shards)) as u32;
            if !self.arrivals.contains_key(&shard) && self.busy.insert(shard) {
                break shard;
            }
        };
        self.training.insert(self.when(), Trainer { shard, base });
    }

    /// When something that begins now is done.
    fn when(&self) -> Done {
        let mut stream = self.seed.stream(Purpose::Arrival, 1, self.begun);
        let at = self.now + stream.normal().abs();
        (at.to_bits(), self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: Buffered = Buffered {
        buffer: 3,
        concurrency: 6,
        most_stale: 4,
        exponent: 0.5,
    };

    #[test]
    fn every_step_has_as_many_updates_none_too_old() {
        let mut course = Asynchrony::new(HOW, Seed(1), 20);
        let mut ages = BTreeSet::new();
        for round in 1..200 {
            course.go_to(round);
            assert_eq!(course.arrivals().len(), 3);
            for (&shard, &base) in course.arrivals() {
                assert!(shard < 20 && base < round);
                ages.insert(course.staleness(shard));
            }
            assert!(course.needed().iter().all(|&base| base + 5 >= round));
        }
        assert_eq!(ages, BTreeSet::from([0, 1, 2, 3, 4]), "all ages occur");
    }

    #[test]
    fn the_course_is_the_same_from_wherever_one_comes() {
        let mut straight = Asynchrony::new(HOW, Seed(2), 12);
        straight.go_to(9);
        let mut back = straight.clone();
        back.go_to(30);
        back.go_to(9);
        assert_eq!(back.arrivals(), straight.arrivals());
        let mut other = Asynchrony::new(HOW, Seed(3), 12);
        other.go_to(9);
        assert_ne!(other.arrivals(), straight.arrivals());
    }

    #[test]
    fn many_shards_train_at_a_time() {
        let many = Buffered {
            buffer: 20_000,
            concurrency: 30_000,
            ..HOW
        };
        let mut course = Asynchrony::new(many, Seed(4), 50_000);
        course.go_to(3);
        assert_eq!(course.arrivals().len(), 20_000);
        assert_eq!(course.training.len(), course.busy.len());
    }

    #[test]
    fn old_updates_weigh_less() {
        assert_eq!(HOW.weight(0), 1.0);
        assert_eq!(HOW.weight(3), 0.5);
        let linear = Buffered {
            exponent: 1.0,
            ..HOW
        };
        assert!((linear.weight(3) - 0.25).abs() < 1e-15);
        assert!(HOW.check(8).is_err() && HOW.check(9).is_ok());
    }
}
