//! What sparse updates left out, remembered with the shard until its next round: the memory of error feedback (Stich,
//! Cordonnier and Jaggi, "Sparsified SGD with memory", 2018).
//!
//! Only shards that never leave this node have such a memory. Of the last rounds of a shard it is kept as it was before
//! each of them, so that a round that is asked for again gives the same bytes: a coordinator that was killed does again
//! what was finished and not yet durable. A node that is started again begins without.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::Level;

use crate::app::logs::About;

/// Bytes that are remembered; the longest histories give way first, then the memory that was longest unused.
const MOST: usize = 1 << 30;
/// Rounds of a shard that may be asked for again: more than a coordinator trains ahead of its disk.
const ROUNDS: usize = 72;
/// What remembering takes besides the values.
const ENTRY: usize = 256;

/// A run and one of its shards.
type Name = (String, String);
/// What was left out, one value for each of the model.
type Rest = Arc<[f32]>;

/// What is remembered of a shard.
struct Memory {
    /// The first round it was trained in, before which nothing had been left out.
    first: i32,
    /// What had been left out before each of the last rounds it was trained in. Never empty.
    before: BTreeMap<i32, Rest>,
    /// And after the newest of them.
    after: Rest,
    used: u64,
}

#[derive(Default)]
struct State {
    memories: BTreeMap<Name, Memory>,
    size: usize,
    clock: u64,
}

/// The memories of all shards here.
pub(super) struct Residuals {
    most: usize,
    state: Mutex<State>,
}

/// What had been left out before a round is not remembered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forgotten {
    round: i32,
    oldest: i32,
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forgotten { round, oldest } = self;
        write!(
            f,
            "round {round} cannot be done again: what this shard's updates had left out by then is remembered from \
             round {oldest} on"
        )
    }
}

impl Default for Residuals {
    fn default() -> Residuals {
        Residuals::new(MOST)
    }
}

impl Residuals {
    /// Remembers so many bytes at most.
    fn new(most: usize) -> Residuals {
        Residuals {
            most,
            state: Mutex::default(),
        }
    }

    /// Encodes the update of a shard in a round: `encode` gets what the rounds before left out and leaves there what
    /// this one does.
    pub(super) fn with<T, E>(
        &self,
        run: &str,
        shard: &str,
        round: i32,
        values: usize,
        encode: impl FnOnce(&mut [f32]) -> Result<T, E>,
    ) -> Result<Result<T, E>, Forgotten> {
        let name = (run.to_owned(), shard.to_owned());
        let known = match self.lock().memories.get(&name) {
            Some(memory) => memory.before(round)?,
            None => None,
        };
        let known = known.filter(|rest| rest.len() == values);
        let before = known.unwrap_or_else(|| vec![0.0; values].into());
        let mut after = before.to_vec();
        let encoded = encode(&mut after);
        if encoded.is_ok() {
            let mut state = self.lock();
            state.keep(name, round, before, after.into());
            state.make_room(self.most);
        }
        Ok(encoded)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, name: Name, round: i32, before: Rest, after: Rest) {
        self.clock += 1;
        let old = self.memories.remove(&name);
        self.size -= old.as_ref().map_or(0, |old| old.bytes(&name));
        let mut memory = old.unwrap_or_else(|| Memory {
            first: round,
            before: BTreeMap::new(),
            after: after.clone(),
            used: 0,
        });
        memory.keep(round, before, after);
        memory.used = self.clock;
        self.size += memory.bytes(&name);
        self.memories.insert(name, memory);
    }

    fn make_room(&mut self, most: usize) {
        while self.size > most {
            let longest = self.memories.iter_mut();
            let longest = longest.max_by_key(|(_, memory)| memory.before.len());
            if let Some((_, memory)) = longest.filter(|(_, memory)| memory.before.len() > 1) {
                self.size -= memory.forget_oldest();
            } else if self.memories.len() > 1 {
                self.drop_longest_unused();
            } else {
                return;
            }
        }
    }

    fn drop_longest_unused(&mut self) {
        let oldest = self.memories.iter().min_by_key(|(_, memory)| memory.used);
        let Some(name) = oldest.map(|(name, _)| name.clone()) else {
            return;
        };
        let (run, shard) = &name;
        let about = About {
            shards: Some(shard),
            ..About::run(run)
        };
        let message = format_args!("no room to remember what the updates left out");
        about.log(Level::Warn, message);
        if let Some(gone) = self.memories.remove(&name) {
            self.size -= gone.bytes(&name);
        }
    }
}

impl Memory {
    /// What had been left out before this round, if anything was.
    fn before(&self, round: i32) -> Result<Option<Rest>, Forgotten> {
        if round <= self.first {
            return Ok(None);
        }
        match self.before.first_key_value() {
            Some((&oldest, _)) if round < oldest => Err(Forgotten { round, oldest }),
            // Between two rounds of the shard nothing changes.
            _ => {
                let next = self.before.range(round..).next();
                Ok(Some(next.map_or(&self.after, |(_, rest)| rest).clone()))
            }
        }
    }

    /// Notes what a round left out. What is known of later ones stays, as long as it follows from this one.
    fn keep(&mut self, round: i32, before: Rest, after: Rest) {
        self.first = self.first.min(round);
        let mut later = self.before.split_off(&round);
        later.remove(&round);
        let follows = later.first_key_value().map(|(_, next)| *next == after);
        self.before.insert(round, before);
        if follows == Some(true) {
            self.before.append(&mut later);
        } else {
            self.after = after;
        }
        while self.before.len() > ROUNDS {
            self.before.pop_first();
        }
    }

    fn forget_oldest(&mut self) -> usize {
        let gone = self.before.pop_first();
        gone.map_or(0, |(_, rest)| bytes_of(&rest))
    }

    fn bytes(&self, (run, shard): &Name) -> usize {
        let all = self.before.values().chain([&self.after]);
        all.map(bytes_of).sum::<usize>() + ENTRY + run.len() + shard.len()
    }
}

fn bytes_of(rest: &Rest) -> usize {
    rest.len() * 4 + ENTRY
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a round of a shard finds; it leaves one more there.
    fn train(residuals: &Residuals, shard: &str, round: i32) -> Result<f32, Forgotten> {
        let encode = |rest: &mut [f32]| {
            let seen = rest[0];
            rest[0] += 1.0;
            Ok::<f32, ()>(seen)
        };
        let encoded = residuals.with("run", shard, round, 3, encode)?;
        Ok(encoded.unwrap())
    }

    #[test]
    fn what_is_left_out_comes_back_in_the_next_round() {
        let residuals = Residuals::default();
        let train = |shard, round| train(&residuals, shard, round).unwrap();
        assert_eq!(
            (train("a", 1), train("a", 2), train("b", 2)),
            (0.0, 1.0, 0.0)
        );
        assert_eq!(train("a", 2), 1.0, "asked again");
        assert_eq!(train("a", 5), 2.0, "it was not in every cohort");
        let failed = residuals.with("run", "b", 3, 3, |_| Err::<(), ()>(()));
        assert_eq!(failed, Ok(Err(())));
        assert_eq!(train("b", 3), 1.0, "a failure changes nothing");
    }

    #[test]
    fn earlier_rounds_are_done_again_and_later_ones_stay_known() {
        let residuals = Residuals::default();
        let train = |round| train(&residuals, "a", round).unwrap();
        let once: Vec<f32> = [1, 2, 4, 5].map(train).into();
        assert_eq!(once, [0.0, 1.0, 2.0, 3.0]);
        let again: Vec<f32> = [2, 4, 5, 1, 6].map(train).into();
        assert_eq!(again, [1.0, 2.0, 3.0, 0.0, 4.0]);
        // A round that left out something else than before: what followed is void.
        let other = residuals.with("run", "a", 2, 3, |rest| {
            rest[0] = 7.0;
            Ok::<(), ()>(())
        });
        assert_eq!(other, Ok(Ok(())));
        assert_eq!((train(4), train(5)), (7.0, 8.0));
        assert_eq!(train(1), 0.0, "a run that begins anew");
    }

    #[test]
    fn what_is_forgotten_is_told() {
        let residuals = Residuals::default();
        let rounds = ROUNDS as i32 + 5;
        for round in 1..=rounds {
            assert_eq!(train(&residuals, "a", round), Ok((round - 1) as f32));
        }
        assert_eq!(train(&residuals, "a", 6), Ok(5.0));
        let forgotten = train(&residuals, "a", 5);
        assert_eq!(
            forgotten,
            Err(Forgotten {
                round: 5,
                oldest: 6
            })
        );
    }

    #[test]
    fn histories_give_way_before_memories() {
        let of_two = 2 * (2 * (3 * 4 + ENTRY) + ENTRY + 4);
        let residuals = Residuals::new(of_two);
        for round in 1..=5 {
            for shard in ["a", "b"] {
                let found = train(&residuals, shard, round);
                assert_eq!(found, Ok((round - 1) as f32), "{shard} in round {round}");
            }
        }
        let forgotten = Forgotten {
            round: 4,
            oldest: 5,
        };
        assert_eq!(train(&residuals, "a", 4), Err(forgotten));
        assert_eq!(train(&residuals, "b", 5), Ok(4.0));
        assert_eq!(train(&residuals, "c", 5), Ok(0.0));
        let state = residuals.lock();
        assert!(state.size <= of_two && state.memories.len() == 2);
    }
}
