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

impl Limits {
    /// The same for a process that may open so many files: a quarter is kept for calls of its own and for data.
    /// Where that leaves fewer connections, silent newcomers get half of them, so that they push out each other.
    pub(super) fn within(self, files: usize) -> Limits {
        let most = (files - files / 4).max(1);
        if most >= self.connections {
            return self;
        }
        Limits {
            connections: most,
            newcomers: self.newcomers.min(most.div_ceil(2)),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 8_192,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_few_connections() {
        let few = Limits::default().within(64);
        assert_eq!((few.connections, few.newcomers), (48, 24));
        let many = Limits::default().within(usize::MAX);
        assert_eq!((many.connections, many.newcomers), (8_192, 256));
        assert_eq!(Limits::default().within(0).connections, 1);
    }
}
