//! Load: how often a node refuses a task, and how often it takes its time.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::utilisation::Utilisation;
use crate::seed::{Purpose, Seed, Stream};

/// How busy a node is said to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// A given probability, for experiments: of refusing a task that may be refused, and of waiting
    /// before a task that was taken.
    Probability(f64),
    /// Measured: it refuses in proportion to how busy the machine is, and never waits.
    Auto,
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Load, String> {
        if text == "auto" {
            return Ok(Load::Auto);
        }
        match text.parse::<f64>() {
            Ok(p) if (0.0..=1.0).contains(&p) => Ok(Load::Probability(p)),
            _ => Err(format!(
                "`{text}` is not a probability from 0 to 1, nor `auto`"
            )),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Probability(p) => write!(f, "{p}"),
            Load::Auto => write!(f, "auto"),
        }
    }
}

/// Draws what happens to each task, from the node's own stream.
pub(super) struct Gate {
    load: Load,
    delay: Duration,
    stream: Mutex<Stream>,
    utilisation: Utilisation,
}

impl Gate {
    pub(super) fn new(load: Load, delay: Duration, seed: Seed) -> Gate {
        Gate {
            load,
            delay,
            stream: Mutex::new(seed.stream(Purpose::Load, 0, 0)),
            utilisation: Utilisation::default(),
        }
    }

    /// How busy the node is, 0 to 1; `in_hand` is the share of its slots that are taken.
    pub(super) fn level(&self, in_hand: f64) -> f64 {
        match self.load {
            Load::Probability(_) => in_hand.min(1.0),
            Load::Auto => self.utilisation.measure().unwrap_or(in_hand.min(1.0)),
        }
    }

    /// Whether to decline a task that may be declined. One draw.
    pub(super) fn refuses(&self, in_hand: f64) -> bool {
        let p = match self.load {
            Load::Probability(p) => p,
            Load::Auto => self.level(in_hand),
        };
        self.draw(p)
    }

    /// How long to wait before a task that was taken. One draw, none with `auto`.
    pub(super) fn delay(&self) -> Option<Duration> {
        match self.load {
            Load::Probability(p) => self.draw(p).then_some(self.delay),
            Load::Auto => None,
        }
    }

    fn draw(&self, p: f64) -> bool {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.chance(p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(p: f64) -> Gate {
        Gate::new(Load::Probability(p), Duration::from_secs(3), Seed(4))
    }

    #[test]
    fn loads_parse() {
        assert_eq!("0.3".parse(), Ok(Load::Probability(0.3)));
        assert_eq!("auto".parse(), Ok(Load::Auto));
        for text in ["1.1", "-0.1", "nan", "busy", ""] {
            assert!(text.parse::<Load>().is_err(), "{text}");
        }
    }

    #[test]
    fn refusals_come_with_the_given_probability_and_repeat() {
        let refusals = |gate: &Gate| (0..2000).filter(|_| gate.refuses(0.0)).count();
        let counted = refusals(&gate(0.3));
        assert!((530..670).contains(&counted), "{counted}");
        assert_eq!(counted, refusals(&gate(0.3)));
        assert_eq!(refusals(&gate(0.0)), 0);
        assert_eq!(refusals(&gate(1.0)), 2000);
    }

    #[test]
    fn delays_are_drawn_too() {
        let gate = gate(0.5);
        let delays = (0..2000).filter(|_| gate.delay().is_some()).count();
        assert!((900..1100).contains(&delays), "{delays}");
        let auto = Gate::new(Load::Auto, Duration::from_secs(3), Seed(4));
        assert!((0..100).all(|_| auto.delay().is_none()));
    }
}
