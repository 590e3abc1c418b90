//! Calls of both services, through the server's own path: wrapping, limits, processors, and the checks
//! of what they carry.
//!
//! A connection is served on this thread over a pair of sockets. No call panics or runs out of time, and
//! whatever goes back is whole messages.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use roundtable::app::node::Blobs;
use roundtable::ml::data::Standard;
use roundtable::net::{
    Address, Counts, Limits, Peer, ReplyWriter, RequestReader, Service, serve_one,
};
use roundtable::seed::Seed;
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::stubs::compute_node::{
    self as node, ComputeNodeHandler, ComputeNodeProcessor,
};
use roundtable::wire::stubs::coordinator::{
    self as central, CoordinatorClient, CoordinatorHandler, CoordinatorProcessor,
};
use roundtable::wire::stubs::types::{self, Fault, FaultCode};
use roundtable::wire::{convert, request};
use thrift::protocol::{TBinaryOutputProtocol, TInputProtocol, TMessageType, TType};
use thrift::server::TProcessor;

use super::{Target, plan};
use crate::{round_trip, samples};

pub const NODE: Target = Target {
    name: "node-calls",
    run: |bytes| serve(bytes, || ComputeNodeProcessor::new(Node::default())),
    longest: 4096,
    memory: |length| MEMORY + 160 * length,
    seeds: || seeds(samples::node_calls()),
    words: WORDS,
};

pub const COORDINATOR: Target = Target {
    name: "coordinator-calls",
    run: |bytes| serve(bytes, || CoordinatorProcessor::new(Coordinator)),
    longest: 4096,
    memory: |length| MEMORY + 160 * length,
    seeds: || seeds(coordinator_calls()),
    words: WORDS,
};

/// A step of a binary that was announced; the buffers of both directions; models without values.
const MEMORY: usize = (1 << 20) + (384 << 10);
/// Calls that are served of one connection. What goes back must fit into the socket's buffer, because
/// nobody reads meanwhile.
const CALLS: u32 = 32;

const WORDS: &[&[u8]] = &[
    b"\x80\x01\0\x01\0\0\0\x05train\0\0\0\x01\x0c\0\x01",
    b"\x80\x01\0\x01\0\0\0\x05hello",
    b"\0\0\0\x40\x80\x01\0\x01",
    b"\x0c\0\x01",
    b"\x0b\0\x01\0\0\0",
    b"\x0f\0\x05\x0c\0\0\0\x01",
    b"\x0e\0\x04\x0b\0\0\0\x02",
    b"\x0d\0\x07\x0b\x0b\0\0\0\x01",
    b"\x10\0\x01",
    b"mlp:64-32-10",
    b"softmax:3-2",
    b"private:",
    b"ship:",
    b"builtin:digits",
    b"top-k:share=0.1",
    b"raw",
];

/// Serves one connection that says `bytes` and no more.
fn serve<P: TProcessor + Send + Sync + 'static>(
    bytes: &[u8],
    processor: impl Fn() -> P + Send + Sync + 'static,
) -> bool {
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    ours.write_all(bytes).expect("it fits into the buffer");
    ours.shutdown(Shutdown::Write).expect("the end can be said");
    let stream = TcpStream::from(OwnedFd::from(theirs));
    let peer = SocketAddr::from(([127, 0, 0, 1], 5106));
    let counts = serve_one(stream, peer, Limits::default(), &service(processor));
    assert_eq!((counts.panicked, counts.timed_out), (0, 0), "{counts:?}");
    assert_eq!((counts.accepted, counts.open), (1, 0), "{counts:?}");
    let mut answers = Vec::new();
    ours.read_to_end(&mut answers).expect("what was written");
    check_answers(&answers, &counts);
    counts.calls > 0 && counts.malformed == 0
}

fn service<P: TProcessor + Send + Sync + 'static>(
    processor: impl Fn() -> P + Send + Sync + 'static,
) -> impl Service {
    move |_: Peer| {
        let processor = processor();
        let mut calls = 0;
        move |request: &mut RequestReader, reply: &mut ReplyWriter| {
            calls += 1;
            if calls > CALLS {
                return Err(thrift::Error::User("enough".into()));
            }
            let mut input = BinaryInput::new(request, protocol::Limits::default());
            let mut output = TBinaryOutputProtocol::new(reply, true);
            processor.process(&mut input, &mut output)
        }
    }
}

/// Checks that the answers are whole messages, wrapped as they are, and no more than the calls and a
/// last refusal.
fn check_answers(mut rest: &[u8], counts: &Counts) {
    let mut answers = 0;
    while let Some(&first) = rest.first() {
        let frame = match first {
            0x80 => None,
            _ => {
                let (length, behind) = rest.split_first_chunk().expect("a frame's length");
                rest = behind;
                Some(behind.len() - u32::from_be_bytes(*length) as usize)
            }
        };
        let mut input = BinaryInput::new(&mut rest, protocol::Limits::default());
        let header = input.read_message_begin().expect("a message's header");
        assert!(matches!(
            header.message_type,
            TMessageType::Reply | TMessageType::Exception
        ));
        input.skip(TType::Struct).expect("a whole message");
        assert!(
            frame.is_none_or(|left| left == rest.len()),
            "a frame holds one message"
        );
        answers += 1;
    }
    assert!(answers <= counts.calls + 1, "{answers} answers: {counts:?}");
}

fn refused() -> Fault {
    convert::fault(FaultCode::REFUSED, "no")
}

/// Checks everything a node checks, and trains nothing.
struct Node(Mutex<Blobs>);

impl Default for Node {
    fn default() -> Node {
        Node(Mutex::new(Blobs::new(1 << 20)))
    }
}

type Answer<T> = Result<T, Fault>;

impl ComputeNodeHandler for Node {
    fn hello(&self, request: node::HelloRequest) -> Answer<node::HelloReply> {
        round_trip::check(&request);
        convert::check_hello(&request.hello).map_err(|_| refused())?;
        Ok(node::HelloReply {
            hello: request.hello,
            ..node::HelloReply::default()
        })
    }

    fn heartbeat(&self, _: node::HeartbeatRequest) -> Answer<node::HeartbeatReply> {
        Ok(node::HeartbeatReply::default())
    }

    fn train(&self, request: node::TrainRequest) -> Answer<node::TrainReply> {
        round_trip::check(&request);
        let model = request::model(&request.model)?;
        let dtype = model.layout().dtype();
        let length = request::parameters(&*model, &request.layout, &request.parameters)?;
        assert_eq!(length, model.layout().byte_length());
        let shards = request::shards(&request.shards)?;
        assert_eq!(shards.len(), request.shards.len());
        request::training(&request.training)?;
        if let Some((scale, _)) = request::fold(&request, dtype)? {
            assert!(scale.check(&[]).is_ok());
        }
        request::codec(&request, dtype)?;
        request::place(&request.data, Seed(request.seed.cast_unsigned()))?;
        assert_eq!(request::key(&request), request::key(&request.clone()));
        Ok(node::TrainReply::default())
    }

    fn evaluate(&self, request: node::EvaluateRequest) -> Answer<node::EvaluateReply> {
        round_trip::check(&request);
        let model = request::model(&request.model)?;
        request::parameters(&*model, &request.layout, &request.parameters)?;
        request::shards(&request.shards)?;
        request::place(&request.data, Seed(request.seed.cast_unsigned()))?;
        Ok(node::EvaluateReply::default())
    }

    fn describe(&self, request: node::DescribeRequest) -> Answer<node::DescribeReply> {
        round_trip::check(&request);
        request::shards(&request.shards)?;
        if let Some(bytes) = &request.data.standard {
            let _ = Standard::from_bytes(bytes);
        }
        Ok(node::DescribeReply::default())
    }

    fn initialise(&self, request: node::InitialiseRequest) -> Answer<node::InitialiseReply> {
        round_trip::check(&request);
        let model = request::model(&request.model)?;
        Ok(node::InitialiseReply {
            layout: convert::tensors(model.layout()),
            ..node::InitialiseReply::default()
        })
    }

    fn cancel(&self, request: node::CancelRequest) -> Answer<node::CancelReply> {
        round_trip::check(&request);
        Ok(node::CancelReply::default())
    }

    fn missing(&self, request: types::MissingRequest) -> Answer<types::MissingReply> {
        round_trip::check(&request);
        let blobs = self.0.lock().unwrap();
        let lacking = request.digests.into_iter().filter(|name| !blobs.has(name));
        // Few, so that they fit into the socket.
        let missing = lacking.take(8).map(|name| name.slice(..name.len().min(32)));
        Ok(types::MissingReply {
            missing: missing.collect(),
        })
    }

    fn put_chunk(&self, chunk: types::Chunk) -> Answer<types::ChunkReply> {
        round_trip::check(&chunk);
        let announced = chunk.length;
        let reply = self.0.lock().unwrap().put(&chunk)?;
        assert!(
            (0..=announced).contains(&reply.have) || reply.have <= 1 << 20,
            "{reply:?}"
        );
        Ok(reply)
    }

    fn get_chunk(&self, request: types::ChunkRequest) -> Answer<types::Chunk> {
        round_trip::check(&request);
        let mut chunk = self.0.lock().unwrap().chunk(&request)?;
        assert!(chunk.data.len() <= request.size.unsigned_abs() as usize);
        chunk.data.truncate(64);
        Ok(chunk)
    }
}

/// Checks what a coordinator checks before its core hears of it.
struct Coordinator;

impl CoordinatorHandler for Coordinator {
    fn hello(&self, request: central::HelloRequest) -> Answer<central::HelloReply> {
        round_trip::check(&request);
        convert::check_hello(&request.hello).map_err(|_| refused())?;
        Ok(central::HelloReply::default())
    }

    fn train(&self, request: central::TrainRequest) -> Answer<central::Report> {
        round_trip::check(&request);
        plan::accepts(&request.plan)
            .then(central::Report::default)
            .ok_or_else(refused)
    }

    fn submit(&self, request: central::SubmitRequest) -> Answer<central::SubmitReply> {
        round_trip::check(&request);
        plan::accepts(&request.plan)
            .then(central::SubmitReply::default)
            .ok_or_else(refused)
    }

    fn status(&self, request: central::StatusRequest) -> Answer<central::RunStatus> {
        round_trip::check(&request);
        Ok(central::RunStatus::default())
    }

    fn watch(&self, request: central::WatchRequest) -> Answer<central::WatchReply> {
        round_trip::check(&request);
        Ok(samples::watch_reply())
    }

    fn cancel(&self, request: central::CancelRequest) -> Answer<central::RunStatus> {
        round_trip::check(&request);
        Err(refused())
    }

    fn resume(&self, request: central::ResumeRequest) -> Answer<central::RunStatus> {
        round_trip::check(&request);
        Err(samples::fault())
    }

    fn runs(&self, request: central::RunsRequest) -> Answer<central::RunsReply> {
        round_trip::check(&request);
        Ok(central::RunsReply::default())
    }

    fn nodes(&self, request: central::NodesRequest) -> Answer<central::NodesReply> {
        round_trip::check(&request);
        Ok(central::NodesReply::default())
    }

    fn describe(&self, request: central::DescribeRequest) -> Answer<central::DescribeReply> {
        round_trip::check(&request);
        Ok(central::DescribeReply::default())
    }

    fn model(&self, request: central::ModelRequest) -> Answer<central::ModelReply> {
        round_trip::check(&request);
        Ok(central::ModelReply::default())
    }

    fn get_chunk(&self, request: types::ChunkRequest) -> Answer<types::Chunk> {
        round_trip::check(&request);
        Err(refused())
    }

    fn join(&self, request: central::JoinRequest) -> Answer<central::JoinReply> {
        round_trip::check(&request);
        let address: Address = request.address.parse().map_err(|_| refused())?;
        assert_eq!(address.to_string().parse(), Ok(address));
        Ok(central::JoinReply::default())
    }

    fn leave(&self, request: central::LeaveRequest) -> Answer<central::LeaveReply> {
        round_trip::check(&request);
        Ok(central::LeaveReply {})
    }
}

/// Calls as they are, in frames, and one after the other.
fn seeds(calls: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let framed = |call: &Vec<u8>| [&(call.len() as u32).to_be_bytes()[..], call].concat();
    let mut seeds: Vec<Vec<u8>> = calls.iter().take(4).map(framed).collect();
    seeds.push([framed(&calls[1]), framed(&calls[0])].concat());
    seeds.push([&calls[1][..], &calls[0]].concat());
    seeds.push(b"\x80\x01\0\x01\0\0\0\x07unknown\0\0\0\x01\x0c\0\x01\0\0".to_vec());
    seeds.push(b"\x80\x01\0\x04\0\0\0\x05hello\0\0\0\x01\x0c\0\x01\0\0".to_vec());
    seeds.extend(calls);
    seeds.extend(trainings());
    seeds.retain(|seed| seed.len() <= 4096);
    seeds
}

/// Requests that a node finds nothing wrong with.
fn trainings() -> Vec<Vec<u8>> {
    let model = request::model("softmax:3-2").unwrap();
    let start = model.initial(Seed(1)).to_bytes();
    let one = node::TrainRequest {
        run: "run".to_owned(),
        model: "softmax:3-2".to_owned(),
        layout: convert::tensors(model.layout()),
        parameters: convert::inline("raw", &start),
        data: types::DataRef {
            spec: "synthetic:rows=10,features=3,classes=2".to_owned(),
            shards: Some(2),
            ..types::DataRef::default()
        },
        shards: vec![types::ShardRef::default()],
        training: node::Training {
            learning_rate: 0.1,
            ..node::Training::default()
        },
        ..node::TrainRequest::default()
    };
    let mut two = one.clone();
    two.shards = vec![types::ShardRef::default(); 2];
    two.fold = Some(node::Fold {
        bits: 30,
        by_rows: true,
    });
    two.largest_update = Some(1024.0);
    two.codec = Some("int8".to_owned());
    let mut private = one.clone();
    private.data.spec = "private:".to_owned();
    private.codec = Some("top-k:share=0.5".to_owned());
    let call = |request: &node::TrainRequest| {
        let mut client = node::ComputeNodeClient::new(samples::no_input(), samples::memory());
        client.send_train(request).unwrap();
        client.channel().output().transport.clone()
    };
    [one, two, private].iter().map(call).collect()
}

/// A call of every method of the coordinator.
fn coordinator_calls() -> Vec<Vec<u8>> {
    type Client = CoordinatorClient<samples::NoInput, samples::Memory>;
    let call = |send: &dyn Fn(&mut Client)| {
        let mut client = Client::new(samples::no_input(), samples::memory());
        send(&mut client);
        client.channel().output().transport.clone()
    };
    let run = || "0a1b2c3d4e".to_owned();
    let hello = central::HelloRequest {
        hello: samples::hello(),
    };
    let watch = central::WatchRequest {
        run: run(),
        after: Some(3),
        max_wait_ms: Some(1000),
    };
    let chunk = types::ChunkRequest {
        digest: samples::bytes(),
        offset: 5,
        size: 524_288,
    };
    let address = || "10.0.0.7:5106".to_owned();
    let mut calls = vec![
        call(&|client| drop(client.send_hello(&hello))),
        call(&|client| drop(client.send_status(&central::StatusRequest { run: run() }))),
        call(&|client| drop(client.send_watch(&watch))),
        call(&|client| drop(client.send_cancel(&central::CancelRequest { run: run() }))),
        call(&|client| drop(client.send_resume(&central::ResumeRequest { run: run() }))),
        call(&|client| drop(client.send_runs(&central::RunsRequest { limit: Some(10) }))),
        call(&|client| drop(client.send_nodes(&central::NodesRequest {}))),
        call(&|client| {
            drop(client.send_model(&central::ModelRequest {
                run: run(),
                ..Default::default()
            }))
        }),
        call(&|client| drop(client.send_get_chunk(&chunk))),
        call(&|client| drop(client.send_join(&central::JoinRequest { address: address() }))),
        call(&|client| drop(client.send_leave(&central::LeaveRequest { address: address() }))),
    ];
    for plan in plan::plans() {
        let train = central::TrainRequest { plan: plan.clone() };
        calls.push(call(&|client| drop(client.send_train(&train))));
        let submit = central::SubmitRequest { key: run(), plan };
        calls.push(call(&|client| drop(client.send_submit(&submit))));
    }
    calls
}
