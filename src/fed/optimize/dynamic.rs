//! FedDyn (Acar et al., "Federated learning based on dynamic regularization", ICLR 2021, algorithm 1): with d the plain mean update
//! of the shards that counted, a share s of all,
//!
//! h <- h - alpha s d;  step = d - h / alpha.
//!
//! What each shard remembers is in [`Memory`](crate::fed::shard_memory::Memory).

use super::Round;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dynamic {
    /// Strength of the regularisation.
    pub alpha: f64,
}

impl Dynamic {
    pub(super) const STATE: &'static [&'static str] = &["drift"];

    pub(super) fn step(self, round: &Round, state: &mut [Vec<f64>], step: &mut [f64]) {
        let Some(drift) = state.first_mut() else {
            return;
        };
        for ((step, mean), drift) in step.iter_mut().zip(round.mean).zip(drift) {
            *drift -= self.alpha * round.share * mean;
            *step = mean - *drift / self.alpha;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drift_is_taken_back() {
        let by = Dynamic { alpha: 0.5 };
        let (mut state, mut step) = (vec![vec![0.0]], [0.0]);
        let round = Round {
            mean: &[2.0],
            slope: &[],
            share: 0.25,
        };
        by.step(&round, &mut state, &mut step);
        assert_eq!((step, state[0][0]), ([2.5], -0.25));
        by.step(&round, &mut state, &mut step);
        assert_eq!((step, state[0][0]), ([3.0], -0.5));
    }
}
