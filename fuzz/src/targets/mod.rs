//! Every reader of foreign bytes, as a function of bytes.
//!
//! To add a target, write a file beside this one with a `pub const TARGET`, and add it to [`ALL`].

mod blob;
mod calls;
mod chunks;
mod csv;
mod fetch;
pub mod folder;
mod http;
mod idx;
mod journal;
mod nodes;
mod npy;
mod npz;
mod parquet;
mod partitions;
mod plan;
mod replies;
mod safetensors;
mod specs;
mod updates;

use crate::allocation;

/// A reader under test.
pub struct Target {
    /// Its name, also that of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads the bytes; panics when a promise is broken. Whether they were good.
    pub run: fn(&[u8]) -> bool,
    /// Longest input.
    pub longest: usize,
    /// Most memory, in bytes, that reading an input of this length may take.
    pub memory: fn(usize) -> usize,
    /// Good inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the format.
    pub words: &'static [&'static [u8]],
}

/// What came of one execution.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// Whether the input was good.
    pub accepted: bool,
    /// Most memory held meanwhile.
    pub taken: usize,
}

/// All targets.
pub const ALL: &[&Target] = &[
    &calls::NODE,
    &calls::COORDINATOR,
    &replies::TARGET,
    &plan::TARGET,
    &specs::TARGET,
    &updates::TARGET,
    &safetensors::TARGET,
    &blob::TARGET,
    &chunks::TARGET,
    &fetch::TARGET,
    &journal::TARGET,
    &csv::TARGET,
    &idx::TARGET,
    &npy::TARGET,
    &npz::TARGET,
    &parquet::TARGET,
    &partitions::TARGET,
    &nodes::TARGET,
    &http::TARGET,
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().copied().find(|target| target.name == name)
}

impl Target {
    /// Reads `bytes` once.
    ///
    /// # Panics
    /// When a promise is broken.
    pub fn execute(&self, bytes: &[u8]) -> Execution {
        let (accepted, taken) = allocation::measure(|| (self.run)(bytes));
        let most = (self.memory)(bytes.len());
        assert!(
            taken <= most,
            "{} bytes took {taken} bytes of memory; promised are {most}",
            bytes.len()
        );
        Execution { accepted, taken }
    }
}
