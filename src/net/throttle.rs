//! Saying a thing at most once a second, and how often it was left unsaid.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock;

const PERIOD: Duration = Duration::from_secs(1);

/// Guards one kind of log line against a flood.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// `Some` when the line may be written now, with a note on the ones left out since the last.
    pub(super) fn permit(&self) -> Option<String> {
        self.permit_at(clock::now())
    }

    fn permit_at(&self, now: Instant) -> Option<String> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if state
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < PERIOD)
        {
            state.unsaid += 1;
            return None;
        }
        state.last = Some(now);
        Some(match std::mem::take(&mut state.unsaid) {
            0 => String::new(),
            unsaid => format!(" (and {unsaid} more like it)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_and_the_rest_counted() {
        let throttle = Throttle::default();
        let start = clock::now();
        assert_eq!(throttle.permit_at(start).as_deref(), Some(""));
        assert_eq!(throttle.permit_at(start + Duration::from_millis(1)), None);
        assert_eq!(throttle.permit_at(start + Duration::from_millis(999)), None);
        let later = throttle.permit_at(start + PERIOD);
        assert_eq!(later.as_deref(), Some(" (and 2 more like it)"));
        assert_eq!(throttle.permit_at(start + PERIOD * 3).as_deref(), Some(""));
    }
}
