//! Faults of the network and peers that lie, against the programs themselves: the result keeps its bits.

#[path = "../effort/mod.rs"]
mod effort;
#[path = "../programs/mod.rs"]
mod programs;

mod clients;
mod clocks;
mod liars;
mod namespaces;
mod partitions;
mod party;
mod relay;
mod relayed;
