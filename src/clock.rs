//! The monotonic clock: the one place that reads it.
//!
//! Everything else takes time as an argument, or, where a socket or a condition needs a deadline,
//! calls [`now`]. The deterministic rooms (`cluster`, `fed`, `ml`) must not import this file.

use std::time::Instant;

/// The present moment on the monotonic clock.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Instant {
    Instant::now()
}

/// Microseconds since 1970 by the wall clock: for names that must not repeat and to be told, never for measuring.
#[allow(clippy::disallowed_methods)]
pub fn unix_micros() -> u64 {
    let passed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    passed.map_or(0, |passed| u64::try_from(passed.as_micros()).unwrap_or(0))
}

/// Milliseconds since 1970 by the wall clock, as peers tell each other.
pub fn wall_ms() -> i64 {
    i64::try_from(unix_micros() / 1000).unwrap_or(i64::MAX)
}

/// A number that nobody had before, in all likelihood: from the system's chance and the time. For names, never for results.
pub fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((unix_micros(), now()))
}
