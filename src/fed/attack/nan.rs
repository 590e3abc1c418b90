//! NaN: every value is not a number, and so is every sum it gets into.

use std::fmt;
use std::sync::Arc;

use super::{Attack, Scene};
use crate::seed::Stream;
use crate::spec::Row;

pub(super) const ROW: Row<Arc<dyn Attack>> = Row {
    name: NAME,
    aliases: &["NaN"],
    value: "",
    help: "no numbers at all, as a broken node sends them",
    options: &[],
    build: |_| Ok(Arc::new(Nan)),
};

const NAME: &str = "nan";

#[derive(Debug)]
struct Nan;

impl Attack for Nan {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forge(&self, scene: &Scene, _: &mut Stream) -> Vec<f32> {
        vec![f32::NAN; scene.own.len()]
    }
}

impl fmt::Display for Nan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}
