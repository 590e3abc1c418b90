//! How the updates of a round become one. One rule a file.

mod exact;
mod ranges;

pub use exact::{AddError, Addend, ExactSum, OutOfRange, Scale};
