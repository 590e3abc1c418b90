//! The three programs: everything that does something. What to do is decided in `fed` and `cluster`.

pub mod client;
pub mod clock;
pub mod coordinator;
pub mod dial;
pub mod embedded;
pub mod held;
pub mod node;
pub mod program;
pub mod signals;
mod start_error;
pub mod transfer;

/// The allocator of the programs. It keeps the pages of large buffers at hand, where the system's gives them back and
/// has them cleared anew for every chunk of a model.
pub use mimalloc::MiMalloc as Allocator;
pub use start_error::StartError;
