//! Total deadlines over sockets that only know a timeout for each single read or write.
//!
//! Before each system call the socket's timeout is shortened to what is left. Setting it costs a
//! system call of its own, so the armed value is remembered and kept while it does no harm: one
//! that is too short merely wakes us early, and one may be too long by an eighth of what is left.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::clock;

/// The socket refuses a timeout of zero, and finer ones are rounded by the kernel anyway.
const SHORTEST: Duration = Duration::from_millis(1);

/// The timeout last set on one direction of a socket; `None` waits for ever, as a new socket does.
#[derive(Debug, Default)]
pub(super) struct Armed {
    timeout: Option<Duration>,
}

impl Armed {
    /// Repeats `transfer` until it does something or `deadline` has passed. The latter is an
    /// error of kind `TimedOut`, whatever name the system has for it. `arm` sets the socket's timeout.
    pub(super) fn until<T>(
        &mut self,
        deadline: Option<Instant>,
        mut arm: impl FnMut(Option<Duration>) -> io::Result<()>,
        mut transfer: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut woken_early = false;
        loop {
            let left = match deadline {
                None => None,
                Some(deadline) => Some(left_until(deadline)?),
            };
            if self.is_unfit(left, woken_early) {
                arm(left)?;
                self.timeout = left;
            }
            match transfer() {
                Err(error) if is_timeout(&error) => woken_early = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn is_unfit(&self, left: Option<Duration>, woken_early: bool) -> bool {
        match (self.timeout, left) {
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
            (Some(armed), Some(left)) => woken_early || armed > left + left / 8,
        }
    }
}

fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(clock::now());
    if left.is_zero() {
        return Err(io::Error::new(
            ErrorKind::TimedOut,
            "the deadline has passed",
        ));
    }
    Ok(left.max(SHORTEST))
}

/// A read timeout is `WouldBlock` on Unix and `TimedOut` elsewhere.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The time a message may take: a base, and more for every byte that has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    start: Instant,
    base: Duration,
    bytes_per_second: u64,
    moved: u64,
}

impl Pace {
    pub(super) fn new(start: Instant, base: Duration, bytes_per_second: u64) -> Self {
        Pace {
            start,
            base,
            bytes_per_second: bytes_per_second.max(1),
            moved: 0,
        }
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes as u64);
    }

    pub(super) fn deadline(&self) -> Instant {
        let earned = Duration::from_millis(self.moved.saturating_mul(1000) / self.bytes_per_second);
        self.start + self.base + earned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn would_block<T>() -> io::Result<T> {
        Err(ErrorKind::WouldBlock.into())
    }

    #[test]
    fn repeated_calls_under_one_length_of_deadline_arm_once() {
        let mut armed = Armed::default();
        let mut times_armed = 0;
        for _ in 0..100 {
            let deadline = Some(clock::now() + Duration::from_secs(10));
            let set = |_| {
                times_armed += 1;
                Ok(())
            };
            armed.until(deadline, set, || Ok(())).unwrap();
        }
        assert_eq!(times_armed, 1);
    }

    #[test]
    fn a_shorter_deadline_is_armed_and_an_early_wake_is_no_timeout() {
        let mut armed = Armed {
            timeout: Some(Duration::from_secs(1)),
        };
        let mut wakes = 0;
        let mut timeouts = Vec::new();
        let deadline = Some(clock::now() + Duration::from_secs(60));
        let result = armed.until(
            deadline,
            |timeout| {
                timeouts.push(timeout.unwrap());
                Ok(())
            },
            || {
                wakes += 1;
                if wakes == 1 { would_block() } else { Ok(wakes) }
            },
        );
        assert_eq!(result.unwrap(), 2);
        assert_eq!(timeouts.len(), 1);
        assert!(timeouts[0] > Duration::from_secs(50));

        let near = Some(clock::now() + Duration::from_secs(1));
        let mut set = None;
        let arm = |timeout| {
            set = timeout;
            Ok(())
        };
        armed.until(near, arm, || Ok(())).unwrap();
        assert!(set.unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn past_the_deadline_nothing_is_tried() {
        let mut armed = Armed::default();
        let deadline = Some(clock::now());
        let result = armed.until(
            deadline,
            |_| Ok(()),
            || -> io::Result<()> { panic!("tried") },
        );
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn bytes_earn_time() {
        let start = clock::now();
        let mut pace = Pace::new(start, Duration::from_secs(2), 1000);
        assert_eq!(pace.deadline(), start + Duration::from_secs(2));
        pace.advance(500);
        assert_eq!(pace.deadline(), start + Duration::from_millis(2500));
    }
}
