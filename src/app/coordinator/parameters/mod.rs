//! Parameters and updates of a run: encoded pieces, what is remembered beside them, and the step from one round to the next.

pub mod correction;
pub mod current;
pub mod forging;
pub mod memories;
pub mod singles;
pub mod step;
pub mod values;
