//! What sparse updates left out, remembered with the shard until its next round: the memory of error feedback (Stich,
//! Cordonnier and Jaggi, "Sparsified SGD with memory", 2018).
//!
//! Only shards that never leave this node have such a memory. It is kept before and after the newest round, so that a
//! training that is asked for again gives the same bytes; a node that is started again begins without.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use log::Level;

use crate::app::logs::About;

/// Bytes that are remembered; the memory that was longest unused gives way.
const MOST: usize = 1 << 30;

/// A run and one of its shards.
type Name = (String, String);

struct Memory {
    round: i32,
    before: Vec<f32>,
    after: Vec<f32>,
    used: u64,
}

#[derive(Default)]
struct State {
    memories: BTreeMap<Name, Memory>,
    size: usize,
    clock: u64,
}

/// The memories of all shards here.
#[derive(Default)]
pub(super) struct Residuals(Mutex<State>);

impl Residuals {
    /// Encodes the update of a shard in a round: `encode` gets what the rounds before left out and leaves there what
    /// this one does.
    pub(super) fn with<T, E>(
        &self,
        run: &str,
        shard: &str,
        round: i32,
        values: usize,
        encode: impl FnOnce(&mut [f32]) -> Result<T, E>,
    ) -> Result<T, E> {
        let name = (run.to_owned(), shard.to_owned());
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match state.memories.get(&name) {
            Some(memory) if memory.round == round => memory.before.clone(),
            Some(memory) if memory.round < round => memory.after.clone(),
            _ => Vec::new(),
        };
        drop(state);
        let before = if before.len() == values {
            before
        } else {
            vec![0.0; values]
        };
        let mut after = before.clone();
        let encoded = encode(&mut after)?;
        state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.keep(name, round, before, after);
        Ok(encoded)
    }
}

impl State {
    fn keep(&mut self, name: Name, round: i32, before: Vec<f32>, after: Vec<f32>) {
        self.clock += 1;
        let memory = Memory {
            round,
            before,
            after,
            used: self.clock,
        };
        self.size += memory.bytes();
        if let Some(old) = self.memories.insert(name, memory) {
            self.size -= old.bytes();
        }
        while self.size > MOST && self.memories.len() > 1 {
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
                self.size -= gone.bytes();
            }
        }
    }
}

impl Memory {
    fn bytes(&self) -> usize {
        (self.before.len() + self.after.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_comes_back_in_the_next_round() {
        let residuals = Residuals::default();
        let train = |shard, round| {
            let encode = |rest: &mut [f32]| {
                let seen = rest[0];
                rest[0] += 1.0;
                Ok::<f32, ()>(seen)
            };
            residuals.with("run", shard, round, 3, encode).unwrap()
        };
        assert_eq!(
            (train("a", 1), train("a", 2), train("b", 2)),
            (0.0, 1.0, 0.0)
        );
        assert_eq!(train("a", 2), 1.0, "asked again");
        assert_eq!(train("a", 5), 2.0, "it was not in every cohort");
        assert_eq!(train("a", 1), 0.0, "a run that begins anew");
        let failed = residuals.with("run", "b", 3, 3, |_| Err::<(), ()>(()));
        assert!(failed.is_err());
        assert_eq!(train("b", 3), 1.0, "a failure changes nothing");
    }
}
