//! A run's log: what it tells is numbered, and told only when it is recorded.
//!
//! Training does not wait for the disk: rounds go on while those before are recorded, up to [`AHEAD`] of them.
//! Nothing is lost by that, because a round that was not told yet gives the same bits when it is done again.

use std::collections::VecDeque;
use std::time::Duration;

use super::report::{Entry, RunEvent};
use crate::cluster::{Backoff, Time};

/// Most rounds that are finished but not recorded.
const AHEAD: usize = 64;
/// Waits between attempts to record, for example on a disk that is full.
const RETRY: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    newest: u64,
    /// Number of the newest entry that the shell was asked to record.
    asked: u64,
    /// Entries not recorded yet, oldest first.
    open: VecDeque<Entry>,
    trouble: Option<Trouble>,
}

/// Why entries cannot be recorded.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) failures: u32,
    /// When to try again; none while that is under way.
    pub(super) again: Option<Time>,
}

impl Log {
    /// A log with so many entries, all of them recorded.
    pub(super) fn of(entries: u64) -> Log {
        Log {
            newest: entries,
            asked: entries,
            ..Log::default()
        }
    }

    /// Number of the newest entry.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, event: RunEvent) -> u64 {
        self.newest += 1;
        let number = self.newest;
        self.open.push_back(Entry { number, event });
        number
    }

    /// Entries that the shell has to be asked to record now.
    pub(super) fn take_new(&mut self) -> Vec<Entry> {
        if self.trouble.as_ref().is_some_and(|t| t.again.is_some()) {
            return Vec::new();
        }
        let asked = std::mem::replace(&mut self.asked, self.newest);
        let new = self.open.iter().filter(|entry| entry.number > asked);
        new.cloned().collect()
    }

    /// Entries up to this number are recorded: those that can be told now, and the trouble that is over.
    pub(super) fn recorded(&mut self, upto: u64) -> (Vec<Entry>, Option<Trouble>) {
        let count = self.open.iter().take_while(|e| e.number <= upto).count();
        let told: Vec<Entry> = self.open.drain(..count).collect();
        let over = if told.is_empty() {
            None
        } else {
            self.trouble.take()
        };
        (told, over)
    }

    /// Entries up to this number could not be recorded.
    pub(super) fn failed(&mut self, now: Time, upto: u64, reason: String) {
        let Some(first) = self.open.front().map(|entry| entry.number) else {
            return;
        };
        if first > upto {
            return;
        }
        let failures = self.trouble.as_ref().map_or(0, |t| t.failures) + 1;
        self.asked = first - 1;
        self.trouble = Some(Trouble {
            reason,
            failures,
            again: Some(now + RETRY.wait(failures)),
        });
    }

    /// Whether it is time to try again; it is taken as tried.
    pub(super) fn try_again(&mut self, now: Time) -> bool {
        match &mut self.trouble {
            Some(trouble) if trouble.again.is_some_and(|at| at <= now) => {
                trouble.again = None;
                true
            }
            _ => false,
        }
    }

    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Whether the next round has to wait until more is recorded.
    pub(super) fn is_behind(&self) -> bool {
        self.trouble.is_some() || self.open.len() > AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> RunEvent {
        RunEvent::Notice("so it is".to_owned())
    }

    fn numbers(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn what_is_recorded_is_told_once_and_in_order() {
        let mut log = Log::of(1);
        for _ in 0..3 {
            log.add(notice());
        }
        assert_eq!(numbers(&log.take_new()), [2, 3, 4]);
        assert!(log.take_new().is_empty(), "asked once");
        assert_eq!(numbers(&log.recorded(3).0), [2, 3]);
        assert!(log.recorded(3).0.is_empty(), "told once");
        assert_eq!(numbers(&log.recorded(4).0), [4]);
    }

    #[test]
    fn what_could_not_be_recorded_is_tried_again_with_what_came_since() {
        let mut log = Log::of(1);
        log.add(notice());
        log.take_new();
        log.failed(Time(0), 2, "no space".to_owned());
        assert!(log.is_behind());
        log.add(notice());
        assert!(log.take_new().is_empty(), "not before the time");
        let again = log.trouble().unwrap().again.unwrap();
        assert!(!log.try_again(Time(again.0 - 1)) && log.try_again(again));
        assert_eq!(numbers(&log.take_new()), [2, 3]);
        let (told, over) = log.recorded(3);
        assert_eq!((told.len(), over.unwrap().failures), (2, 1));
        assert!(!log.is_behind());
    }

    #[test]
    fn training_runs_ahead_only_so_far() {
        let mut log = Log::default();
        for _ in 0..AHEAD {
            log.add(notice());
        }
        assert!(!log.is_behind());
        log.add(notice());
        assert!(log.is_behind());
    }
}
