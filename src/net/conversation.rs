//! One served connection from first byte to last: wait, serve, answer, again.

use std::any::Any;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ending::{Ended, Obituary};
use super::registry::Registry;
use super::reply::ReplyWriter;
use super::request::{Arrival, RequestReader};
use super::service::{Service, Session};
use super::slot::Slot;
use crate::clock;

/// Buffers stay this long after a call, then the connection waits without any.
const KEEP_BUFFERS: Duration = Duration::from_secs(1);

/// How long a peer that is told why it is closed may take to read that.
const LINGER: Duration = Duration::from_millis(200);

/// Serves a connection to its end, and records that.
pub(super) fn converse<S: Service>(
    service: &S,
    registry: &Registry,
    slot: &Arc<Slot>,
    obituary: &Obituary,
) {
    let mut talk = Talk {
        registry,
        slot,
        request: RequestReader::new(slot.clone()),
        reply: ReplyWriter::new(slot.clone(), registry.limits().clone()),
    };
    let ended = match catch_unwind(AssertUnwindSafe(|| talk.run(service))) {
        Ok(ended) => ended,
        Err(panic) => Ended::Panicked(message_of(&*panic)),
    };
    talk.reply.discard();
    // Before the peer can see the end, so that whoever asks next finds it counted.
    obituary.record(registry, slot, &ended);
    if matches!(ended, Ended::Failed(_)) {
        // Closing upon unread bytes resets the connection, and a reset overtakes the exception
        // that may have been written last.
        talk.request.drain(clock::now() + LINGER);
    }
}

struct Talk<'a> {
    registry: &'a Registry,
    slot: &'a Arc<Slot>,
    request: RequestReader,
    reply: ReplyWriter,
}

impl Talk<'_> {
    fn run<S: Service>(&mut self, service: &S) -> Ended {
        let mut session = None;
        loop {
            if let Err(ended) = self.wait() {
                return ended;
            }
            let session = session.get_or_insert_with(|| service.open(self.slot.peer));
            if let Err(ended) = self.serve(session) {
                return ended;
            }
            self.registry.note_served(self.slot);
        }
    }

    /// Waits for the next request: shortly with the buffers at hand, then without them.
    fn wait(&mut self) -> Result<(), Ended> {
        let limits = self.registry.limits();
        let first = !self.slot.is_established();
        let now = clock::now();
        let deadline = now
            + if first {
                limits.first_call
            } else {
                limits.idle
            };
        self.registry.note_idle(self.slot);
        let mut arrival = self.wait_until(deadline.min(now + KEEP_BUFFERS))?;
        if arrival == Arrival::Silence {
            self.reply.release();
            arrival = self.wait_until(deadline)?;
        }
        match arrival {
            Arrival::Request => Ok(()),
            Arrival::End => Err(Ended::Left),
            Arrival::Silence if first => Err(Ended::NeverCalled),
            Arrival::Silence => Err(Ended::Idle),
        }
    }

    fn wait_until(&mut self, deadline: Instant) -> Result<Arrival, Ended> {
        if self.registry.is_stopping() {
            return Err(Ended::Closed);
        }
        self.request
            .wait_until(deadline)
            .map_err(|error| match error.kind() {
                ErrorKind::ConnectionReset => Ended::Left,
                _ => Ended::Broken(error),
            })
    }

    fn serve(&mut self, session: &mut impl Session) -> Result<(), Ended> {
        let wrapping = self
            .request
            .begin(self.registry.limits())
            .map_err(Ended::Broken)?;
        self.reply.begin(wrapping);
        session
            .serve(&mut self.request, &mut self.reply)
            .map_err(Ended::Failed)?;
        self.reply.flush().map_err(Ended::Broken)?;
        self.request.finish().map_err(Ended::Broken)
    }
}

/// What a panic said.
pub(super) fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}
