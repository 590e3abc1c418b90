//! A little is enough: every coordinate as far off as may still pass for an honest one.
//!
//! All attackers send the mean of the honest updates minus z standard deviations (Baruch, Baruch, Goldberg, "A
//! little is enough: circumventing defenses for distributed learning", 2019, section 3.2, algorithm 3). With s =
//! floor(n/2 + 1) - f honest updates to win over for a majority, z is the quantile of the normal distribution
//! at (n - f - s) / (n - f). Where f is so small that it would be below 0, z is 0; where attackers are the
//! majority anyway, s is 1.
//!
//! The paper leaves open how the deviation is estimated; as in byzfl the squares are divided by one less than
//! their number. byzfl adds where this takes off: its `tau` is -z.

use std::fmt;
use std::sync::Arc;

use super::moments::{deviations, means, normal_quantile};
use super::{Attack, Scene};
use crate::seed::Stream;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["ALIE", "little-is-enough"],
    value: "",
    help: "the honest mean minus z standard deviations, hard to tell from honest (Baruch et al. 2019)",
    options: &[OptionHelp {
        key: "z",
        value: "NUMBER",
        help: "how many; as many as the paper has for n and f",
    }],
    build: |arguments| {
        let allowed = "a number from -1e9 to 1e9";
        let z: Option<f64> = arguments.option("z", allowed)?;
        if let Some(z) = z.filter(|z| !(-1e9..=1e9).contains(z)) {
            return Err(arguments.bad_option("z", &z.to_string(), allowed));
        }
        Ok(Arc::new(Alie { z }))
    },
};

const NAME: &str = "alie";

#[derive(Debug)]
struct Alie {
    z: Option<f64>,
}

impl Attack for Alie {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forge(&self, scene: &Scene, _: &mut Stream) -> Vec<f32> {
        let z = self
            .z
            .unwrap_or_else(|| widest(scene.updates, scene.attackers));
        let means = means(scene.seen());
        let deviations = deviations(scene.seen(), &means);
        let pairs = means.iter().zip(deviations);
        pairs
            .map(|(mean, deviation)| (mean - z * deviation) as f32)
            .collect()
    }
}

/// The z of the paper for n updates of which f are attackers'.
fn widest(updates: usize, attackers: usize) -> f64 {
    let honest = updates.saturating_sub(attackers).max(1);
    let to_win = (updates / 2 + 1).saturating_sub(attackers).clamp(1, honest);
    let share = (honest - to_win) as f64 / honest as f64;
    normal_quantile(share).max(0.0)
}

impl fmt::Display for Alie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        self.z.map_or(Ok(()), |z| write!(f, ":z={z}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn z_is_that_of_the_paper() {
        // Of 50 with 24 attackers 2 are to be won: 24 of 26 are on the other side.
        assert!((widest(50, 24) - 1.426_076_872_272_8).abs() < 1e-9);
        // Of 50 with 10 attackers 16: 24 of 40.
        assert!((widest(50, 10) - 0.253_347_103_135_8).abs() < 1e-9);
        // Of 50 with 30 attackers nobody is needed.
        assert!((widest(50, 30) - 1.644_853_626_951_5).abs() < 1e-9);
        assert_eq!([widest(10, 1), widest(1, 1), widest(0, 0)], [0.0; 3]);
    }

    #[test]
    fn deviations_are_taken_off_the_mean() {
        let honest: [&[f32]; 3] = [&[1.0], &[2.0], &[3.0]];
        let scene = Scene {
            own: &[9.0],
            honest: &honest,
            updates: 4,
            attackers: 1,
        };
        let mut stream = Seed(1).stream(Purpose::Attack, 0, 0);
        let forged = Alie { z: Some(1.5) }.forge(&scene, &mut stream);
        assert_eq!(forged, [0.5]);
    }
}
