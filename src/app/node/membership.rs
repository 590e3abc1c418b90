//! A node that announces itself to a coordinator, again and again, until it leaves.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::app::dial::{self, CallFailed};
use crate::clock;
use crate::cluster::Backoff;
use crate::net::Address;
use crate::wire::stubs::coordinator::{JoinRequest, LeaveRequest};

/// Announced anew so often, so that a coordinator that was restarted learns of it.
const AGAIN: Duration = Duration::from_secs(5);
/// Waits while the coordinator cannot be reached.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(5),
};
/// An announcement may take this long.
const LIMIT: Duration = Duration::from_secs(2);

/// The thread that announces.
pub(super) struct Membership {
    coordinator: Address,
    address: String,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Membership {
    /// Announces `address` to the coordinator from now on.
    pub(super) fn start(coordinator: Address, address: String) -> std::io::Result<Membership> {
        let (stop, stopped) = bounded(0);
        let (to, at) = (coordinator.clone(), address.clone());
        let thread = thread::Builder::new()
            .name("join".to_owned())
            .spawn(move || announce(&to, &at, &stopped))?;
        Ok(Membership {
            coordinator,
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Takes the node off the coordinator's roster.
    pub(super) fn leave(mut self) {
        drop(self.stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let request = LeaveRequest {
            address: self.address,
        };
        let deadline = clock::now() + LIMIT;
        let left = dial::coordinator(&self.coordinator, LIMIT)
            .map_err(CallFailed::from)
            .and_then(|mut to| to.call("leave", deadline, |to| to.leave(&request)));
        if let Err(error) = left {
            log::warn!("leaving {}: {error}", self.coordinator);
        }
    }
}

fn announce(coordinator: &Address, address: &str, stopped: &Receiver<()>) {
    let request = JoinRequest {
        address: address.to_owned(),
    };
    let mut failures = 0;
    let mut known = false;
    loop {
        let deadline = clock::now() + LIMIT;
        let joined = dial::coordinator(coordinator, LIMIT)
            .map_err(CallFailed::from)
            .and_then(|mut to| to.call("join", deadline, |to| to.join(&request)));
        let wait = match joined {
            Ok(reply) => {
                if !known {
                    log::info!("joined {coordinator} as {}", reply.address);
                }
                (failures, known) = (0, true);
                AGAIN
            }
            Err(error) => {
                failures += 1;
                if known || failures == 1 {
                    log::warn!("joining {coordinator}: {error}; trying again");
                }
                known = false;
                RETRY.wait(failures)
            }
        };
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
