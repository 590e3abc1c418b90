//! Greetings and heartbeats of one node, on their own connection and thread.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use log::Level;

use super::abilities::Abilities;
use super::greetings::Asked;
use super::greetings::Greetings;
use super::hosts::{Hosting, Hosts};
use super::trouble::{failure, is_stale};
use crate::app::coordinator::reporter::Reporter;
use crate::app::dial::{self, CallFailed, Dialled, Node};
use crate::app::logs::About;
use crate::clock;
use crate::cluster::{AttemptId, BeatId, Failure, FailureKind, Greeting, NodeId, Pulse};
use crate::fed::Event;
use crate::net::Address;
use crate::wire::convert::{self, Invalid, columns, foreign};
use crate::wire::rpc::CallError;
use crate::wire::stubs::compute_node::{CancelRequest, HeartbeatRequest, HelloReply, HelloRequest};

/// What is asked by this connection.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// Who are you?
    Greet(NodeId, BeatId, Duration),
    /// How are you?
    Beat(NodeId, BeatId, Duration),
    /// Nobody waits for this attempt any more.
    Cancel(AttemptId),
}

/// Telling a node that an attempt is called off may take this long.
const CANCEL: Duration = Duration::from_secs(1);

/// Where it is kept what a node says of itself when it is greeted.
#[derive(Clone)]
pub struct Heard {
    pub hosts: Hosts,
    pub greetings: Greetings,
    /// Of this node alone.
    pub abilities: Arc<Abilities>,
}

/// Asks until nobody asks any more.
pub fn run(address: &Address, questions: &Receiver<Question>, reporter: &Reporter, heard: &Heard) {
    let mut line = Line {
        address,
        open: None,
    };
    while let Ok(question) = questions.recv() {
        match question {
            Question::Greet(node, beat, timeout) => {
                let answer = line.greet(timeout, |hello, asked| {
                    heard.greetings.note(node, hello, asked);
                    heard.abilities.note(hello);
                    let greeting = foreign::greeting(hello)?;
                    warn_of_many(address, hello);
                    let hosting = Hosting {
                        shards: foreign::hosted(hello).to_vec(),
                        names: columns::read(hello.columns.as_ref()),
                    };
                    heard.hosts.note(node, hosting);
                    Ok(greeting)
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

/// Shards above what is believed of one node train nowhere.
fn warn_of_many(address: &Address, hello: &HelloReply) {
    let told = hello.hosted.as_ref().map_or(0, Vec::len);
    if told > foreign::MOST_HOSTED {
        let node = address.to_string();
        let message = format_args!(
            "it hosts {told} shards; the first {} of them take part, host the others on further nodes",
            foreign::MOST_HOSTED
        );
        About::node(&node).log(Level::Warn, message);
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
        note: impl FnOnce(&HelloReply, Asked) -> Result<Greeting, Invalid>,
    ) -> Result<Greeting, Failure> {
        let request = HelloRequest {
            hello: convert::hello(),
        };
        // Connecting is no part of it.
        let asked = |node: &mut Node| {
            let began = clock::wall_ms();
            let reply = node.hello(&request)?;
            let ended = clock::wall_ms();
            Ok((reply, Asked { began, ended }))
        };
        let (reply, asked) = self
            .call("hello", timeout, asked)
            .map_err(|failed| failure(&failed))?;
        note(&reply, asked)
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
            let node = self.address.to_string();
            let about = About {
                attempt: Some(attempt.0),
                ..About::node(&node)
            };
            about.log(Level::Debug, format_args!("calling it off: {failed}"));
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
