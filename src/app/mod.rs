//! The three programs: everything that does something. What to do is decided in `fed` and `cluster`.

pub mod clock;
pub mod dial;
pub mod transfer;
