//! How long attempts took lately, and from that when one is a straggler.

use std::collections::VecDeque;
use std::time::Duration;

/// Attempts remembered. Enough for a steady median, few enough to follow a change of pace.
const WINDOW: usize = 31;
/// Below this many, the median says nothing yet.
const ENOUGH: usize = 3;

/// The durations of the last attempts that were answered.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// Oldest first.
    arrivals: VecDeque<Duration>,
    /// The same, ascending.
    sorted: Vec<Duration>,
}

impl Durations {
    /// Takes in one more.
    pub fn record(&mut self, duration: Duration) {
        if self.arrivals.len() == WINDOW
            && let Some(oldest) = self.arrivals.pop_front()
        {
            let at = self.sorted.partition_point(|&d| d < oldest);
            self.sorted.remove(at);
        }
        let at = self.sorted.partition_point(|&d| d < duration);
        self.sorted.insert(at, duration);
        self.arrivals.push_back(duration);
    }

    /// When an attempt counts as a straggler: `factor` times the median, and never before `floor`.
    /// None while too few attempts were answered to tell.
    pub fn deadline(&self, factor: u32, floor: Duration) -> Option<Duration> {
        if self.sorted.len() < ENOUGH {
            return None;
        }
        let median = self.sorted[self.sorted.len() / 2];
        Some(median.saturating_mul(factor).max(floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn deadline_is_a_multiple_of_the_median() {
        let mut durations = Durations::default();
        durations.record(seconds(9));
        durations.record(seconds(2));
        assert_eq!(durations.deadline(3, seconds(1)), None, "two say nothing");
        durations.record(seconds(4));
        assert_eq!(durations.deadline(3, seconds(1)), Some(seconds(12)));
        assert_eq!(durations.deadline(3, seconds(60)), Some(seconds(60)));
    }

    #[test]
    fn old_durations_are_forgotten() {
        let mut durations = Durations::default();
        for _ in 0..WINDOW {
            durations.record(seconds(100));
        }
        for _ in 0..WINDOW {
            durations.record(seconds(1));
        }
        assert_eq!(durations.deadline(1, Duration::ZERO), Some(seconds(1)));
        assert_eq!(durations.sorted.len(), WINDOW);
    }
}
