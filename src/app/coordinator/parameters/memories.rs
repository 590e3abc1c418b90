//! What is remembered of every shard ([`Memory`](crate::fed::shard_memory::Memory)), by value.

use std::collections::BTreeMap;
use std::io;

use super::values::widened;
use crate::app::held::Held;
use crate::ml::layout::DType;

/// Of each shard that was trained: the round after which it was so, and the values. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memories(BTreeMap<u32, (u32, Held)>);

impl Memories {
    pub fn set(&mut self, shard: u32, round: u32, values: Held) {
        self.0.insert(shard, (round, values));
    }

    pub fn get(&self, shard: u32) -> Option<&Held> {
        self.0.get(&shard).map(|(_, values)| values)
    }

    /// A piece of the values; zeros for a shard that was never trained.
    pub fn piece(
        &self,
        shard: u32,
        dtype: DType,
        number: usize,
        length: usize,
    ) -> io::Result<Vec<f64>> {
        match self.get(shard) {
            Some(values) => widened(dtype, values, number),
            None => Ok(vec![0.0; length]),
        }
    }

    /// Those that are newer than a round: shard and values.
    pub fn since(&self, round: u32) -> impl Iterator<Item = (u32, &Held)> {
        let newer = self.0.iter().filter(move |(_, (made, _))| *made > round);
        newer.map(|(shard, (_, values))| (*shard, values))
    }
}
