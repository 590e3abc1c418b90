//! What a server serves: a service opens a session for each connection, a session answers requests.

use std::net::SocketAddr;

use super::reply::ReplyWriter;
use super::request::RequestReader;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Counts the connections of this server from 1.
    pub connection: u64,
    /// The remote end.
    pub address: SocketAddr,
}

/// Opens a [`Session`] for every accepted connection, on that connection's thread.
///
/// A closure from [`Peer`] to a session is a service.
pub trait Service: Send + Sync + 'static {
    /// What serves one connection.
    type Session: Session;

    /// Called once for a connection, when its first request begins to arrive.
    fn open(&self, peer: Peer) -> Self::Session;
}

/// Serves one connection, one request after the other. It lives on one thread, and may keep what
/// it likes from call to call: the peer's identity, buffers.
///
/// A closure over the two streams is a session.
pub trait Session {
    /// Reads one request and writes its reply (or none, for a oneway call). An error ends the
    /// connection, so answer what can be answered; a panic ends this connection only.
    ///
    /// Build the protocols upon the borrowed streams: they are made for it, buffered and bounded.
    fn serve(&mut self, request: &mut RequestReader, reply: &mut ReplyWriter)
    -> thrift::Result<()>;
}

impl<F, S> Service for F
where
    F: Fn(Peer) -> S + Send + Sync + 'static,
    S: Session,
{
    type Session = S;

    fn open(&self, peer: Peer) -> S {
        self(peer)
    }
}

impl<F> Session for F
where
    F: FnMut(&mut RequestReader, &mut ReplyWriter) -> thrift::Result<()>,
{
    fn serve(
        &mut self,
        request: &mut RequestReader,
        reply: &mut ReplyWriter,
    ) -> thrift::Result<()> {
        self(request, reply)
    }
}
