//! Roundtable: federated learning in three small programs that speak Thrift.

pub mod wire;
