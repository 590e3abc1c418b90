//! Inner product manipulation: the honest mean the other way round, so that the step goes uphill.
//!
//! All attackers send minus eps times the mean of the honest updates (Xie, Koyejo, Gupta, "Fall of empires:
//! breaking Byzantine-tolerant SGD by inner product manipulation", 2020, section 4). A small eps hides among
//! honest updates; a large one turns the plain mean round. byzfl names it `tau`.

use std::fmt;
use std::sync::Arc;

use super::moments::means;
use super::{Attack, Scene};
use crate::seed::Stream;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["IPM", "inner-product"],
    value: "",
    help: "the honest mean times -eps (Xie et al. 2020)",
    options: &[OptionHelp {
        key: "eps",
        value: "NUMBER",
        help: "how much; 0.5, one of the paper's",
    }],
    build: |arguments| {
        let range = 0.0..=1e9;
        let eps = arguments.number("eps", 0.5, range, "a number from 0 to 1e9")?;
        Ok(Arc::new(Ipm { eps }))
    },
};

const NAME: &str = "ipm";

#[derive(Debug)]
struct Ipm {
    eps: f64,
}

impl Attack for Ipm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forge(&self, scene: &Scene, _: &mut Stream) -> Vec<f32> {
        let means = means(scene.seen());
        means.iter().map(|mean| (-self.eps * mean) as f32).collect()
    }
}

impl fmt::Display for Ipm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}:eps={}", self.eps)
    }
}
