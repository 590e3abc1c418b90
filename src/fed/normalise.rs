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
    // Every step adds 1 to the velocity v, and v to the sum: s <- (1 - pull) s + v. That is a linear map of (s, v, 1);
    // its power is made by squaring, because a node may claim any number of rows.
    let mut map = [
        [1.0 - pull, momentum, 1.0],
        [-pull, momentum, 1.0],
        [0.0, 0.0, 1.0],
    ];
    let mut state = [0.0, 0.0, 1.0];
    let mut left = steps;
    while left > 0 {
        if left & 1 == 1 {
            state = map.map(|row| dot(row, state));
        }
        left >>= 1;
        if left > 0 {
            let column = |at: usize| map.map(|row| row[at]);
            let columns = [column(0), column(1), column(2)];
            map = map.map(|row| columns.map(|column| dot(row, column)));
        }
    }
    state[0]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
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
    fn many_steps_take_no_time() {
        assert!((gathered(1_000, 0.9, 0.0) - 9_910.0).abs() < 1e-9);
        let far = gathered(1 << 40, 0.5, 0.25);
        assert!(
            (far - 4.0).abs() < 1e-9,
            "where pull and gradient meet: {far}"
        );
    }

    #[test]
    fn a_proximal_term_counts_as_in_the_paper() {
        // [1 - (1 - q)^k] / q, with q = 1/2 and k = 3.
        assert_eq!(gathered(3, 0.0, 0.5), 1.75);
    }
}
