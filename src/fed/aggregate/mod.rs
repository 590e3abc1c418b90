//! How the updates of a round become one. One rule a file.

mod exact;

pub use exact::{ExactSum, OutOfRange, Scale};
