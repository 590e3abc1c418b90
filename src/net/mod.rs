//! Thrift over sockets, and HTTP ([`http`]): an accept loop with an end, limits, deadlines, and named failures.
//!
//! The room knows bytes and messages, never what they say: a [`Service`] is handed one request at
//! a time and builds whatever protocol it likes upon the streams. It imports nothing of ours but
//! the clock.
//!
//! ```no_run
//! use roundtable::net::{Limits, Peer, ReplyWriter, RequestReader, Server, listen};
//! use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};
//! use thrift::server::TProcessor;
//!
//! fn serve<P: TProcessor + Send + Sync + Clone + 'static>(processor: P) -> std::io::Result<Server> {
//!     let service = move |_peer: Peer| {
//!         let processor = processor.clone();
//!         move |request: &mut RequestReader, reply: &mut ReplyWriter| {
//!             let mut input = TBinaryInputProtocol::new(request, true);
//!             let mut output = TBinaryOutputProtocol::new(reply, true);
//!             processor.process(&mut input, &mut output)
//!         }
//!     };
//!     Server::start(listen("127.0.0.1:0".parse().unwrap())?, Limits::default(), service)
//! }
//! ```

mod address;
mod buffer;
mod connect;
mod connection;
mod conversation;
mod deadline;
mod ending;
mod error;
pub mod http;
mod limits;
mod nodes_file;
mod opening;
mod registry;
mod reply;
mod request;
mod server;
mod service;
mod single;
mod slot;
mod socket;
mod throttle;

pub use address::{Address, AddressError};
pub use buffer::GrowingReader;
pub use connect::connect;
pub use connection::{Connection, Control, Inward, Outward, Reader, Writer};
pub use error::{CallError, NetError, NetErrorKind};
pub use limits::Limits;
pub use nodes_file::{NodesFileError, parse_nodes};
pub use reply::ReplyWriter;
pub use request::RequestReader;
pub use server::{Server, Stopped, listen};
pub use service::{Peer, Service, Session};
pub use single::serve_one;
pub use slot::Counts;
