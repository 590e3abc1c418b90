//! `fastest`: the free node that would be done first, by the benchmark it ran when it joined.

use super::{Candidate, Policy, row};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "fastest",
    &[],
    "the free node with the most measured rows per second for each task in hand",
    |_| Ok(Box::new(Fastest)),
);

struct Fastest;

impl Policy for Fastest {
    fn choose(&mut self, candidates: &[Candidate], _: &mut Stream) -> usize {
        // A node that did not say how fast it is counts as slow as the slowest that did.
        let slowest = candidates
            .iter()
            .filter_map(|c| c.speed)
            .fold(f64::INFINITY, f64::min);
        let fallback = if slowest.is_finite() { slowest } else { 1.0 };
        super::least(candidates, |c| {
            let share = c.speed.unwrap_or(fallback).max(1e-9) / f64::from(c.in_hand + 1);
            // Nanoseconds a row: an integer orders totally.
            ((1e9 / share) as u64, c.last_chosen)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, choose};

    #[test]
    fn speed_is_shared_by_the_tasks_in_hand() {
        let mut fast = candidate(0);
        fast.speed = Some(3000.0);
        let mut slow = candidate(1);
        slow.speed = Some(1000.0);
        assert_eq!(choose("fastest", &[slow, fast]), 1);
        fast.in_hand = 3;
        assert_eq!(choose("fastest", &[slow, fast]), 0);
    }

    #[test]
    fn unknown_speed_counts_as_the_slowest() {
        let mut fast = candidate(0);
        fast.speed = Some(3000.0);
        assert_eq!(
            choose("fastest", &[candidate(1), fast]),
            0,
            "the tie goes to the longest unused"
        );
    }
}
