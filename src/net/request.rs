//! The incoming side of a served connection: one request at a time, bounded in size and time.

use std::io::{self, BufRead, ErrorKind, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::buffer::GrowingReader;
use super::deadline::Pace;
use super::limits::Limits;
use super::opening::{STRICT, Wrapping, looks_like};
use super::slot::{Phase, Slot};
use super::socket::{Patience, ReadSocket};
use crate::clock;

/// The bytes of one request. It ends where the frame ends or the size limit is reached; reading
/// from it past the request's deadline is an error of kind `TimedOut`.
#[derive(Debug)]
pub struct RequestReader {
    slot: Arc<Slot>,
    /// Held only around calls: a connection that stays silent keeps no memory.
    input: Option<GrowingReader<ReadSocket>>,
    wrapping: Wrapping,
    left: usize,
}

/// What came of waiting for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Request,
    End,
    Silence,
}

impl RequestReader {
    pub(super) fn new(slot: Arc<Slot>) -> RequestReader {
        RequestReader {
            slot,
            input: None,
            wrapping: Wrapping::Buffered,
            left: 0,
        }
    }

    /// Waits for the first byte of a request, and gives the buffer back if none comes in time.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> io::Result<Arrival> {
        let Some(input) = &mut self.input else {
            return self.wait_unbuffered(deadline);
        };
        if !input.buffer().is_empty() {
            self.slot.enter(Phase::Working)?;
            return Ok(Arrival::Request);
        }
        input.get_mut().patience = Patience::Wait(deadline);
        let arrival = arrival(input.fill_buf().map(<[u8]>::len))?;
        if arrival == Arrival::Silence {
            self.input = None;
        }
        Ok(arrival)
    }

    fn wait_unbuffered(&mut self, deadline: Instant) -> io::Result<Arrival> {
        let mut socket = ReadSocket::new(self.slot.clone(), Patience::Wait(deadline));
        let arrival = arrival(socket.peek())?;
        if arrival == Arrival::Request {
            self.input = Some(GrowingReader::new(socket));
        }
        Ok(arrival)
    }

    /// Starts the request's clock and finds out how it is wrapped. A stranger is an error of kind
    /// `Unsupported` that says what it looks like.
    pub(super) fn begin(&mut self, limits: &Limits) -> io::Result<Wrapping> {
        let input = self.input.as_mut().ok_or(ErrorKind::NotConnected)?;
        let pace = Pace::new(clock::now(), limits.request, limits.bytes_per_second);
        input.get_mut().patience = Patience::Message(pace);
        let bytes = input.fill_buf()?;
        let first = *bytes.first().ok_or(ErrorKind::UnexpectedEof)?;
        self.wrapping = Wrapping::of(first, limits.message).ok_or_else(|| stranger(bytes))?;
        self.left = match self.wrapping {
            Wrapping::Buffered => limits.message,
            Wrapping::Framed => open_frame(input, limits.message)?,
        };
        Ok(self.wrapping)
    }

    /// Skips what the session left of a frame, so that the next message starts where it should.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.wrapping == Wrapping::Buffered {
            return Ok(());
        }
        let unread = self.left as u64;
        let skipped = io::copy(&mut self.take(unread), &mut io::sink())?;
        if skipped < unread {
            Err(ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }

    /// Tells the peer that nothing more will be said, and throws away what it still says until
    /// it has closed too or `deadline` has passed.
    pub(super) fn drain(&mut self, deadline: Instant) {
        let Some(input) = &mut self.input else { return };
        let socket = input.get_mut();
        socket.patience = Patience::Wait(deadline);
        let mut waste = [0; 4096];
        if socket.slot.stream.shutdown(Shutdown::Write).is_ok() {
            while matches!(socket.read(&mut waste), Ok(1..)) {}
        }
    }
}

impl Read for RequestReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !into.is_empty() {
            return match self.wrapping {
                Wrapping::Framed => Ok(0),
                Wrapping::Buffered => Err(too_long("the request reaches the size limit")),
            };
        }
        let input = self.input.as_mut().ok_or(ErrorKind::NotConnected)?;
        let most = into.len().min(self.left);
        let count = input.read(&mut into[..most])?;
        self.left -= count;
        Ok(count)
    }
}

/// Reads a frame's length, believing it only within the limit, and looks at what it holds.
fn open_frame(input: &mut GrowingReader<ReadSocket>, limit: usize) -> io::Result<usize> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let announced = u32::from_be_bytes(length) as usize;
    if announced == 0 || announced > limit {
        return Err(too_long(&format!(
            "a frame of {announced} bytes, where 1 to {limit} may be"
        )));
    }
    match input.fill_buf()?.first() {
        None => Err(ErrorKind::UnexpectedEof.into()),
        Some(&STRICT) => Ok(announced),
        Some(&first) => Err(stranger(&[if first == 0x82 { first } else { length[0] }])),
    }
}

fn too_long(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn stranger(bytes: &[u8]) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, looks_like(bytes))
}

fn arrival(result: io::Result<usize>) -> io::Result<Arrival> {
    match result {
        Ok(0) => Ok(Arrival::End),
        Ok(_) => Ok(Arrival::Request),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(Arrival::Silence),
        Err(error) => Err(error),
    }
}
