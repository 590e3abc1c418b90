//! The two directions of a served connection's socket, each under its total deadline.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use super::deadline::{Armed, Pace};
use super::limits::Limits;
use super::slot::{Phase, Slot};
use crate::clock;

/// How long the next read may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    Wait(Instant),
    Message(Pace),
}

/// Reads from the socket under a total deadline, and keeps the slot's phase true meanwhile.
#[derive(Debug)]
pub(super) struct ReadSocket {
    pub(super) slot: Arc<Slot>,
    armed: Armed,
    pub(super) patience: Patience,
}

impl ReadSocket {
    pub(super) fn new(slot: Arc<Slot>, patience: Patience) -> ReadSocket {
        ReadSocket {
            slot,
            armed: Armed::default(),
            patience,
        }
    }

    /// Waits for a byte, and leaves it where it is.
    pub(super) fn peek(&mut self) -> io::Result<usize> {
        self.receive(|slot| slot.stream.peek(&mut [0]))
    }

    fn receive(&mut self, mut read: impl FnMut(&Slot) -> io::Result<usize>) -> io::Result<usize> {
        let (phase, deadline) = match &self.patience {
            Patience::Wait(deadline) => (Phase::Idle, *deadline),
            Patience::Message(pace) => (Phase::Receiving, pace.deadline()),
        };
        self.slot.enter(phase)?;
        let slot = &self.slot;
        let arm = |timeout| slot.stream.set_read_timeout(timeout);
        let count = self.armed.until(Some(deadline), arm, || read(slot))?;
        self.slot.enter(Phase::Working)?;
        if let Patience::Message(pace) = &mut self.patience {
            pace.advance(count);
        }
        Ok(count)
    }
}

impl Read for ReadSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.receive(|slot| (&slot.stream).read(into))
    }
}

/// Writes to the socket under a total deadline that starts with the first byte of a reply.
#[derive(Debug)]
pub(super) struct WriteSocket {
    slot: Arc<Slot>,
    armed: Armed,
    pace: Option<Pace>,
    limits: Limits,
}

impl WriteSocket {
    pub(super) fn new(slot: Arc<Slot>, limits: &Limits) -> WriteSocket {
        WriteSocket {
            slot,
            armed: Armed::default(),
            pace: None,
            limits: limits.clone(),
        }
    }

    /// The next byte belongs to another reply.
    pub(super) fn restart(&mut self) {
        self.pace = None;
    }
}

impl Write for WriteSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let start = || {
            Pace::new(
                clock::now(),
                self.limits.reply,
                self.limits.bytes_per_second,
            )
        };
        let pace = self.pace.get_or_insert_with(start);
        let mut stream = &self.slot.stream;
        let arm = |timeout| stream.set_write_timeout(timeout);
        let count = self
            .armed
            .until(Some(pace.deadline()), arm, || stream.write(bytes))?;
        pace.advance(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
