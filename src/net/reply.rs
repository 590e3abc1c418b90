//! The outgoing side of a served connection: replies in the client's wrapping, under a deadline.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::Arc;

use super::limits::Limits;
use super::opening::Wrapping;
use super::slot::Slot;
use super::socket::WriteSocket;

/// Larger writes go past the buffer straight to the socket.
const BUFFER: usize = 64 << 10;

/// A frame begins with its length.
const HEADER: usize = 4;

/// Takes the bytes of one reply. A buffered reply streams out as it is written; a framed one is
/// gathered first, because its length goes ahead of it.
#[derive(Debug)]
pub struct ReplyWriter {
    slot: Arc<Slot>,
    limits: Limits,
    /// Held only around calls, as the reader's buffer is.
    output: Option<BufWriter<WriteSocket>>,
    wrapping: Wrapping,
    frame: Vec<u8>,
}

impl ReplyWriter {
    pub(super) fn new(slot: Arc<Slot>, limits: Limits) -> ReplyWriter {
        let wrapping = Wrapping::Buffered;
        ReplyWriter {
            slot,
            limits,
            output: None,
            wrapping,
            frame: Vec::new(),
        }
    }

    /// Gets ready for a reply in this wrapping.
    pub(super) fn begin(&mut self, wrapping: Wrapping) {
        self.wrapping = wrapping;
        self.frame.clear();
        if let Some(output) = &mut self.output {
            output.get_mut().restart();
        }
    }

    /// Gives the buffers back.
    pub(super) fn release(&mut self) {
        self.discard();
        self.frame = Vec::new();
    }

    /// Forgets what has not been sent: half a reply helps nobody.
    pub(super) fn discard(&mut self) {
        if let Some(output) = self.output.take() {
            // Dropping the writer itself would send its buffer.
            let _ = output.into_parts();
        }
    }

    fn output(&mut self) -> &mut BufWriter<WriteSocket> {
        self.output.get_or_insert_with(|| {
            BufWriter::with_capacity(BUFFER, WriteSocket::new(self.slot.clone(), &self.limits))
        })
    }

    fn gather(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frame.is_empty() {
            self.frame.extend_from_slice(&[0; HEADER]);
        }
        if self.frame.len() - HEADER + bytes.len() > self.limits.message.min(i32::MAX as usize) {
            let what = "the reply is larger than a frame may be here; ask for it unframed";
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn send_frame(&mut self) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        let length = (frame.len() - HEADER) as u32;
        frame[..HEADER].copy_from_slice(&length.to_be_bytes());
        let sent = self.output().write_all(&frame);
        if frame.capacity() <= BUFFER {
            frame.clear();
            self.frame = frame;
        }
        sent
    }
}

impl Write for ReplyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.wrapping {
            Wrapping::Buffered => self.output().write(bytes),
            Wrapping::Framed => self.gather(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.send_frame()?;
        }
        match &mut self.output {
            Some(output) => output.flush(),
            None => Ok(()),
        }
    }
}
