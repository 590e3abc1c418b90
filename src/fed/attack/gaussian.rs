//! Gaussian noise: numbers of a normal distribution, whatever was trained.
//!
//! Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine learning with adversaries: Byzantine tolerant gradient
//! descent", 2017, section 6: of mean 0, with a standard deviation far beyond that of the updates.

use std::fmt;
use std::sync::Arc;

use super::{Attack, Scene};
use crate::seed::Stream;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["noise"],
    value: "",
    help: "normally distributed numbers of mean 0 (Blanchard et al. 2017)",
    options: &[OptionHelp {
        key: "std",
        value: "NUMBER",
        help: "their standard deviation; 200, as in the paper's attack",
    }],
    build: |arguments| {
        let range = 0.0..=1e30;
        let deviation = arguments.number("std", 200.0, range, "a number from 0 to 1e30")?;
        Ok(Arc::new(Gaussian { deviation }))
    },
};

const NAME: &str = "gaussian";

#[derive(Debug)]
struct Gaussian {
    deviation: f64,
}

impl Attack for Gaussian {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forge(&self, scene: &Scene, stream: &mut Stream) -> Vec<f32> {
        let mut draw = |_: &f32| (self.deviation * stream.normal()) as f32;
        scene.own.iter().map(&mut draw).collect()
    }
}

impl fmt::Display for Gaussian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}:std={}", self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn the_numbers_have_the_deviation() {
        let own = vec![7.0; 10_000];
        let scene = Scene {
            own: &own,
            honest: &[],
            updates: 1,
            attackers: 1,
        };
        let mut stream = Seed(3).stream(Purpose::Attack, 0, 0);
        let forged = Gaussian { deviation: 2.0 }.forge(&scene, &mut stream);
        let mean = forged.iter().sum::<f32>() / 1e4;
        let square = forged.iter().map(|value| value * value).sum::<f32>() / 1e4;
        assert!(
            mean.abs() < 0.1 && (square - 4.0).abs() < 0.3,
            "{mean} {square}"
        );
    }
}
