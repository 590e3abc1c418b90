//! A step length of its own for every parameter (Reddi et al., "Adaptive federated optimization", ICLR 2021, algorithm
//! 2): with d the mean update,
//!
//! m <- beta1 m + (1 - beta1) d;  step = rate m / (sqrt(v) + tau), where
//! FedAdagrad: v <- v + d^2
//! FedAdam:    v <- beta2 v + (1 - beta2) d^2
//! FedYogi:    v <- v - (1 - beta2) d^2 sign(v - d^2)
//!
//! v begins with tau^2. As in the paper, nothing is corrected for the first rounds.

use super::Round;

/// How the second moment follows the squares of the mean updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// FedAdagrad.
    Adagrad,
    /// FedAdam.
    Adam,
    /// FedYogi.
    Yogi,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// Which of the three.
    pub second: Second,
    /// Length of a step.
    pub rate: f64,
    /// How much of the first moment stays.
    pub beta1: f64,
    /// How much of the second moment stays.
    pub beta2: f64,
    /// How little adaptivity there is: the larger, the more it is like a plain mean.
    pub tau: f64,
}

impl Adaptive {
    pub(super) const STATE: &'static [&'static str] = &["first", "second"];

    pub(super) fn first(self, name: &str) -> f64 {
        if name == "second" {
            self.tau * self.tau
        } else {
            0.0
        }
    }

    pub(super) fn step(self, round: &Round, state: &mut [Vec<f64>], step: &mut [f64]) {
        let [first, second] = state else {
            return;
        };
        let moments = first.iter_mut().zip(second);
        for ((step, mean), (first, second)) in step.iter_mut().zip(round.mean).zip(moments) {
            *first = self.beta1 * *first + (1.0 - self.beta1) * mean;
            *second = self.follow(*second, mean * mean);
            *step = self.rate * *first / (second.sqrt() + self.tau);
        }
    }

    fn follow(self, second: f64, square: f64) -> f64 {
        let part = (1.0 - self.beta2) * square;
        match self.second {
            Second::Adagrad => second + square,
            Second::Adam => self.beta2 * second + part,
            Second::Yogi if second > square => second - part,
            Second::Yogi if second < square => second + part,
            Second::Yogi => second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rounds with the mean update 3, then 1, tau 1 and beta2 1/2.
    fn second_after(second: Second) -> [f64; 2] {
        let by = Adaptive {
            second,
            rate: 1.0,
            beta1: 0.0,
            beta2: 0.5,
            tau: 1.0,
        };
        let mut state = vec![vec![0.0], vec![by.first("second")]];
        [3.0, 1.0].map(|mean| {
            let round = Round {
                mean: &[mean],
                slope: &[],
                share: 1.0,
            };
            let mut step = [0.0];
            by.step(&round, &mut state, &mut step);
            let expected = mean / (state[1][0].sqrt() + 1.0);
            assert_eq!(step, [expected]);
            state[1][0]
        })
    }

    #[test]
    fn second_moments_worked_out_by_hand() {
        assert_eq!(second_after(Second::Adagrad), [10.0, 11.0]);
        assert_eq!(second_after(Second::Adam), [5.0, 3.0]);
        assert_eq!(second_after(Second::Yogi), [5.5, 5.0]);
    }

    #[test]
    fn the_first_moment_is_a_moving_mean() {
        let by = Adaptive {
            second: Second::Adam,
            rate: 2.0,
            beta1: 0.75,
            beta2: 1.0,
            tau: 1.0,
        };
        let mut state = vec![vec![0.0], vec![1.0]];
        let round = Round {
            mean: &[4.0],
            slope: &[],
            share: 1.0,
        };
        let mut step = [0.0];
        by.step(&round, &mut state, &mut step);
        assert_eq!((step, state[0][0]), ([1.0], 1.0));
    }
}
