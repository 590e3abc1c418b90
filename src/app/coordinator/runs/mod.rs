//! Runs as the shell has them: their rows, what nodes are told of them, their numerics, and who carries it all out.

pub mod materials;
pub mod models;
pub mod offer;
pub mod rehearsal;
pub mod rows;
pub mod workshop;
