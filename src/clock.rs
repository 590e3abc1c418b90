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
