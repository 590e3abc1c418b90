//! `power-of-two`: of two random free nodes, the one with fewer tasks in hand.
//!
//! Two choices shrink the longest queue from O(log n / log log n) to O(log log n): M. Mitzenmacher,
//! "The power of two choices in randomized load balancing", IEEE TPDS 12(10), 2001, section 1.

use super::{Candidate, Policy, row};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "power-of-two",
    &[],
    "of two random free nodes, the one with fewer tasks in hand",
    |_| Ok(Box::new(PowerOfTwo)),
);

struct PowerOfTwo;

impl Policy for PowerOfTwo {
    fn choose(&mut self, candidates: &[Candidate], stream: &mut Stream) -> usize {
        let first = stream.below(candidates.len() as u64) as usize;
        if candidates.len() == 1 {
            return first;
        }
        // The second one is another: drawn from the rest.
        let second =
            (first + 1 + stream.below(candidates.len() as u64 - 1) as usize) % candidates.len();
        if candidates[second].in_hand < candidates[first].in_hand {
            second
        } else {
            first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, choose};

    #[test]
    fn with_two_nodes_it_is_the_emptier_one() {
        let mut busy = candidate(0);
        busy.in_hand = 3;
        assert_eq!(choose("power-of-two", &[busy, candidate(1)]), 1);
        assert_eq!(choose("power-of-two", &[candidate(1), busy]), 0);
        assert_eq!(choose("power-of-two", &[busy]), 0);
    }
}
