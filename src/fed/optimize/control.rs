//! SCAFFOLD's server (Karimireddy et al., ICML 2020, algorithm 1, lines 16 and 17): with d the mean update and g the mean
//! of the slopes that the shards saw on their way (option II), a share s of all shards having counted,
//!
//! step = rate d;  c <- c + s (g - c).
//!
//! The second line is the paper's c <- c + s mean(c_i+ - c_i), because c_i+ - c_i = g_i - c. What each shard
//! remembers is in [`Memory`](crate::fed::shard_memory::Memory).

use super::Round;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// Length of a step.
    pub rate: f64,
}

impl Control {
    pub(super) const STATE: &'static [&'static str] = &["control"];

    pub(super) fn step(self, round: &Round, state: &mut [Vec<f64>], step: &mut [f64]) {
        let Some(control) = state.first_mut() else {
            return;
        };
        let means = round.mean.iter().zip(round.slope);
        for ((step, (mean, slope)), control) in step.iter_mut().zip(means).zip(control) {
            *step = self.rate * mean;
            *control += round.share * (slope - *control);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_follows_the_slopes() {
        let by = Control { rate: 2.0 };
        let (mut state, mut step) = (vec![vec![1.0]], [0.0]);
        let round = Round {
            mean: &[3.0],
            slope: &[5.0],
            share: 0.5,
        };
        by.step(&round, &mut state, &mut step);
        assert_eq!((step, state[0][0]), ([6.0], 3.0));
    }
}
