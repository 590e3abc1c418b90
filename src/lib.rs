//! Roundtable: federated learning in three small programs that speak Thrift.

pub mod clock;
pub mod net;
pub mod wire;
