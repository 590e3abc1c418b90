//! HTTP/1.1 for people and tools that look on: one request a connection, on the same accept loop as everything else.
//!
//! It knows requests and answers, never what is served. Heads and bodies are small, times are totals, connections are
//! counted ([`Limits`]); an answer without an end of its own is written as its [`Feed`] has more to say.

mod conversation;
mod request;
mod response;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

pub use request::{Method, ReadError, Refusal, Request};
pub use response::{Body, Feed, Response};

use super::limits::Limits;
use super::server::Server;

/// Longest head of a request, in bytes.
pub const LONGEST_HEAD: usize = 16 << 10;
/// Longest body of a request, in bytes.
pub const LONGEST_BODY: usize = 4 << 10;

/// Answers requests, on the thread of the connection.
pub trait Handler: Send + Sync + 'static {
    /// What is answered. A panic ends this connection only.
    fn answer(&self, request: &Request) -> Response;
}

impl<F: Fn(&Request) -> Response + Send + Sync + 'static> Handler for F {
    fn answer(&self, request: &Request) -> Response {
        self(request)
    }
}

/// What browsers and collectors are held to: they are few, and their requests short.
pub fn limits() -> Limits {
    Limits {
        connections: 256,
        per_address: 128,
        newcomers: 64,
        first_call: Duration::from_secs(5),
        request: Duration::from_secs(5),
        reply: Duration::from_secs(10),
        message: LONGEST_HEAD + LONGEST_BODY,
        ..Limits::default()
    }
}

/// Serves requests on `listener` until the server is stopped or dropped.
///
/// # Errors
/// When the listener has no address, or a thread cannot be started.
pub fn serve(listener: TcpListener, limits: Limits, handler: impl Handler) -> io::Result<Server> {
    Server::attending(listener, limits, conversation::attend(handler))
}
