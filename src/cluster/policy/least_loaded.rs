//! `least-loaded`: the free node whose heartbeat reports the lowest load.

use super::{Candidate, Policy, row};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Box<dyn Policy>> = row(
    "least-loaded",
    &[],
    "the free node that reports the lowest load, counting what it was given since",
    |_| Ok(Box::new(LeastLoaded)),
);

struct LeastLoaded;

impl Policy for LeastLoaded {
    fn choose(&mut self, candidates: &[Candidate], _: &mut Stream) -> usize {
        // A heartbeat is up to a second old: tasks handed out since count as load of their slots.
        super::least(candidates, |c| {
            let given = f64::from(c.in_hand) / f64::from(c.slots.max(1));
            let millionths = (c.load.clamp(0.0, 1.0) + given) * 1e6;
            (millionths as u64, c.last_chosen)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, choose};

    #[test]
    fn reported_load_and_tasks_given_since_both_count() {
        let mut loaded = candidate(0);
        loaded.load = 0.9;
        let mut calm = candidate(1);
        calm.load = 0.2;
        assert_eq!(choose("least-loaded", &[loaded, calm]), 1);
        calm.in_hand = 1;
        calm.slots = 1;
        assert_eq!(choose("least-loaded", &[loaded, calm]), 0);
    }
}
