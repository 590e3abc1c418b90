//! Nodes that do one thing wrong: what is asked of them is passed on to one of ours, and the answer spoilt.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::never;
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use roundtable::app::dial::{self, CallFailed};
use roundtable::app::node::{self, Node};
use roundtable::clock;
use roundtable::net::{Address, Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::convert::{self, RAW};
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::*;
use roundtable::wire::stubs::types::{
    self, Chunk, ChunkReply, ChunkRequest, FaultCode, MissingReply, MissingRequest,
};

use super::programs::PATIENCE;

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The last value of an update is missing.
    ShortUpdate,
    /// The first value of an update is NaN.
    NotANumber,
    /// Its update is the new parameters, not the difference.
    NewParameters,
    /// It tells of no rows.
    NoRows,
    /// Its updates depend on more than the request.
    OwnChance,
    /// It trains from the first parameters it ever got.
    OwnParameters,
    /// It takes every model for the one it knows.
    AnyModel,
    /// All its faults are INTERNAL.
    InternalFaults,
    /// Heartbeats wait behind training.
    Blocked,
    /// It says that it calls off, and trains on.
    Deaf,
    /// It finds every attempt that is called off.
    FindsAll,
    /// More rows are correct than there are.
    TooGood,
    /// Every heartbeat has another incarnation.
    NewIncarnations,
    /// It names momentum and leaves it out.
    IgnoresMomentum,
    /// It describes more rows than there are.
    CountsTwice,
    /// It names `describe` and takes rows as they are.
    IgnoresStandard,
    /// It takes damaged chunks.
    Gullible,
    /// Trainings are not answered.
    Hangs,
}

/// A node that does one thing wrong, while this lives.
pub struct Broken {
    server: Server,
    _behind: Node,
}

impl Broken {
    /// Starts one before a node that does all right.
    pub fn start(fault: Fault) -> Broken {
        let behind = Node::start(node::Config::default()).expect("a node");
        let node = Arc::new(Spoiler {
            fault,
            behind: behind.address().into(),
            training: Mutex::new(()),
            first: Mutex::new(None),
            count: Mutex::new(0),
            under_way: Mutex::default(),
        });
        let service = move |_: Peer| {
            let processor = ComputeNodeProcessor::new(node.clone());
            move |request: &mut RequestReader, reply: &mut ReplyWriter| {
                let mut input = BinaryInput::new(request, protocol::Limits::default());
                let mut output = TBinaryOutputProtocol::new(reply, true);
                processor.process(&mut input, &mut output)
            }
        };
        let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        Broken {
            server: Server::start(listener, Limits::default(), service).expect("a server"),
            _behind: behind,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

struct Spoiler {
    fault: Fault,
    behind: Address,
    training: Mutex<()>,
    first: Mutex<Option<types::Payload>>,
    count: Mutex<i64>,
    under_way: Mutex<BTreeSet<i64>>,
}

impl Spoiler {
    fn pass_on<T>(
        &self,
        call: impl FnOnce(&mut dial::Node) -> Result<T, CallError>,
    ) -> Result<T, types::Fault> {
        let mut node = dial::node(&self.behind, PATIENCE).expect("the node behind");
        let answer = node.call("passing on", clock::now() + PATIENCE, call);
        answer.map_err(|failed| match failed {
            CallFailed::Fault(fault) if self.fault == Fault::InternalFaults => {
                convert::fault(FaultCode::INTERNAL, fault.message)
            }
            CallFailed::Fault(fault) => fault,
            other => convert::fault(FaultCode::INTERNAL, other.to_string()),
        })
    }

    /// One more than last time.
    fn next(&self) -> i64 {
        let mut count = self.count.lock().expect("no panics");
        *count += 1;
        *count
    }

    /// What is passed on of a request.
    fn asked(&self, mut request: TrainRequest) -> TrainRequest {
        match self.fault {
            Fault::AnyModel => request.model = "mlp:64-32-10".to_owned(),
            Fault::IgnoresMomentum => request.training.momentum = None,
            Fault::IgnoresStandard => request.data.standard = None,
            Fault::OwnParameters => {
                let mut first = self.first.lock().expect("no panics");
                let given = &request.parameters;
                let usual = given.inline_data.as_ref().is_some_and(|b| b.len() == 9640);
                if usual && given.codec == RAW {
                    request.parameters = first.get_or_insert(given.clone()).clone();
                }
            }
            _ => {}
        }
        request
    }

    fn spoil(&self, reply: &mut TrainReply, old: Option<&Bytes>) {
        let Some(bytes) = reply.update.inline_data.take() else {
            return;
        };
        let mut bytes = bytes.to_vec();
        match self.fault {
            Fault::ShortUpdate => bytes.truncate(bytes.len() - 4),
            Fault::NotANumber => bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            Fault::OwnChance => {
                bytes[..4].copy_from_slice(&(self.next() as f32 * 1e-6).to_le_bytes())
            }
            Fault::NewParameters => {
                if let Some(old) = old {
                    let value =
                        |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                    let sums = bytes
                        .chunks(4)
                        .zip(old.chunks(4))
                        .map(|(a, b)| value(a) + value(b));
                    bytes = sums.flat_map(f32::to_le_bytes).collect();
                }
            }
            Fault::NoRows => reply.rows = 0,
            _ => {}
        }
        reply.update = convert::inline(&reply.update.codec, &bytes.into());
    }
}

impl ComputeNodeHandler for Spoiler {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, types::Fault> {
        self.pass_on(|node| node.hello(&request))
    }

    fn heartbeat(&self, request: HeartbeatRequest) -> Result<HeartbeatReply, types::Fault> {
        let _waits = (self.fault == Fault::Blocked).then(|| self.training.lock());
        let mut reply = self.pass_on(|node| node.heartbeat(&request))?;
        if self.fault == Fault::NewIncarnations {
            reply.incarnation += self.next();
        }
        Ok(reply)
    }

    fn train(&self, request: TrainRequest) -> Result<TrainReply, types::Fault> {
        let _busy = (self.fault == Fault::Blocked).then(|| self.training.lock());
        if self.fault == Fault::Hangs {
            // Longer than anybody waits for it.
            let _ = never::<()>().recv_timeout(Duration::from_secs(3));
        }
        let old = request.parameters.inline_data.clone();
        let request = self.asked(request);
        let attempt = request.attempt;
        self.under_way.lock().expect("no panics").insert(attempt);
        let reply = self.pass_on(|node| node.train(&request));
        self.under_way.lock().expect("no panics").remove(&attempt);
        let mut reply = reply?;
        self.spoil(&mut reply, old.as_ref());
        Ok(reply)
    }

    fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluateReply, types::Fault> {
        let mut reply = self.pass_on(|node| node.evaluate(&request))?;
        if self.fault == Fault::TooGood {
            reply.metrics.correct = Some(reply.metrics.rows + 1);
        }
        Ok(reply)
    }

    fn describe(&self, request: DescribeRequest) -> Result<DescribeReply, types::Fault> {
        let mut reply = self.pass_on(|node| node.describe(&request))?;
        if self.fault == Fault::CountsTwice {
            reply.rows *= 2;
        }
        Ok(reply)
    }

    fn initialise(&self, request: InitialiseRequest) -> Result<InitialiseReply, types::Fault> {
        self.pass_on(|node| node.initialise(&request))
    }

    fn cancel(&self, request: CancelRequest) -> Result<CancelReply, types::Fault> {
        let found = match self.fault {
            Fault::FindsAll => true,
            Fault::Deaf => self
                .under_way
                .lock()
                .expect("no panics")
                .contains(&request.attempt),
            _ => return self.pass_on(|node| node.cancel(&request)),
        };
        if self.fault == Fault::FindsAll {
            self.pass_on(|node| node.cancel(&request))?;
        }
        Ok(CancelReply { found })
    }

    fn missing(&self, request: MissingRequest) -> Result<MissingReply, types::Fault> {
        self.pass_on(|node| node.missing(&request))
    }

    fn put_chunk(&self, mut chunk: Chunk) -> Result<ChunkReply, types::Fault> {
        if self.fault == Fault::Gullible && !convert::is_intact(&chunk.data, chunk.crc32) {
            chunk.crc32 = Some(convert::checksum(&chunk.data));
        }
        self.pass_on(|node| node.put_chunk(&chunk))
    }

    fn get_chunk(&self, request: ChunkRequest) -> Result<Chunk, types::Fault> {
        self.pass_on(|node| node.get_chunk(&request))
    }
}
