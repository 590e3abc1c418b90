//! Greetings and heartbeats of one node, on their own connection and thread.

use std::time::Duration;

use crossbeam_channel::Receiver;

use super::call::{Reporter, failure, is_stale};
use super::hosts::Hosts;
use super::link::Abilities;
use crate::app::dial::{self, CallFailed, Dialled, Node};
use crate::clock;
use crate::cluster::{AttemptId, BeatId, Failure, FailureKind, Greeting, NodeId, Pulse};
use crate::fed::Event;
use crate::net::Address;
use crate::wire::convert::{self, foreign};
use crate::wire::rpc::CallError;
use crate::wire::stubs::compute_node::{CancelRequest, HeartbeatRequest, HelloReply, HelloRequest};

/// What is asked by this connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// Who are you?
    Greet(NodeId, BeatId, Duration),
    /// How are you?
    Beat(NodeId, BeatId, Duration),
    /// Nobody waits for this attempt any more.
    Cancel(AttemptId),
}

/// Telling a node that an attempt is called off may take this long.
const CANCEL: Duration = Duration::from_secs(1);

/// Asks until nobody asks any more.
pub(super) fn run(
    address: &Address,
    questions: &Receiver<Question>,
    reporter: &Reporter,
    hosts: &Hosts,
    abilities: &Abilities,
) {
    let mut line = Line {
        address,
        open: None,
    };
    while let Ok(question) = questions.recv() {
        match question {
            Question::Greet(node, beat, timeout) => {
                let answer = line.greet(timeout, |hello| {
                    hosts.note(node, hello.hosted.as_deref().unwrap_or_default());
                    abilities.note(hello);
                });
                reporter.report(Event::Greeted(node, beat, answer));
            }
            Question::Beat(node, beat, timeout) => {
                let answer = line.beat(timeout);
                reporter.report(Event::Pulsed(node, beat, answer));
            }
            Question::Cancel(attempt) => line.cancel(attempt),
        }
    }
}

/// The connection, opened when needed and kept.
struct Line<'a> {
    address: &'a Address,
    open: Option<Dialled<Node>>,
}

impl Line<'_> {
    fn greet(
        &mut self,
        timeout: Duration,
        note: impl FnOnce(&HelloReply),
    ) -> Result<Greeting, Failure> {
        let request = HelloRequest {
            hello: convert::hello(),
        };
        let reply = self
            .call("hello", timeout, |node| node.hello(&request))
            .map_err(|failed| failure(&failed))?;
        note(&reply);
        foreign::greeting(&reply)
            .map_err(|invalid| Failure::new(FailureKind::Reported, invalid.to_string()))
    }

    fn beat(&mut self, timeout: Duration) -> Result<Pulse, Failure> {
        let request = HeartbeatRequest {};
        self.call("heartbeat", timeout, |node| node.heartbeat(&request))
            .map(|reply| foreign::pulse(&reply))
            .map_err(|failed| failure(&failed))
    }

    fn cancel(&mut self, attempt: AttemptId) {
        let request = CancelRequest {
            attempt: convert::attempt_id(attempt),
            reason: None,
        };
        // A node that cannot be told finds out when it answers.
        if let Err(failed) = self.call("cancel", CANCEL, |node| node.cancel(&request)) {
            log::debug!(
                "node {}: cancelling attempt {}: {failed}",
                self.address,
                attempt.0
            );
        }
    }

    /// Makes a call; on a kept connection that turns out to be dead, once more on a new one.
    fn call<T>(
        &mut self,
        action: &str,
        timeout: Duration,
        call: impl Fn(&mut Node) -> Result<T, CallError>,
    ) -> Result<T, CallFailed> {
        let deadline = clock::now() + timeout;
        if let Some(mut node) = self.open.take() {
            let answer = node.call(action, deadline, &call);
            match answer {
                Err(failed) if is_stale(&failed) => {}
                answer => {
                    self.open = node.is_usable().then_some(node);
                    return answer;
                }
            }
        }
        let mut node = dial::node(self.address, timeout)?;
        let answer = node.call(action, deadline, &call);
        self.open = node.is_usable().then_some(node);
        answer
    }
}
