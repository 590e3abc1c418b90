//! Bytes nobody should send, for every reader of foreign bytes: see `README.md`.

pub mod allocation;
pub mod driver;
pub mod mutation;
pub mod round_trip;
pub mod targets;

/// Filled messages of both services, shared with the tests of the crate.
#[allow(dead_code, clippy::should_implement_trait)] // tests use other parts, and see them privately
#[path = "../../tests/samples/mod.rs"]
pub mod samples;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
