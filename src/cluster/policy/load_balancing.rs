//! `load-balancing`: the free node with the fewest tasks in hand; a node may refuse, then the next one is asked.
//!
//! The second policy of the classic system. What happens when all refuse is a rule of the cluster, not
//! of the policy: a wait, another round of asking, and after enough rounds one node has to take it.

use super::{Candidate, Policy, row};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "load-balancing",
    &["2"],
    "the free node with the fewest tasks in hand first; a node may refuse with its load probability, then the next is asked",
    |_| Ok(Box::new(LoadBalancing)),
);

struct LoadBalancing;

impl Policy for LoadBalancing {
    fn choose(&mut self, candidates: &[Candidate], _: &mut Stream) -> usize {
        super::least(candidates, |c| (c.in_hand, c.last_chosen))
    }

    fn nodes_may_refuse(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, choose};

    #[test]
    fn fewest_in_hand_first_then_longest_unused() {
        let mut busy = candidate(0);
        busy.in_hand = 2;
        let mut used = candidate(1);
        used.last_chosen = 9;
        let mut idle = candidate(2);
        idle.last_chosen = 4;
        assert_eq!(choose("load-balancing", &[busy, used, idle]), 2);
        assert_eq!(choose("2", &[busy, used]), 1);
    }
}
