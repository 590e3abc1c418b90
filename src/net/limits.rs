//! What a server allows its peers: how many, how large, how slow.

use std::time::Duration;

/// The bounds a [`Server`](super::Server) holds every peer to.
///
/// Times are totals: a peer that sends a byte now and then does not push a deadline back, except
/// in proportion to what it sends (see [`Limits::bytes_per_second`]).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all. One more drops the connection that has been idle longest; where none
    /// is idle, the newcomer is closed.
    pub connections: usize,
    /// Connections from one remote address. One more drops the longest idle of that address.
    pub per_address: usize,
    /// Connections which have not completed a first call and have none in hand. One more drops
    /// the oldest of the address which holds most of these, so that silent peers push out each
    /// other, never peers that talk.
    pub newcomers: usize,
    /// From accepting a connection to the first byte of its first call.
    pub first_call: Duration,
    /// From the end of a call to the first byte of the next.
    pub idle: Duration,
    /// From the first byte of a request to its last, for a small request.
    pub request: Duration,
    /// From the first byte of a reply to its last, for a small reply.
    pub reply: Duration,
    /// The slowest transfer that is bearable: every so many bytes moved extend
    /// [`Limits::request`] or [`Limits::reply`] by a second, so that a large message over a slow
    /// line is not taken for a dribble.
    pub bytes_per_second: u64,
    /// The largest request, and the largest framed reply, in bytes.
    pub message: usize,
    /// The stack of a connection's thread, where the handlers run.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4_096,
            per_address: 2_048,
            newcomers: 256,
            first_call: Duration::from_secs(10),
            idle: Duration::from_secs(600),
            request: Duration::from_secs(30),
            reply: Duration::from_secs(30),
            bytes_per_second: 64 << 10,
            message: 64 << 20,
            stack: 256 << 10,
        }
    }
}
