//! Numerics: parameters, models, kernels, local training, metrics, data sets and their readers.
//!
//! Everything here is a function of its arguments: no clock, no sockets, no global randomness, and
//! no threads but those that read parts of files or score blocks of rows at once. The same arguments give the same bits on
//! every machine, which rests on three rules.
//! Every sum has one fixed order of additions whatever the blocking; multiplication and addition
//! are never fused; and what the platform's mathematics library would answer differently from one
//! system to the next ([`crate::math`]) is computed here.

pub mod cores;
pub mod data;
pub mod kernel;
pub mod layout;
pub mod metrics;
pub mod model;
pub mod objective;
pub mod parameters;
pub mod partition;

pub mod real;
pub mod step_rule;
pub mod training;
