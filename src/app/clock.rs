//! The coordinator's clock: the time of the core, from the one place that reads the machine's.

use std::time::{Duration, Instant};

use crate::clock;
use crate::cluster::Time;

/// Counts from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that stands at zero.
    pub fn start() -> Clock {
        Clock {
            origin: clock::now(),
        }
    }

    /// The time of the core.
    pub fn now(&self) -> Time {
        let passed = clock::now().saturating_duration_since(self.origin);
        Time(u64::try_from(passed.as_micros()).unwrap_or(u64::MAX))
    }

    /// How long until this time; zero if it has come.
    pub fn until(&self, time: Time) -> Duration {
        time.since(self.now())
    }
}
