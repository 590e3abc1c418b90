//! Which shards attack, in a study of robust rules.

use std::collections::BTreeSet;
use std::fmt;

use crate::seed::{Purpose, Seed};

/// An attack on a run, by a share of its shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Assault {
    /// An attack's spec.
    pub attack: String,
    /// Share of all shards that attack, above 0 and below 1.
    pub share: f64,
}

impl Assault {
    /// The shards that attack: the share of them rounded to the nearest number, chosen by the seed alone.
    pub fn attackers(&self, seed: Seed, shards: u32) -> BTreeSet<u32> {
        let count = (self.share * f64::from(shards)).round() as usize;
        let mut all: Vec<u32> = (0..shards).collect();
        seed.stream(Purpose::Attack, 0, 0).shuffle(&mut all);
        all.into_iter().take(count).collect()
    }
}

impl fmt::Display for Assault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by a share of {} of the shards",
            self.attack, self.share
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_attack_as_the_share_says() {
        let assault = Assault {
            attack: "sign-flip".to_owned(),
            share: 0.2,
        };
        let attackers = assault.attackers(Seed(1), 50);
        assert_eq!(attackers.len(), 10);
        assert_eq!(attackers, assault.attackers(Seed(1), 50));
        assert_ne!(attackers, assault.attackers(Seed(2), 50));
    }
}
