//! How many updates of a round may be false, as a count or as a share of them.

use std::fmt;
use std::str::FromStr;

use super::trimmed_mean::trimmed;
use crate::spec::{Arguments, OptionHelp, SpecError};

/// How many updates may be false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Faults {
    /// So many.
    Count(usize),
    /// This share of them, rounded down; below a half.
    Share(f64),
}

impl Faults {
    /// Of so many updates.
    pub fn among(self, updates: usize) -> usize {
        match self {
            Faults::Count(count) => count,
            Faults::Share(share) => trimmed(updates, share),
        }
    }

    /// As the option of a rule.
    pub(super) fn option(self) -> (&'static str, String) {
        match self {
            Faults::Count(_) => (F.key, self.to_string()),
            Faults::Share(_) => (SHARE.key, self.to_string()),
        }
    }
}

/// A whole number is a count, a number with a point a share.
impl FromStr for Faults {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(count) = text.parse::<u32>() {
            return Ok(Faults::Count(count as usize));
        }
        let share = text.parse().map_err(|_| ())?;
        let is_allowed = text.contains('.') && (0.0..0.5).contains(&share);
        is_allowed.then_some(Faults::Share(share)).ok_or(())
    }
}

/// Shares are written with a point, also where they are 0.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Faults::Count(count) => write!(f, "{count}"),
            Faults::Share(share) if *share == 0.0 => f.write_str("0.0"),
            Faults::Share(share) => write!(f, "{share}"),
        }
    }
}

pub(super) const F: OptionHelp = OptionHelp {
    key: "f",
    value: "COUNT",
    help: "how many updates of a round may be false",
};

pub(super) const SHARE: OptionHelp = OptionHelp {
    key: "share",
    value: "0..0.5",
    help: "the same as a share, rounded down; 0.2",
};

/// What the options say; a fifth where they say nothing.
pub(super) fn read(arguments: &mut Arguments) -> Result<Faults, SpecError> {
    let count = arguments.option::<u32>(F.key, "a whole number")?;
    let is_given = arguments.text(SHARE.key).is_some();
    let share = arguments.number(SHARE.key, 0.2, 0.0..0.5, "a number from 0 to below 0.5")?;
    match count {
        Some(_) if is_given => Err(arguments.invalid("`f` and `share` say the same; give one")),
        Some(count) => Ok(Faults::Count(count as usize)),
        None => Ok(Faults::Share(share)),
    }
}

/// Most updates whose pairs are looked at: 8 million distances.
const MOST: usize = 4_096;

/// Whether the distances of all pairs of so many updates can be held.
pub(super) fn check_pairs(rule: &str, updates: usize) -> Result<(), String> {
    if updates <= MOST {
        return Ok(());
    }
    Err(format!(
        "{rule} compares every pair, of at most {MOST} updates; there are {updates}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_go_round() {
        for (text, faults) in [
            ("0", Faults::Count(0)),
            ("3", Faults::Count(3)),
            ("0.25", Faults::Share(0.25)),
            ("0.0", Faults::Share(0.0)),
        ] {
            assert_eq!(text.parse(), Ok(faults));
            assert_eq!(faults.to_string(), text);
        }
        for text in ["", "-1", "0.5", "NaN", "inf", "1e-3"] {
            assert_eq!(text.parse::<Faults>(), Err(()), "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(Faults::Count(3).among(5), 3);
        assert_eq!(Faults::Share(0.2).among(9), 1);
        assert_eq!(Faults::Share(0.29).among(100), 29);
    }
}
