//! How busy the machine is, by what its processors did since the last look.

use std::fs;
use std::sync::{Mutex, PoisonError};

/// Ticks counted since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    last: Option<Ticks>,
    level: Option<f64>,
}

/// Measures utilisation, where the system tells it (Linux: `/proc/stat`).
#[derive(Debug, Default)]
pub(super) struct Utilisation(Mutex<Seen>);

impl Utilisation {
    /// Share of all processors' time spent working since the last look, 0 to 1. None where the system
    /// does not tell.
    pub(super) fn measure(&self) -> Option<f64> {
        let now = parse(&fs::read_to_string("/proc/stat").ok()?)?;
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.last.unwrap_or(Ticks { busy: 0, all: 0 });
        let all = now.all.saturating_sub(before.all);
        // A tick is a hundredth of a second: within a few of them nothing can be said anew.
        if all >= 10 || seen.level.is_none() {
            let busy = now.busy.saturating_sub(before.busy);
            seen.level = Some((busy as f64 / all.max(1) as f64).min(1.0));
            seen.last = Some(now);
        }
        seen.level
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn parse(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4).unwrap_or(&0);
    Some(Ticks {
        busy: all - idle,
        all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_are_not_busy() {
        let stat = "cpu  10 0 5 80 5 0 0 0 0 0\ncpu0 1 2 3\n";
        assert_eq!(parse(stat), Some(Ticks { busy: 15, all: 100 }));
        assert_eq!(parse("intr 5"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn levels_are_shares() {
        let utilisation = Utilisation::default();
        if let Some(level) = utilisation.measure() {
            assert!((0.0..=1.0).contains(&level));
        }
    }
}
