//! FedNova's normalised averaging (Wang et al., "Tackling the objective inconsistency problem", NeurIPS 2020, section 4).
//!
//! A shard that makes k local steps moves by the sum of its gradients weighted by a vector a; what its update is divided by is the sum
//! of a. With p the shares of the rows and |a| those sums, the step is (sum of p |a|) times (sum of p u / |a|): as if
//! all shards had made the same number of steps.

/// Sum of the weights of the gradients in an update of so many local steps, with heavy-ball momentum and with a
/// proximal term whose strength is `pull`, the step length times mu (sections 4 and B of the paper; with both, the
/// recursion that they follow from).
pub fn gathered(steps: u64, momentum: f64, pull: f64) -> f64 {
    if momentum == 0.0 && pull == 0.0 {
        return steps as f64;
    }
    // Every step adds 1 to the velocity v, and v to the sum: s <- (1 - pull) s + v.
    let (mut sum, mut velocity) = (0.0, 0.0);
    for _ in 0..steps {
        velocity = momentum * velocity + 1.0 - pull * sum;
        sum += velocity;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_steps_count_once() {
        assert_eq!(gathered(7, 0.0, 0.0), 7.0);
    }

    #[test]
    fn momentum_counts_as_in_the_paper() {
        // [k - m (1 - m^k) / (1 - m)] / (1 - m), with m = 1/2 and k = 3: (3 - 7/8) * 2.
        assert_eq!(gathered(3, 0.5, 0.0), 4.25);
    }

    #[test]
    fn a_proximal_term_counts_as_in_the_paper() {
        // [1 - (1 - q)^k] / q, with q = 1/2 and k = 3.
        assert_eq!(gathered(3, 0.0, 0.5), 1.75);
    }
}
