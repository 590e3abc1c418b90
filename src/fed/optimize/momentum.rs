//! The mean update times a rate, with momentum: FedAvg (McMahan et al., AISTATS 2017, algorithm 1) without, FedAvgM
//! (Hsu, Qi and Brown, "Measuring the effects of non-identical data distribution", 2019, section 4.2) with it.
//!
//! v <- beta v + mean; step = rate v.

use super::Round;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// The step is the velocity times this.
    pub rate: f64,
    /// How much of the velocity stays from round to round, below 1; 0 remembers nothing.
    pub beta: f64,
}

impl Momentum {
    pub(super) fn state(self) -> &'static [&'static str] {
        if self.beta == 0.0 { &[] } else { &["velocity"] }
    }

    pub(super) fn step(self, round: &Round, state: &mut [Vec<f64>], step: &mut [f64]) {
        let Some(velocity) = state.first_mut() else {
            let pairs = step.iter_mut().zip(round.mean);
            return pairs.for_each(|(step, mean)| *step = self.rate * mean);
        };
        for ((step, mean), velocity) in step.iter_mut().zip(round.mean).zip(velocity) {
            *velocity = self.beta * *velocity + mean;
            *step = self.rate * *velocity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_gathers() {
        let by = Momentum {
            rate: 0.5,
            beta: 0.5,
        };
        let (mut state, mut step) = (vec![vec![0.0]], [0.0]);
        for expected in [1.0, 1.5, 1.75] {
            let round = Round {
                mean: &[2.0],
                slope: &[],
                share: 1.0,
            };
            by.step(&round, &mut state, &mut step);
            assert_eq!(step, [expected]);
        }
    }
}
