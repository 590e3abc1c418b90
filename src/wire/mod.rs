//! What travels: the Thrift stubs, the protocol that reads foreign bytes, and calls over both.

pub mod protocol;
pub mod rpc;
pub mod stubs;
pub mod value;
