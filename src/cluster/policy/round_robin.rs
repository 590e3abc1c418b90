//! `round-robin`: the free node after the one chosen last, in the order of the roster.

use super::{Candidate, Policy, row};
use crate::cluster::roster::NodeId;
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "round-robin",
    &[],
    "the next free node in the order of the list",
    |_| Ok(Box::new(RoundRobin { last: None })),
);

struct RoundRobin {
    last: Option<NodeId>,
}

impl Policy for RoundRobin {
    fn choose(&mut self, candidates: &[Candidate], _: &mut Stream) -> usize {
        let next = candidates
            .iter()
            .position(|candidate| Some(candidate.node) > self.last)
            .unwrap_or(0);
        self.last = Some(candidates[next].node);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::candidate;
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn goes_round_and_skips_the_busy() {
        let mut policy = RoundRobin { last: None };
        let mut stream = Seed(1).stream(Purpose::Scheduling, 0, 0);
        let all = [candidate(0), candidate(1), candidate(2)];
        let without_first = [candidate(1), candidate(2)];
        assert_eq!(policy.choose(&all, &mut stream), 0);
        assert_eq!(policy.choose(&all, &mut stream), 1);
        assert_eq!(policy.choose(&all, &mut stream), 2);
        assert_eq!(policy.choose(&without_first, &mut stream), 0);
        assert_eq!(policy.choose(&all, &mut stream), 2);
    }
}
