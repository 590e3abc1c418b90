//! Waiting longer after each failure, up to a limit.

use std::time::Duration;

/// First wait and longest wait; each wait is twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl Backoff {
    /// How long to wait after `failures` failures in a row. Without any failure: no wait.
    pub fn wait(&self, failures: u32) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let doubled = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_millis(500),
        };
        let waits: Vec<u128> = (0..6).map(|n| backoff.wait(n).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 500, 500]);
        assert_eq!(backoff.wait(u32::MAX), backoff.longest);
    }
}
