//! What a round costs beyond its work: 4 nodes that do nothing, 1,000 parameters, real sockets.
//!
//! Prints rounds per second, and the time of a round as a multiple of one bare round trip of the same
//! bytes over loopback. `cargo bench --bench rounds -- [ROUNDS]`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use roundtable::app::coordinator::{Config, Coordinator, NodeList};
use roundtable::app::dial;
use roundtable::clock;
use roundtable::net::{Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::convert;
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::stubs::compute_node::*;
use roundtable::wire::stubs::coordinator::{Plan, TrainRequest as RunRequest};
use roundtable::wire::stubs::types::{
    Chunk, ChunkReply, ChunkRequest, DataRef, Fault, FaultCode, MissingReply, MissingRequest,
    Payload,
};

const NODES: usize = 4;
/// Bytes of the 1,000 parameters of `softmax:99-10`.
const UPDATE: usize = 4_000;

/// A node that answers every training with zeros.
struct Idle {
    incarnation: i64,
    update: Bytes,
}

fn unsupported<T>() -> Result<T, Fault> {
    Err(convert::fault(FaultCode::UNSUPPORTED, "not by this node"))
}

impl ComputeNodeHandler for Idle {
    fn hello(&self, _: HelloRequest) -> Result<HelloReply, Fault> {
        Ok(HelloReply {
            hello: convert::hello(),
            incarnation: self.incarnation,
            slots: Some(1),
            hosted: None,
            rows_per_second: None,
        })
    }

    fn heartbeat(&self, _: HeartbeatRequest) -> Result<HeartbeatReply, Fault> {
        Ok(HeartbeatReply {
            incarnation: self.incarnation,
            ..Default::default()
        })
    }

    fn train(&self, _: TrainRequest) -> Result<TrainReply, Fault> {
        let update = Payload {
            codec: convert::RAW.to_owned(),
            length: convert::count(self.update.len()),
            inline_data: Some(self.update.clone()),
            digest: None,
        };
        Ok(TrainReply {
            update,
            rows: 1,
            ..Default::default()
        })
    }

    fn evaluate(&self, _: EvaluateRequest) -> Result<EvaluateReply, Fault> {
        unsupported()
    }

    fn initialise(&self, _: InitialiseRequest) -> Result<InitialiseReply, Fault> {
        unsupported()
    }

    fn cancel(&self, _: CancelRequest) -> Result<CancelReply, Fault> {
        Ok(CancelReply { found: false })
    }

    fn missing(&self, _: MissingRequest) -> Result<MissingReply, Fault> {
        unsupported()
    }

    fn put_chunk(&self, _: Chunk) -> Result<ChunkReply, Fault> {
        unsupported()
    }

    fn get_chunk(&self, _: ChunkRequest) -> Result<Chunk, Fault> {
        unsupported()
    }
}

fn start_idle_node(number: i64) -> Server {
    let node = Arc::new(Idle {
        incarnation: number,
        update: Bytes::from(vec![0; UPDATE]),
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

/// Median of 2,000 round trips of an update's bytes over a bare socket.
fn bare_round_trip() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("a peer");
        peer.set_nodelay(true).expect("nodelay");
        let mut buffer = vec![0; UPDATE];
        while peer.read_exact(&mut buffer).is_ok() && peer.write_all(&buffer).is_ok() {}
    });
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("nodelay");
    let mut buffer = vec![0; UPDATE];
    let mut round_trip = || {
        let start = clock::now();
        stream.write_all(&buffer).expect("a write");
        stream.read_exact(&mut buffer).expect("a read");
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..2_000).map(|_| round_trip()).collect();
    times.sort();
    times[times.len() / 2]
}

fn plan(rounds: i32) -> Plan {
    Plan {
        model: Some("softmax:99-10".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=8,features=99,classes=10".to_owned(),
            partition: None,
            shards: Some(NODES as i32),
            seed: None,
            held_out: Some(0.0),
        }),
        rounds: Some(rounds),
        ..Plan::default()
    }
}

fn main() {
    // `cargo bench` passes `--bench` along.
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let rounds: i32 = asked.unwrap_or(20_000);
    let nodes: Vec<Server> = (1..=NODES as i64).map(start_idle_node).collect();
    let coordinator = Coordinator::start(Config {
        nodes: NodeList::Fixed(nodes.iter().map(|node| node.address().into()).collect()),
        ..Config::default()
    })
    .expect("a coordinator");
    let address = coordinator.address().into();
    let mut client = dial::coordinator(&address, Duration::from_secs(2)).expect("a connection");
    let deadline = clock::now() + Duration::from_secs(600);
    let mut train = |rounds: i32| -> Duration {
        let request = RunRequest { plan: plan(rounds) };
        let start: Instant = clock::now();
        let report = client.call("train", deadline, |client| client.train(&request));
        assert_eq!(report.expect("a report").rounds, Some(rounds));
        start.elapsed()
    };
    train(rounds / 10); // so that connections are open and buffers warm
    let before = bare_round_trip();
    let took = train(rounds);
    let bare = (before + bare_round_trip()) / 2;
    let a_round = took / rounds.unsigned_abs();
    println!(
        "{rounds} rounds, {NODES} nodes, 1,000 parameters: {:.0} rounds/s, {:.1} us a round, \
         {:.1} times a bare round trip of the same bytes ({:.1} us)",
        f64::from(rounds) / took.as_secs_f64(),
        a_round.as_secs_f64() * 1e6,
        a_round.as_secs_f64() / bare.as_secs_f64(),
        bare.as_secs_f64() * 1e6,
    );
}
