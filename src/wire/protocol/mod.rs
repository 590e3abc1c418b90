//! The binary protocol: how the bytes of foreign peers are read, and ours written.
//!
//! It stands in `wire`, not `net`: it turns any bytes into values and knows no sockets. The crate's own
//! reader takes memory for whatever length a header announces; this one takes it as bytes arrive.
//!
//! Only strict messages are read (they begin with a version), as every Thrift library writes them by
//! default. A message without a version begins with the length of its name, so with a zero byte, as
//! a framed one does; accepting both would make one be taken for the other.

use std::io::{BufWriter, Write};

use thrift::protocol::TBinaryOutputProtocol;

mod input;
mod kinds;

pub use input::BinaryInput;

/// Buffer before and behind a socket. Larger slices are passed through without a copy.
pub const BUFFER: usize = 64 * 1024;

/// What a reader accepts at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of a message.
    pub message: usize,
    /// Bytes of a `binary`.
    pub binary: usize,
    /// Bytes of a `string`.
    pub text: usize,
    /// Elements of a list, set or map.
    pub container: usize,
    /// Structs and containers within each other.
    pub depth: usize,
}

impl Default for Limits {
    /// What the IDL allows a message to be, with some room.
    fn default() -> Self {
        Limits {
            message: 16_384_000,
            binary: 16_384_000,
            text: 1 << 20,
            container: 1 << 18,
            depth: 32,
        }
    }
}

/// Writes strict binary messages through a buffer.
pub fn output<W: Write>(writer: W) -> TBinaryOutputProtocol<BufWriter<W>> {
    TBinaryOutputProtocol::new(BufWriter::with_capacity(BUFFER, writer), true)
}
