//! What real processes live through: others that die, freeze, crowd them or lie, and too little of everything.
//!
//! A little of each with every change; with `ROUNDTABLE_NIGHTLY=1`, as much as `docs/reliability.md` promises.

#![cfg(target_os = "linux")] // looks into /proc, and every node has a loopback address of its own

#[path = "../effort/mod.rs"]
mod effort;
#[path = "../programs/mod.rs"]
mod programs;
#[path = "../samples/mod.rs"]
#[allow(dead_code)] // other tests use other parts
mod samples;

mod bits;
mod bombs;
mod clients;
mod cluster;
mod crowds;
mod deaths;
mod descriptors;
mod freezing;
mod memory;
mod paths;
mod process;
mod soak;
mod submissions;
