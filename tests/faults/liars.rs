//! Nodes that lie (acceptance tests 34 and 37): each lie is refused and named, and changes no bit of the result.
//!
//! What no check can find is an update that could be true: of the right length, finite and within bounds, of as many
//! rows as the shard may have. Against such there are robust strategies.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use roundtable::app::dial::{self, CallFailed, Node};
use roundtable::clock;
use roundtable::net::{Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{
    CancelReply, CancelRequest, ComputeNodeHandler, ComputeNodeProcessor, DescribeReply,
    DescribeRequest, EvaluateReply, EvaluateRequest, HeartbeatReply, HeartbeatRequest, HelloReply,
    HelloRequest, InitialiseReply, InitialiseRequest, ShardResult, TrainReply, TrainRequest,
};
use roundtable::wire::stubs::types::{
    Chunk, ChunkReply, ChunkRequest, Fault, FaultCode, MissingReply, MissingRequest,
};
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use crate::effort::figure;
use crate::party::{Outcome, Party, plan, undisturbed};
use crate::programs::{PATIENCE, Program};

/// Changes the answer of an honest node.
pub type Lie = fn(&mut TrainReply);

/// A node that has an honest one do its work and lies about it.
pub struct Liar {
    honest: SocketAddr,
    lie: Lie,
    /// What heartbeats say is by so much another incarnation than what greetings say.
    aging: i64,
    /// Heartbeats and greetings answered.
    pulses: Mutex<u64>,
    /// The ids of the attempts it was asked for.
    attempts: Mutex<Vec<i64>>,
    bell: Condvar,
}

impl Liar {
    pub fn telling(lie: Lie, honest: &Program) -> Liar {
        Liar {
            honest: honest.address,
            lie,
            aging: 0,
            pulses: Mutex::default(),
            attempts: Mutex::default(),
            bell: Condvar::new(),
        }
    }

    pub fn serve(self) -> Server {
        Liar::serve_shared(Arc::new(self))
    }

    pub fn serve_shared(liar: Arc<Liar>) -> Server {
        let service = move |_: Peer| {
            let processor = ComputeNodeProcessor::new(liar.clone());
            move |request: &mut RequestReader, reply: &mut ReplyWriter| {
                let mut input = BinaryInput::new(request, protocol::Limits::default());
                let mut output = TBinaryOutputProtocol::new(reply, true);
                processor.process(&mut input, &mut output)
            }
        };
        let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a port");
        Server::start(listener, Limits::default(), service).expect("a server")
    }

    /// The ids of the attempts it was asked for since it was last asked this.
    pub fn attempts(&self) -> Vec<i64> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *attempts)
    }

    /// Asks the honest node the same.
    fn ask<T>(&self, call: impl FnOnce(&mut Node) -> Result<T, CallError>) -> Result<T, Fault> {
        let lost = |error: String| Fault {
            code: FaultCode::INTERNAL,
            message: error,
            ..Fault::default()
        };
        let mut node =
            dial::node(&self.honest.into(), PATIENCE).map_err(|e| lost(e.to_string()))?;
        let answer = node.call("asking the honest", clock::now() + PATIENCE, call);
        answer.map_err(|failed| match failed {
            CallFailed::Fault(fault) => fault,
            failed => lost(failed.to_string()),
        })
    }

    fn count_pulse(&self) {
        *self.pulses.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.notify_all();
    }

    /// Waits until so many more greetings or heartbeats were answered.
    fn wait_for_pulses(&self, more: u64) {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = *pulses + more;
        let waited = self
            .bell
            .wait_timeout_while(pulses, PATIENCE, |now| *now < enough);
        drop(waited);
    }
}

impl ComputeNodeHandler for Liar {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, Fault> {
        let reply = self.ask(|node| node.hello(&request));
        self.count_pulse();
        reply
    }

    fn heartbeat(&self, request: HeartbeatRequest) -> Result<HeartbeatReply, Fault> {
        let reply = self.ask(|node| node.heartbeat(&request));
        self.count_pulse();
        reply.map(|reply| HeartbeatReply {
            incarnation: reply.incarnation - self.aging,
            ..reply
        })
    }

    fn train(&self, request: TrainRequest) -> Result<TrainReply, Fault> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.push(request.attempt);
        drop(attempts);
        let mut reply = self.ask(|node| node.train(&request))?;
        (self.lie)(&mut reply);
        if self.aging != 0 {
            // One may be on its way, the second tells the coordinator, the third was asked for after that.
            self.wait_for_pulses(3);
        }
        Ok(reply)
    }

    fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluateReply, Fault> {
        self.ask(|node| node.evaluate(&request))
    }

    fn describe(&self, request: DescribeRequest) -> Result<DescribeReply, Fault> {
        self.ask(|node| node.describe(&request))
    }

    fn initialise(&self, request: InitialiseRequest) -> Result<InitialiseReply, Fault> {
        self.ask(|node| node.initialise(&request))
    }

    fn cancel(&self, request: CancelRequest) -> Result<CancelReply, Fault> {
        self.ask(|node| node.cancel(&request))
    }

    fn missing(&self, request: MissingRequest) -> Result<MissingReply, Fault> {
        self.ask(|node| node.missing(&request))
    }

    fn put_chunk(&self, chunk: Chunk) -> Result<ChunkReply, Fault> {
        self.ask(|node| node.put_chunk(&chunk))
    }

    fn get_chunk(&self, request: ChunkRequest) -> Result<Chunk, Fault> {
        self.ask(|node| node.get_chunk(&request))
    }
}

/// Puts other bytes into a reply, with the checksum and the length that belong to them.
fn put(reply: &mut TrainReply, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = reply.update.inline_data.take().unwrap_or_default().to_vec();
    change(&mut bytes);
    reply.update.length = bytes.len() as i64;
    reply.update.crc32 = Some(i64::from(crc32fast::hash(&bytes)));
    reply.update.inline_data = Some(Bytes::from(bytes));
}

/// Puts this value in the middle of an update.
fn value(reply: &mut TrainReply, value: f32) {
    put(reply, |bytes| {
        let middle = bytes.len() / 8 * 4;
        bytes[middle..middle + 4].copy_from_slice(&value.to_le_bytes());
    });
}

fn zeros(reply: &mut TrainReply) {
    put(reply, |bytes| bytes.fill(0));
}

/// What a node may say of the training of one shard, with words that the coordinator must have for it.
const LIES: [(&str, Lie, &str); 23] = [
    ("NaN", |r| value(r, f32::NAN), "NaN"),
    ("Inf", |r| value(r, f32::INFINITY), "inf"),
    ("-Inf", |r| value(r, f32::NEG_INFINITY), "-inf"),
    ("1e30", |r| value(r, 1e30), "1000000"),
    (
        "-1025, where 1024 is the bound",
        |r| value(r, -1025.0),
        "-1025",
    ),
    (
        "a value short",
        |r| put(r, |b| b.truncate(b.len() - 4)),
        "bytes",
    ),
    (
        "a byte short",
        |r| put(r, |b| b.truncate(b.len() - 1)),
        "bytes",
    ),
    (
        "a value too many",
        |r| put(r, |b| b.extend([0; 4])),
        "bytes",
    ),
    ("empty", |r| put(r, Vec::clear), "0 bytes"),
    ("announced shorter", |r| r.update.length -= 4, "announced"),
    (
        "announced as 2^62",
        |r| r.update.length = 1 << 62,
        "announced",
    ),
    ("announced as -1", |r| r.update.length = -1, "announced"),
    (
        "neither bytes nor a name",
        |r| r.update.inline_data = None,
        "neither",
    ),
    ("a blob of another length", blob_of_2_to_the_62, "announced"),
    ("a blob that is not there", blob_not_there, "no such blob"),
    ("another checksum", |r| r.update.crc32 = Some(1), "checksum"),
    (
        "an unknown codec",
        |r| r.update.codec = "lies".to_owned(),
        "lies",
    ),
    (
        "a codec nobody asked for",
        |r| r.update.codec = "int8".to_owned(),
        "int8",
    ),
    ("rows 0", |r| r.rows = 0, "0 rows"),
    ("rows -1", |r| r.rows = -1, "-1 rows"),
    ("rows 2^40", |r| r.rows = 1 << 40, "1099511627776 rows"),
    ("one row too many", |r| r.rows += 1, "rows"),
    ("loss NaN", |r| r.loss = f64::NAN, "loss is NaN"),
];

fn blob_of_2_to_the_62(reply: &mut TrainReply) {
    reply.update.inline_data = None;
    reply.update.digest = Some(Bytes::from_static(&[7; 32]));
    reply.update.length = 1 << 62;
}

fn blob_not_there(reply: &mut TrainReply) {
    reply.update.inline_data = None;
    reply.update.digest = Some(Bytes::from_static(&[7; 32]));
}

/// What a node may say of several shards, which it added up itself.
const LIES_OF_SUMS: [(&str, Lie, &str); 9] = [
    (
        "a sum a value short",
        |r| put(r, |b| b.truncate(b.len() - 8)),
        "bytes",
    ),
    ("an empty sum", |r| put(r, Vec::clear), "0 bytes"),
    (
        "a sum beyond its weight",
        |r| put(r, |b| b[..8].fill(0x7f)),
        "its weight allows",
    ),
    (
        "a sum of its negative bound",
        |r| put(r, |b| b[..8].copy_from_slice(&i64::MIN.to_le_bytes())),
        "its weight allows",
    ),
    (
        "a sum as an update",
        |r| r.update.codec = "raw".to_owned(),
        "raw",
    ),
    ("nothing of the shards", |r| r.shards = None, "0 shards"),
    ("a shard less", a_shard_less, "shards"),
    (
        "2^62 rows of each",
        |r| each(r, |one| one.rows = 1 << 62),
        "rows",
    ),
    (
        "a loss that is infinite",
        |r| each(r, |one| one.loss = f64::INFINITY),
        "loss is inf",
    ),
];

fn a_shard_less(reply: &mut TrainReply) {
    reply.shards.as_mut().and_then(Vec::pop);
}

fn each(reply: &mut TrainReply, change: fn(&mut ShardResult)) {
    reply.shards.iter_mut().flatten().for_each(change);
}

/// The coordinator has words for this lie, in the notices of the run and in the list of nodes.
fn must_be_named(outcome: &Outcome, liar: &Server, lie: &str, words: &str) {
    let reasons = outcome.reasons_of(liar.address());
    let named = reasons.iter().any(|reason| reason.contains(words));
    assert!(named, "{lie}: `{words}` is not in {reasons:?}");
    let failure = outcome.failure_of(liar.address());
    assert!(
        failure.contains(words),
        "{lie}: `{words}` is not in {failure:?}"
    );
}

/// All the liars at once, and one honest node that does the work of all.
fn among_liars(fault: &str, lies: &[(&str, Lie, &str)], shards: i32) {
    let plan = plan(2, shards);
    let calm = undisturbed(plan.clone());
    let honest = Program::node(&["0", "--slots", "1"]);
    let liars: Vec<Server> = lies
        .iter()
        .map(|&(_, lie, _)| Liar::telling(lie, &honest).serve())
        .collect();
    let mut addresses: Vec<SocketAddr> = liars.iter().map(Server::address).collect();
    addresses.push(honest.address);
    // A task may be told every lie before it comes to the honest node.
    let retries = lies.len().to_string();
    let party = Party::of(&addresses, &["--retries", &retries]);
    party.until_up(addresses.len());
    let outcome = party.run(plan);
    outcome.must_equal(&calm);
    for (liar, &(lie, _, words)) in liars.iter().zip(lies) {
        must_be_named(&outcome, liar, lie, words);
    }
    let (lies, told) = (lies.len(), outcome.retries);
    let measured = format!("{lies} lies told {told} times, 0 counted, same bits");
    figure(fault, "refused and named; rest as without it", measured);
}

#[test]
fn lies_about_a_shard_are_refused_and_named() {
    among_liars("nodes that lie about an update", &LIES, 64);
}

#[test]
fn lies_about_a_sum_are_refused_and_named() {
    among_liars("nodes that lie about a sum", &LIES_OF_SUMS, 400);
}

/// With the retries that programs have by default.
#[test]
fn one_liar_among_three_changes_nothing() {
    let plan = plan(2, 8);
    let calm = undisturbed(plan.clone());
    let honest = [Program::node(&["0"]), Program::node(&["0"])];
    let liar = Liar::telling(|reply| value(reply, f32::NAN), &honest[0]).serve();
    let party = Party::of(&[liar.address(), honest[0].address, honest[1].address], &[]);
    party.until_up(3);
    let outcome = party.run(plan);
    outcome.must_equal(&calm);
    must_be_named(&outcome, &liar, "NaN", "NaN");
}

/// Its heartbeats say that it is another one than it was greeted as: what it answers is that of its former self.
#[test]
fn what_a_former_self_answers_does_not_count() {
    let plan = plan(2, 8);
    let calm = undisturbed(plan.clone());
    let honest = Program::node(&["0"]);
    let former = Liar {
        aging: 1,
        ..Liar::telling(zeros, &honest)
    };
    let former = former.serve();
    let party = Party::of(
        &[former.address(), honest.address],
        &["--heartbeat", "50ms"],
    );
    party.until_up(2);
    let outcome = party.run(plan);
    outcome.must_equal(&calm);
    must_be_named(&outcome, &former, "an old incarnation", "restarted");
    let told = outcome.reasons_of(former.address()).len();
    figure(
        "a node whose heartbeats tell of another incarnation",
        "nothing it answers counts",
        format!("refused {told} ways, same bits"),
    );
}

/// What comes after the limit of its attempt is nobody's answer, however well it looks.
#[test]
fn what_comes_too_late_does_not_count() {
    let plan = plan(2, 8);
    let calm = undisturbed(plan.clone());
    let honest = Program::node(&["0"]);
    let lie: Lie = |reply| {
        zeros(reply);
        let _ = crossbeam_channel::never::<()>().recv_timeout(Duration::from_secs(3));
    };
    let late = Liar::telling(lie, &honest).serve();
    let party = Party::of(&[late.address(), honest.address], &["--task-limit", "1s"]);
    party.until_up(2);
    let outcome = party.run(plan);
    outcome.must_equal(&calm);
}
