//! One served connection from first byte to last: wait, serve, answer, again; and why it ended.

use std::any::Any;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thrift::TransportErrorKind;

use super::registry::Registry;
use super::reply::ReplyWriter;
use super::request::{Arrival, RequestReader};
use super::service::{Service, Session};
use super::slot::{Counts, Slot};
use super::throttle::Throttle;
use crate::clock;

/// Buffers stay this long after a call, then the connection waits without any.
const KEEP_BUFFERS: Duration = Duration::from_secs(1);

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum Ended {
    /// The peer closed it between calls.
    Left,
    /// We closed it: stopped, or displaced to make room.
    Closed,
    /// No next call within the limit.
    Idle,
    /// No first call within the limit.
    NeverCalled,
    /// Broken off within a message.
    Broken(io::Error),
    /// The session gave up.
    Failed(thrift::Error),
    /// The handler panicked, and said this.
    Panicked(String),
}

/// Serves a connection to its end.
pub(super) fn converse<S: Service>(service: &S, registry: &Registry, slot: &Arc<Slot>) -> Ended {
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
    ended
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

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// Counts and logs the ends of connections, the noteworthy at most once a second each.
#[derive(Debug, Default)]
pub(super) struct Obituary {
    slow: Throttle,
    malformed: Throttle,
    panics: Throttle,
}

impl Obituary {
    pub(super) fn record(&self, registry: &Registry, slot: &Slot, ended: &Ended) {
        let peer = slot.peer.address;
        match classify(ended) {
            Class::Ordinary => log::debug!("{peer}: {ended:?}"),
            Class::Slow(what) => {
                registry.count(|counts: &mut Counts| counts.timed_out += 1);
                if let Some(more) = self.slow.permit() {
                    log::warn!("closed {peer}: {what}{more}");
                }
            }
            Class::Malformed(what) => {
                registry.count(|counts| counts.malformed += 1);
                if let Some(more) = self.malformed.permit() {
                    log::warn!("closed {peer}: {what}{more}");
                }
            }
            Class::Panic(what) => {
                registry.count(|counts| counts.panicked += 1);
                if let Some(more) = self.panics.permit() {
                    log::error!("closed {peer}: a handler panicked: {what}{more}");
                }
            }
        }
    }
}

enum Class {
    Ordinary,
    Slow(String),
    Malformed(String),
    Panic(String),
}

fn classify(ended: &Ended) -> Class {
    match ended {
        Ended::Left | Ended::Closed | Ended::Idle => Class::Ordinary,
        Ended::NeverCalled => Class::Slow("no first call came in time".into()),
        Ended::Panicked(what) => Class::Panic(what.clone()),
        Ended::Broken(error) => match error.kind() {
            ErrorKind::TimedOut => Class::Slow("a message did not get through in time".into()),
            ErrorKind::Unsupported => Class::Malformed(format!("this looks like {error}")),
            ErrorKind::InvalidData => Class::Malformed(error.to_string()),
            _ => Class::Ordinary,
        },
        Ended::Failed(thrift::Error::Transport(error)) => match error.kind {
            TransportErrorKind::TimedOut => {
                Class::Slow("a message did not get through in time".into())
            }
            TransportErrorKind::SizeLimit | TransportErrorKind::NegativeSize => {
                Class::Malformed(error.message.clone())
            }
            _ => Class::Ordinary,
        },
        Ended::Failed(thrift::Error::Protocol(error)) => Class::Malformed(error.message.clone()),
        Ended::Failed(_) => Class::Ordinary,
    }
}
