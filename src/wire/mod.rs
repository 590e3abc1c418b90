//! What travels: the Thrift stubs, the protocol that reads foreign bytes, and calls over both.
//!
//! ```no_run
//! use std::io::BufReader;
//! use std::net::TcpStream;
//!
//! use roundtable::wire::protocol::{BUFFER, BinaryInput, Limits, output};
//! use roundtable::wire::stubs::compute_node::{ComputeNodeClient, HeartbeatRequest};
//!
//! let stream = TcpStream::connect("127.0.0.1:5106")?;
//! stream.set_nodelay(true)?;
//! let reader = BufReader::with_capacity(BUFFER, stream.try_clone()?);
//! let input = BinaryInput::new(reader, Limits::default());
//! let mut client = ComputeNodeClient::new(input, output(stream));
//! println!("{:?}", client.heartbeat(&HeartbeatRequest {})?.load);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod brief;
pub mod buffers;
pub mod codec;
pub mod convert;
pub mod protocol;
pub mod request;
pub mod rpc;
pub mod stubs;
pub mod value;
