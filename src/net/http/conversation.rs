//! One connection of a browser from first byte to last: one request, one answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::super::conversation::message_of;
use super::super::deadline::Pace;
use super::super::ending::{Ended, Obituary};
use super::super::registry::Registry;
use super::super::slot::{Phase, Slot};
use super::super::socket::{Patience, ReadSocket, WriteSocket};
use super::request::{Method, ReadError, Refusal, Request};
use super::response::{Body, Feed, Response};
use super::{Handler, LONGEST_BODY};
use crate::clock;

/// How long a peer that is refused may take to read why.
const LINGER: Duration = Duration::from_millis(200);
/// Bytes that such a peer may still send.
const LEFTOVERS: usize = 64 << 10;

/// What a server does with each connection.
pub(super) fn attend(handler: impl Handler) -> impl Fn(&Registry, &Arc<Slot>) + Send + Sync {
    let obituary = Obituary::default();
    move |registry, slot| {
        let talk = AssertUnwindSafe(|| converse(&handler, registry, slot));
        let ended = match catch_unwind(talk) {
            Ok(Ok(())) => Ended::Left,
            Ok(Err(ended)) => ended,
            Err(panic) => Ended::Panicked(message_of(&*panic)),
        };
        obituary.record(registry, slot, &ended);
    }
}

fn converse(handler: &impl Handler, registry: &Registry, slot: &Arc<Slot>) -> Result<(), Ended> {
    let limits = registry.limits();
    let mut socket = ReadSocket::new(
        slot.clone(),
        Patience::Wait(clock::now() + limits.first_call),
    );
    registry.note_idle(slot);
    match socket.peek() {
        Ok(0) => return Err(Ended::Left),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Ended::NeverCalled),
        Err(error) => return Err(Ended::Broken(error)),
    }
    let pace = Pace::new(clock::now(), limits.request, limits.bytes_per_second);
    socket.patience = Patience::Message(pace);
    let mut writer = WriteSocket::new(slot.clone(), limits);
    match Request::read(&mut socket) {
        Ok(request) => {
            let response = handler.answer(&request);
            let talk = Talk {
                registry,
                slot,
                writer,
            };
            talk.answer(response, request.method == Method::Head)
                .map_err(Ended::Broken)
        }
        Err(ReadError::Nothing) => Err(Ended::Left),
        Err(ReadError::Io(error)) => {
            if error.kind() == ErrorKind::TimedOut {
                let late = Response::text(408, "the request did not arrive in time");
                let _ = refuse(&mut writer, slot, &late);
            }
            Err(Ended::Broken(error))
        }
        Err(ReadError::Refused(Refusal { status, reason })) => {
            let mut response = Response::text(status, reason);
            if status == 405 {
                response = response.with("Allow", "GET, HEAD, POST");
            }
            // Closing upon unread bytes resets the connection, and a reset overtakes the answer.
            let _ = refuse(&mut writer, slot, &response);
            drain(&mut socket);
            Err(Ended::Broken(io::Error::new(
                ErrorKind::InvalidData,
                reason,
            )))
        }
    }
}

fn refuse(writer: &mut WriteSocket, slot: &Slot, response: &Response) -> io::Result<()> {
    response.write_head(writer)?;
    if let Body::Whole(bytes) = &response.body {
        writer.write_all(bytes)?;
    }
    slot.stream.shutdown(Shutdown::Write)
}

/// Reads what a peer goes on sending, shortly.
fn drain(socket: &mut ReadSocket) {
    socket.patience = Patience::Wait(clock::now() + LINGER);
    let mut block = [0; LONGEST_BODY];
    let mut left = LEFTOVERS;
    while left > 0 {
        match socket.read(&mut block) {
            Ok(0) | Err(_) => return,
            Ok(count) => left = left.saturating_sub(count),
        }
    }
}

/// The answering side of a connection.
struct Talk<'a> {
    registry: &'a Registry,
    slot: &'a Arc<Slot>,
    writer: WriteSocket,
}

impl Talk<'_> {
    fn answer(mut self, response: Response, head_only: bool) -> io::Result<()> {
        response.write_head(&mut self.writer)?;
        // A feed is no newcomer for as long as it goes on.
        self.registry.note_served(self.slot);
        match response.body {
            _ if head_only => Ok(()),
            Body::Whole(bytes) => self.writer.write_all(&bytes),
            Body::Feed(feed) => self.follow(feed),
        }
    }

    /// Writes what a feed says, each part under a deadline of its own. While there is nothing to say the connection
    /// is idle: it may be closed to make room, or because the server ends.
    fn follow(&mut self, mut feed: Box<dyn Feed>) -> io::Result<()> {
        loop {
            self.registry.note_idle(self.slot);
            self.slot.enter(Phase::Idle)?;
            if self.registry.is_stopping() {
                return Ok(());
            }
            let part = feed.next();
            self.slot.enter(Phase::Working)?;
            match part {
                None => return Ok(()),
                Some(part) if part.is_empty() => {}
                Some(part) => {
                    self.writer.restart();
                    self.writer.write_all(&part)?;
                }
            }
        }
    }
}
