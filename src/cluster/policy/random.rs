//! `random`: a uniformly random free node, which always takes the task.

use super::{Candidate, Policy, row};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "random",
    &["1"],
    "a uniformly random free node, which always takes the task",
    |_| Ok(Box::new(Random)),
);

struct Random;

impl Policy for Random {
    fn choose(&mut self, candidates: &[Candidate], stream: &mut Stream) -> usize {
        stream.below(candidates.len() as u64) as usize
    }
}
