//! Why a served connection ended: counted, and said where it is worth saying.

use std::io::{self, ErrorKind};

use thrift::TransportErrorKind;

use super::registry::Registry;
use super::slot::{Counts, Slot};
use super::throttle::Throttle;

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
