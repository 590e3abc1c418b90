//! How the updates of a round become one. One rule a file.

mod exact;
mod median;
mod ranges;
mod rows;
mod trimmed_mean;

pub use exact::{AddError, Addend, ExactSum, OutOfRange, Scale};
pub use median::median;
pub use rows::Update;
pub use trimmed_mean::{trimmed, trimmed_mean};
