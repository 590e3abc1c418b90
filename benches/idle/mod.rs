//! Nodes that do nothing, for benchmarks of everything else: they take parameters and answer with zeros.

#![allow(dead_code)] // each benchmark uses its own part

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use roundtable::app::coordinator::{Config, Coordinator, NodeList};
use roundtable::app::dial;
use roundtable::app::node::Blobs;
use roundtable::clock;
use roundtable::net::{Address, Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::convert;
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::stubs::compute_node::*;
use roundtable::wire::stubs::coordinator::{Plan, Report, TrainRequest as RunRequest};
use roundtable::wire::stubs::types::{
    Chunk, ChunkReply, ChunkRequest, DataRef, Fault, FaultCode, MissingReply, MissingRequest,
};

/// A node that answers every training with zeros; the blobs are those of a real node.
struct Idle {
    incarnation: i64,
    update: Bytes,
    blobs: Mutex<Blobs>,
}

/// Name of the blob of zeros.
const NAME: Bytes = Bytes::from_static(&[7; 32]);

fn unsupported<T>() -> Result<T, Fault> {
    Err(convert::fault(FaultCode::UNSUPPORTED, "not by this node"))
}

impl Idle {
    fn blobs(&self) -> std::sync::MutexGuard<'_, Blobs> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ComputeNodeHandler for Idle {
    fn hello(&self, _: HelloRequest) -> Result<HelloReply, Fault> {
        Ok(HelloReply {
            hello: convert::hello(),
            incarnation: self.incarnation,
            slots: Some(1),
            ..HelloReply::default()
        })
    }

    fn heartbeat(&self, _: HeartbeatRequest) -> Result<HeartbeatReply, Fault> {
        Ok(HeartbeatReply {
            incarnation: self.incarnation,
            ..Default::default()
        })
    }

    fn train(&self, _: TrainRequest) -> Result<TrainReply, Fault> {
        let update = convert::payload(convert::RAW, &self.update, &NAME);
        if update.digest.is_some() {
            self.blobs().keep(NAME, self.update.clone().into());
        }
        Ok(TrainReply {
            update,
            rows: 1,
            ..Default::default()
        })
    }

    fn evaluate(&self, _: EvaluateRequest) -> Result<EvaluateReply, Fault> {
        unsupported()
    }

    fn describe(&self, _: DescribeRequest) -> Result<DescribeReply, Fault> {
        unsupported()
    }

    fn initialise(&self, _: InitialiseRequest) -> Result<InitialiseReply, Fault> {
        unsupported()
    }

    fn cancel(&self, _: CancelRequest) -> Result<CancelReply, Fault> {
        Ok(CancelReply { found: false })
    }

    fn missing(&self, request: MissingRequest) -> Result<MissingReply, Fault> {
        let blobs = self.blobs();
        let lacking = request.digests.into_iter().filter(|name| !blobs.has(name));
        Ok(MissingReply {
            missing: lacking.collect(),
        })
    }

    fn put_chunk(&self, chunk: Chunk) -> Result<ChunkReply, Fault> {
        self.blobs().put(&chunk)
    }

    fn get_chunk(&self, request: ChunkRequest) -> Result<Chunk, Fault> {
        self.blobs().chunk(&request)
    }
}

/// Starts a node whose updates have so many values.
pub fn start(number: i64, values: usize) -> Server {
    let node = Arc::new(Idle {
        incarnation: number,
        update: Bytes::from(vec![0; values * 4]),
        blobs: Mutex::new(Blobs::new(values * 16)),
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
    Server::start(listener, Limits::default(), service).expect("a server")
}

/// A coordinator of these nodes.
pub fn coordinate(nodes: &[Server]) -> Coordinator {
    Coordinator::start(Config {
        nodes: NodeList::Fixed(nodes.iter().map(|node| node.address().into()).collect()),
        ..Config::default()
    })
    .expect("a coordinator")
}

/// Runs so many rounds of softmax regression with `shape` inputs and outputs, over one row a shard; how long
/// it took.
pub fn run(address: &Address, rounds: i32, shape: [usize; 2], shards: usize) -> Duration {
    let [inputs, outputs] = shape;
    let mut client = dial::coordinator(address, Duration::from_secs(2)).expect("a connection");
    let deadline = clock::now() + Duration::from_secs(600);
    let plan = Plan {
        model: Some(format!("softmax:{inputs}-{outputs}")),
        data: Some(DataRef {
            spec: format!("synthetic:rows={shards},features={inputs},classes=2"),
            partition: None,
            shards: Some(i32::try_from(shards).expect("few shards")),
            seed: None,
            held_out: Some(0.0),
            ..DataRef::default()
        }),
        rounds: Some(rounds),
        ..Plan::default()
    };
    let request = RunRequest { plan };
    let start = clock::now();
    let report = client.call("train", deadline, |client| client.train(&request));
    let report: Report = report.expect("a report");
    assert_eq!(report.rounds, Some(rounds));
    start.elapsed()
}
