//! Roundtable: federated learning in three small programs that speak Thrift.

pub mod app;
pub mod clock;
pub mod cluster;
pub mod fed;
pub mod math;
pub mod ml;
pub mod net;
pub mod seed;
pub mod spec;
pub mod store;
mod sync;
pub mod wire;
