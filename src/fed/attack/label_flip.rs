//! Label flip: honest training on rows whose labels are wrong.
//!
//! Class c of C becomes class C - 1 - c (as in Fang, Cao, Jia, Gong, "Local model poisoning attacks to
//! Byzantine-robust federated learning", 2020, section 5). What is flipped is data, so that who trains looks at
//! [`Attack::target`]; the update is then sent as it is.

use std::fmt;
use std::sync::Arc;

use super::{Attack, Scene, Target};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["label-flipping"],
    value: "",
    help: "training on labels the other way round: class c of C is C - 1 - c (Fang et al. 2020)",
    options: &[],
    build: |_| Ok(Arc::new(LabelFlip)),
};

const NAME: &str = "label-flip";

#[derive(Debug)]
struct LabelFlip;

impl Attack for LabelFlip {
    fn name(&self) -> &'static str {
        NAME
    }

    fn target(&self) -> Target {
        Target::Data
    }

    fn forge(&self, scene: &Scene, _: &mut Stream) -> Vec<f32> {
        scene.own.to_vec()
    }
}

impl fmt::Display for LabelFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}
