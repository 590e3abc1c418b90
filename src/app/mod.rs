//! The three programs: everything that does something. What to do is decided in `fed` and `cluster`.

mod alarm;
pub mod client;
pub mod clock;
pub mod coordinator;
pub mod dial;
pub mod embedded;
pub mod held;
pub mod logs;
mod memory;
pub mod node;
pub mod program;
pub mod signals;
mod start_error;
pub mod transfer;
mod turns;

pub use start_error::StartError;
