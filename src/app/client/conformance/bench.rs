//! The node that is tried, and calls to it that end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::check::{NotPassed, failed, not_applicable};
use super::work::{Trained, Work};
use crate::app::dial::{self, CallFailed, Dialled, Node};
use crate::app::transfer;
use crate::clock;
use crate::ml::parameters::Parameters;
use crate::net::Address;
use crate::wire::convert::{self, BLOBS, RAW, foreign};
use crate::wire::rpc::CallError;
use crate::wire::stubs::compute_node::{
    HeartbeatReply, HeartbeatRequest, HelloReply, HelloRequest, TrainReply, TrainRequest,
};
use crate::wire::stubs::types::Payload;

/// A coordinator waits so long for a heartbeat.
pub(super) const BEAT: Duration = Duration::from_secs(2);

/// A node on the bench.
pub(super) struct Bench {
    pub(super) at: Address,
    /// No call takes longer.
    limit: Duration,
    /// What the node said of itself.
    pub(super) hello: HelloReply,
    /// What it is asked to do, or why there is nothing.
    work: Result<Work, NotPassed>,
    /// A connection that nobody has used since.
    pub(super) idle: Option<(Dialled<Node>, Instant)>,
    attempts: i64,
}

impl Bench {
    /// Greets the node.
    pub(super) fn greet(at: Address, limit: Duration) -> Result<Bench, CallFailed> {
        let mut idle = dial::node(&at, limit)?;
        let hello = hello(&mut idle, clock::now() + limit)?;
        let mut bench = Bench {
            at,
            limit,
            hello,
            work: not_applicable("nothing was asked yet"),
            idle: Some((idle, clock::now())),
            // Ids of attempts are never used again, by earlier benches neither.
            attempts: i64::try_from(clock::chance() >> 2).unwrap_or(0),
        };
        if bench.beat().is_err() {
            // It may serve one connection at a time; then an idle one would be in the way of all others.
            bench.idle = None;
        }
        Ok(bench)
    }

    /// From now on the node is asked to do this.
    pub(super) fn set_work(&mut self, work: Result<Work, NotPassed>) {
        self.work = work;
    }

    /// No call takes longer.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// When a call that begins now must be through.
    pub(super) fn deadline(&self) -> Instant {
        clock::now() + self.limit
    }

    /// An attempt's id, used once.
    pub(super) fn attempt(&mut self) -> i64 {
        self.attempts += 1;
        self.attempts
    }

    /// Whether the node names this ability.
    pub(super) fn can(&self, ability: &str) -> bool {
        let abilities: Option<&BTreeSet<String>> = self.hello.hello.abilities.as_ref();
        abilities.is_some_and(|all| all.contains(ability))
    }

    /// Goes on only if the node names this ability.
    pub(super) fn needs(&self, ability: &str) -> Result<(), NotPassed> {
        match self.can(ability) {
            true => Ok(()),
            false => not_applicable(format!("its hello does not name the ability `{ability}`")),
        }
    }

    /// What the node is asked to do, where it answers to it at all.
    pub(super) fn work(&self) -> Result<&Work, NotPassed> {
        match &self.work {
            Ok(work) if work.answered() => Ok(work),
            _ => not_applicable("`train: answers` has to pass first"),
        }
    }

    /// What the node is asked to do, whatever came of it.
    pub(super) fn found_work(&self) -> &Result<Work, NotPassed> {
        &self.work
    }

    /// A new connection.
    pub(super) fn open(&self) -> Result<Dialled<Node>, CallFailed> {
        Ok(dial::node(&self.at, self.limit)?)
    }

    /// One call on a new connection.
    pub(super) fn call<T>(
        &self,
        action: &str,
        call: impl FnOnce(&mut Node) -> Result<T, CallError>,
    ) -> Result<T, CallFailed> {
        self.open()?.call(action, self.deadline(), call)
    }

    /// A heartbeat on a new connection, waited for as long as a coordinator waits.
    pub(super) fn beat(&self) -> Result<HeartbeatReply, CallFailed> {
        let limit = self.limit.min(BEAT);
        let mut node = dial::node(&self.at, limit)?;
        beat(&mut node, clock::now() + limit)
    }

    /// Parameters as they travel: in the message, or, when they are long, as a blob, which is sent now.
    pub(super) fn payload(&self, parameters: &Parameters) -> Result<Payload, NotPassed> {
        let bytes = parameters.to_bytes();
        let name = transfer::digest(&bytes);
        let payload = convert::payload(RAW, &bytes, &name);
        if payload.inline_data.is_none() {
            self.needs(BLOBS)?;
            let blob = [(name, bytes.into())];
            self.call("sending blobs", |node| transfer::send_missing(node, &blob))?;
        }
        Ok(payload)
    }

    /// Has a request done and checks the answer.
    pub(super) fn train(&self, request: &TrainRequest) -> Result<Trained, NotPassed> {
        let mut node = self.open()?;
        let begun = clock::now();
        let reply = node.call("train", self.deadline(), |node| node.train(request))?;
        let took = clock::now() - begun;
        self.accept(&mut node, request, reply, took)
    }

    /// Checks the update of a reply, and fetches it where it is a blob.
    pub(super) fn accept(
        &self,
        node: &mut Dialled<Node>,
        request: &TrainRequest,
        reply: TrainReply,
        took: Duration,
    ) -> Result<Trained, NotPassed> {
        let layout = std::sync::Arc::new(foreign::layout(&request.layout)?);
        let length = foreign::payload_length(&reply.update, RAW, layout.byte_length())?;
        let bytes = match (&reply.update.inline_data, &reply.update.digest) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(name)) => self.fetch(node, name, length)?,
            (None, None) => Bytes::new(),
        };
        match Parameters::from_bytes(layout, &bytes) {
            Ok(update) => Ok(Trained {
                reply,
                update,
                took,
            }),
            Err(error) => failed(format!("its update: {error}")),
        }
    }

    /// Fetches a blob of the node by this name.
    pub(super) fn fetch(
        &self,
        node: &mut Dialled<Node>,
        name: &Bytes,
        length: usize,
    ) -> Result<Bytes, NotPassed> {
        let fetched = node.call("get_chunk", self.deadline(), |node| {
            transfer::fetch(node, name, length, |_| ())
        })?;
        let whole = fetched.whole();
        whole.or_else(|error| not_applicable(format!("no room for a blob here: {error}")))
    }
}

/// A greeting on an open connection.
pub(super) fn hello(node: &mut Dialled<Node>, deadline: Instant) -> Result<HelloReply, CallFailed> {
    let request = HelloRequest {
        hello: convert::hello(),
    };
    node.call("hello", deadline, |node| node.hello(&request))
}

/// A heartbeat on an open connection.
pub(super) fn beat(
    node: &mut Dialled<Node>,
    deadline: Instant,
) -> Result<HeartbeatReply, CallFailed> {
    node.call("heartbeat", deadline, |node| {
        node.heartbeat(&HeartbeatRequest {})
    })
}
