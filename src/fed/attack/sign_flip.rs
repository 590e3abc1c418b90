//! Sign flip: the attacker's own update the other way round.
//!
//! Li, Xu, Chen, Giannakis, Ling, "RSA: Byzantine-robust stochastic aggregation methods for distributed
//! learning from heterogeneous datasets", 2019, section 5. byzfl turns the mean of the honest updates round,
//! which is this with that mean as the attacker's own.

use std::fmt;
use std::sync::Arc;

use super::{Attack, Scene};
use crate::seed::Stream;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["sign-flipping"],
    value: "",
    help: "its own update the other way round (Li et al. 2019)",
    options: &[OptionHelp {
        key: "scale",
        value: "NUMBER",
        help: "times this; 1",
    }],
    build: |arguments| {
        let range = f64::MIN_POSITIVE..=1e9;
        let scale = arguments.number("scale", 1.0, range, "a number above 0, up to 1e9")?;
        Ok(Arc::new(SignFlip { scale }))
    },
};

const NAME: &str = "sign-flip";

#[derive(Debug)]
struct SignFlip {
    scale: f64,
}

impl Attack for SignFlip {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forge(&self, scene: &Scene, _: &mut Stream) -> Vec<f32> {
        let flip = |&value: &f32| (-self.scale * f64::from(value)) as f32;
        scene.own.iter().map(flip).collect()
    }
}

impl fmt::Display for SignFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}:scale={}", self.scale)
    }
}
