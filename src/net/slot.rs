//! One accepted connection as the server sees it: its socket, its phase, its age; and the counts.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};

use super::service::Peer;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What a connection's thread is doing. Whoever wants to close a connection for lack of room may
/// do so while it is waiting, and must not while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Between calls, waiting for a first byte.
    Idle,
    /// In a request, waiting for more of it.
    Receiving,
    /// Decoding, in the handler, or writing the reply.
    Working,
    /// Over. No other phase follows.
    Closed,
}

impl Phase {
    fn of(value: u8) -> Phase {
        match value {
            0 => Phase::Idle,
            1 => Phase::Receiving,
            2 => Phase::Working,
            _ => Phase::Closed,
        }
    }
}

/// A connection, shared by its thread and the registry. One descriptor serves both directions.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) peer: Peer,
    pub(super) stream: TcpStream,
    phase: AtomicU8,
    established: AtomicBool,
    idle_since: AtomicU64,
}

impl Slot {
    pub(super) fn new(peer: Peer, stream: TcpStream, turn: u64) -> Slot {
        Slot {
            peer,
            stream,
            phase: AtomicU8::new(Phase::Idle as u8),
            established: AtomicBool::new(false),
            idle_since: AtomicU64::new(turn),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::Acquire))
    }

    /// Goes to `phase`, unless the connection has been closed meanwhile by another thread.
    pub(super) fn enter(&self, phase: Phase) -> io::Result<()> {
        if self.advance(|now| now != Phase::Closed, phase) {
            return Ok(());
        }
        Err(io::Error::new(
            ErrorKind::ConnectionAborted,
            "closed by this server",
        ))
    }

    /// Closes the connection if its phase allows; tells whether this call did it.
    pub(super) fn close_if(&self, allowed: impl Fn(Phase) -> bool) -> bool {
        let closed = self.advance(|now| now != Phase::Closed && allowed(now), Phase::Closed);
        if closed {
            // An error means the peer was faster.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        closed
    }

    fn advance(&self, from: impl Fn(Phase) -> bool, to: Phase) -> bool {
        let step = |now| from(Phase::of(now)).then_some(to as u8);
        self.phase
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
            .is_ok()
    }

    /// When it last became idle, in turns of the registry's counter: smaller is longer ago.
    pub(super) fn idle_since(&self) -> u64 {
        self.idle_since.load(Ordering::Relaxed)
    }

    pub(super) fn note_idle(&self, turn: u64) {
        self.idle_since.store(turn, Ordering::Relaxed);
    }

    /// Whether a first call has been answered.
    pub(super) fn is_established(&self) -> bool {
        self.established.load(Ordering::Relaxed)
    }

    /// Marks the first call as answered; true the first time.
    pub(super) fn establish(&self) -> bool {
        !self.is_established() && !self.established.swap(true, Ordering::Relaxed)
    }
}

/// What a server has seen since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections open now.
    pub open: u64,
    /// Those of them that wait for a call.
    pub idle: u64,
    /// Connections let in.
    pub accepted: u64,
    /// Newcomers closed at once for want of room.
    pub refused: u64,
    /// Waiting connections closed to make room for newcomers.
    pub displaced: u64,
    /// Requests or replies that missed their deadline, and first calls that never came.
    pub timed_out: u64,
    /// Connections closed for what they sent: another protocol, too large, undecodable.
    pub malformed: u64,
    /// Calls whose handler panicked.
    pub panicked: u64,
    /// Calls served.
    pub calls: u64,
}
