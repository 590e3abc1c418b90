//! What strategies remember of every shard from one of its rounds to the next, and how that corrects its gradients.
//!
//! With u the update that a shard brought, made by k steps of length r, whose gradients have the weights a in it:
//!
//! | strategy | remembered | added to every gradient | after the round |
//! | --- | --- | --- | --- |
//! | SCAFFOLD, option II | c_i | c - c_i | c_i <- c_i - c - u / (\|a\| r) |
//! | FedDyn | g_i | -g_i | g_i <- g_i - alpha u |
//!
//! (Karimireddy et al., ICML 2020, algorithm 1, lines 8 to 12; Acar et al., ICLR 2021, algorithm 1 and equation 3.)
//! Of plain steps |a| is k, as in the paper; with momentum or a proximal term it is FedNova's
//! ([`gathered`](super::normalise::gathered)): divided by k, a control would be larger than any gradient and the run diverge.
//! It begins with zeros. The coordinator keeps it, so a shard may be trained by another node every time.

/// What is remembered of each shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Memory {
    /// SCAFFOLD's control variate.
    Control,
    /// FedDyn's gradient.
    Gradient {
        /// Strength of the regularisation.
        alpha: f64,
    },
}

impl Memory {
    /// What is added to a gradient, value by value: from the server's control and from what is remembered of the shard.
    pub fn correction(self, server: f64, own: f64) -> f64 {
        match self {
            Memory::Control => server - own,
            Memory::Gradient { .. } => -own,
        }
    }

    /// What is remembered after an update that was made by steps of this length together (|a| times r), from the server's
    /// control as it was when the shard was trained.
    pub fn next(self, server: f64, own: f64, update: f64, length: f64) -> f64 {
        match self {
            Memory::Control => own - server - update / length,
            Memory::Gradient { alpha } => own - alpha * update,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_the_slopes_seen() {
        // Two steps of 0.5 with the gradient 3 + (c - c_i) = 3 + (1 - 2) make an update of -2.
        assert_eq!(Memory::Control.correction(1.0, 2.0), -1.0);
        let next = Memory::Control.next(1.0, 2.0, -2.0, 1.0);
        assert_eq!(next, 3.0, "the gradient of the shard itself");
    }

    #[test]
    fn gradients_follow_the_updates() {
        let memory = Memory::Gradient { alpha: 0.5 };
        assert_eq!(memory.next(9.0, 1.0, -4.0, 7.0), 3.0);
        assert_eq!(memory.correction(9.0, 3.0), -3.0);
    }
}
