//! Attacks on learning, to try robust rules with. One attack a file.
//!
//! An attacker is a participant that sends something else than what it trained. These are pure functions of
//! what it would have sent, what it knows of the honest updates, and a stream of random numbers. To add one,
//! write a file beside these and add its row to [`ATTACKS`].

mod alie;
mod gaussian;
mod ipm;
mod label_flip;
mod moments;
mod nan;
mod sign_flip;

use std::fmt::{Debug, Display};
use std::sync::Arc;

use crate::seed::Stream;
use crate::spec::Table;

/// A way to harm a run. `Display` gives the spec that builds it.
pub trait Attack: Debug + Display + Send + Sync {
    /// Its name in [`ATTACKS`].
    fn name(&self) -> &'static str;

    /// What the attacker changes.
    fn target(&self) -> Target {
        Target::Update
    }

    /// The update that an attacker sends instead of its own. All updates have the same length.
    fn forge(&self, scene: &Scene, stream: &mut Stream) -> Vec<f32>;
}

/// What an attacker changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The rows it trains on. Its update is then what training gives, and [`Attack::forge`] returns it.
    Data,
    /// The update it sends.
    Update,
}

/// What an attacker knows.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What it would have sent.
    pub own: &'a [f32],
    /// The honest updates of the round that it has seen; where there are none, its own stands for them.
    pub honest: &'a [&'a [f32]],
    /// How many updates the round has, those of attackers among them: n.
    pub updates: usize,
    /// How many of them are attackers': f.
    pub attackers: usize,
}

impl<'a> Scene<'a> {
    /// The honest updates, or its own.
    fn seen(&'a self) -> &'a [&'a [f32]] {
        if self.honest.is_empty() {
            std::slice::from_ref(&self.own)
        } else {
            self.honest
        }
    }
}

/// Why an attack by this spec cannot harm rows with real values, if it cannot.
pub fn needs_classes(spec: &str) -> Option<String> {
    let attack = ATTACKS.build(spec).ok()?;
    (attack.target() == Target::Data).then(|| {
        format!("{spec} turns classes round, and real values have no such opposite; try sign-flip")
    })
}

/// Every attack.
pub static ATTACKS: Table<Arc<dyn Attack>> = Table {
    kind: "attack",
    rows: &[
        sign_flip::ROW,
        gaussian::ROW,
        alie::ROW,
        ipm::ROW,
        nan::ROW,
        label_flip::ROW,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn every_attack_displays_as_the_spec_that_builds_it_and_keeps_the_length() {
        let (own, other) = ([1.0f32, 2.0, 3.0], [2.0f32, 2.0, 2.0]);
        for honest in [&[][..], &[&other[..]], &[&own[..], &other]] {
            let scene = Scene {
                own: &own,
                honest,
                updates: honest.len() + 1,
                attackers: 1,
            };
            for row in ATTACKS.rows {
                let attack = ATTACKS.build(row.name).unwrap();
                assert_eq!(attack.name(), row.name);
                let again = ATTACKS.build(&attack.to_string()).unwrap();
                assert_eq!(again.to_string(), attack.to_string());
                let forged = || {
                    let mut stream = Seed(1).stream(Purpose::Attack, 1, 0);
                    let forged = attack.forge(&scene, &mut stream);
                    forged.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                assert_eq!(forged().len(), 3, "{}", row.name);
                assert_eq!(forged(), forged(), "{}", row.name);
            }
        }
        for text in [
            "sign-flip:scale=0",
            "gaussian:std=-1",
            "alie:z=x",
            "ipm:eps=NaN",
            "nan:1",
        ] {
            assert!(ATTACKS.build(text).is_err(), "{text}");
        }
    }
}
