//! One filled message of every method, for tests on the wire.

pub mod dice;
pub mod node;

use std::collections::BTreeSet;

use bytes::Bytes;
use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::stubs::{compute_node, coordinator as central, types};
use roundtable::wire::value::write_struct;
use thrift::protocol::{TBinaryOutputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol};

/// Bytes with every value in them.
pub fn bytes() -> Bytes {
    (0..=255).collect()
}

pub fn text(text: &str) -> String {
    text.to_owned()
}

pub fn hello() -> types::Hello {
    types::Hello {
        protocol_major: 1,
        protocol_minor: 0,
        software: Some(text("roundtable/0.1.0")),
        abilities: Some(BTreeSet::from([text("blobs"), text("evaluate")])),
    }
}

pub fn layout() -> Vec<types::Tensor> {
    vec![
        types::Tensor {
            name: text("layers.0.weight"),
            dtype: types::DType::F32,
            shape: vec![64, 32],
        },
        types::Tensor {
            name: text("layers.0.bias"),
            dtype: types::DType(9),
            shape: vec![],
        },
    ]
}

pub fn payload() -> types::Payload {
    types::Payload {
        codec: text("raw"),
        length: 256,
        inline_data: Some(bytes()),
        digest: None,
        crc32: None,
    }
}

pub fn data() -> types::DataRef {
    types::DataRef {
        spec: text("builtin:digits"),
        partition: Some(text("dirichlet:alpha=0.3")),
        shards: Some(12),
        seed: Some(i64::MIN),
        held_out: Some(0.2),
        ..types::DataRef::default()
    }
}

pub fn shards() -> Vec<types::ShardRef> {
    let name = text("Zürich/データ");
    let shard = types::ShardRef {
        index: 3,
        name,
        digest: Some(bytes()),
        length: Some(1 << 40),
    };
    vec![shard, types::ShardRef::default()]
}

pub fn training() -> compute_node::Training {
    compute_node::Training {
        epochs: Some(15),
        learning_rate: 1e-4,
        objective: Some(text("cross-entropy:sum")),
        plateau: Some(f64::INFINITY),
        ..compute_node::Training::default()
    }
}

pub fn train_request() -> compute_node::TrainRequest {
    compute_node::TrainRequest {
        run: text("run-7"),
        round: 25,
        attempt: 9_007_199_254_740_993,
        model: text("mlp:16-20-26"),
        layout: layout(),
        parameters: payload(),
        data: data(),
        shards: shards(),
        training: training(),
        seed: -1,
        budget_ms: Some(30_000),
        may_refuse: Some(true),
        largest_update: None,
        fold: None,
        codec: None,
        correction: None,
        flip_labels: None,
    }
}

pub fn train_reply() -> compute_node::TrainReply {
    compute_node::TrainReply {
        update: payload(),
        rows: 1500,
        loss: 0.337,
        epochs: Some(15),
        seconds: None,
        shards: None,
    }
}

pub fn fault() -> types::Fault {
    types::Fault {
        code: types::FaultCode::INVALID,
        message: text("rounds is -1"),
        hint: Some(text("ask for 1 round or more")),
        retryable: Some(false),
        retry_after_ms: Some(-5),
        problems: Some(vec![types::Problem {
            field: text("plan.rounds"),
            message: text("must be 1 or more, is -1"),
        }]),
    }
}

pub fn round() -> central::RoundReport {
    central::RoundReport {
        round: 4,
        metrics: Some(types::Metrics {
            rows: 360,
            loss: 0.25,
            accuracy: Some(0.9375),
            ..types::Metrics::default()
        }),
        omitted: Some(vec![central::Omission {
            shard: text("3"),
            reason: text("timed out"),
        }]),
        digest: Some(bytes()),
        ..central::RoundReport::default()
    }
}

pub fn watch_reply() -> central::WatchReply {
    let status = central::RunStatus {
        run: text("run-7"),
        state: central::RunState::RUNNING,
        plan: Some(plan()),
        activity: Some(text("waiting for quorum: 1 of 3 nodes up")),
        last: Some(round()),
        ..central::RunStatus::default()
    };
    let event = central::Event {
        sequence: 1,
        kind: central::EventKind::ROUND,
        round: Some(round()),
        status: Some(status.clone()),
        message: None,
    };
    central::WatchReply {
        events: vec![event],
        status,
        nodes_up: Some(2),
        nodes_known: None,
    }
}

pub fn plan() -> central::Plan {
    central::Plan {
        model: Some(text("mlp:64-32-10")),
        data: Some(data()),
        rounds: Some(25),
        training: Some(training()),
        quorum: Some(0.5),
        layout: Some(layout()),
        parameters: Some(payload()),
        ..central::Plan::default()
    }
}

pub fn chunk() -> types::Chunk {
    types::Chunk {
        digest: bytes(),
        length: 300,
        offset: 44,
        data: bytes(),
        crc32: None,
    }
}

/// An answer to the first call of `method`.
pub fn answer(
    method: &str,
    kind: TMessageType,
    fields: impl FnOnce(&mut dyn TOutputProtocol) -> thrift::Result<()>,
) -> Vec<u8> {
    written(|output| {
        output.write_message_begin(&TMessageIdentifier::new(method, kind, 1))?;
        write_struct(output, fields)
    })
}

/// A protocol that writes to memory.
pub type Memory = TBinaryOutputProtocol<Vec<u8>>;

/// A protocol that writes to nothing yet.
pub fn memory() -> Memory {
    TBinaryOutputProtocol::new(Vec::new(), true)
}

/// What `write` writes.
pub fn written(write: impl FnOnce(&mut dyn TOutputProtocol) -> thrift::Result<()>) -> Vec<u8> {
    let mut memory = memory();
    write(&mut memory).unwrap();
    memory.transport
}

/// The reading end of a client that only sends.
pub type NoInput = BinaryInput<&'static [u8]>;

/// The reading end of a client that only sends.
pub fn no_input() -> NoInput {
    BinaryInput::new(&[], Limits::default())
}

/// A call of every method of `ComputeNode`.
pub fn node_calls() -> Vec<Vec<u8>> {
    type Client = compute_node::ComputeNodeClient<NoInput, Memory>;
    let all = train_request();
    let evaluate = compute_node::EvaluateRequest {
        layout: all.layout.clone(),
        parameters: all.parameters.clone(),
        shards: all.shards.clone(),
        ..compute_node::EvaluateRequest::default()
    };
    let call = |send: &dyn Fn(&mut Client)| {
        let mut client = Client::new(no_input(), memory());
        send(&mut client);
        client.channel().output().transport.clone()
    };
    let cancel = compute_node::CancelRequest {
        attempt: 3,
        reason: Some(text("late")),
    };
    let initialise = compute_node::InitialiseRequest {
        model: text("cnn"),
        seed: 7,
    };
    let missing = types::MissingRequest {
        digests: vec![bytes(), Bytes::new()],
    };
    let get = types::ChunkRequest {
        digest: bytes(),
        offset: 5,
        size: 524_288,
    };
    vec![
        call(&|client| drop(client.send_hello(&compute_node::HelloRequest { hello: hello() }))),
        call(&|client| drop(client.send_heartbeat(&compute_node::HeartbeatRequest {}))),
        call(&|client| drop(client.send_train(&all))),
        call(&|client| drop(client.send_evaluate(&evaluate))),
        call(&|client| drop(client.send_initialise(&initialise))),
        call(&|client| drop(client.send_cancel(&cancel))),
        call(&|client| drop(client.send_missing(&missing))),
        call(&|client| drop(client.send_put_chunk(&chunk()))),
        call(&|client| drop(client.send_get_chunk(&get))),
    ]
}

/// A call of every method of `Coordinator`.
pub fn coordinator_calls() -> Vec<Vec<u8>> {
    type Client = central::CoordinatorClient<NoInput, Memory>;
    let call = |send: &dyn Fn(&mut Client)| {
        let mut client = Client::new(no_input(), memory());
        send(&mut client);
        client.channel().output().transport.clone()
    };
    let run = || text("run-7");
    let submit = central::SubmitRequest {
        key: text("a key"),
        plan: plan(),
    };
    let watch = central::WatchRequest {
        run: run(),
        after: Some(3),
        max_wait_ms: Some(0),
    };
    let get = types::ChunkRequest {
        digest: bytes(),
        offset: 5,
        size: 524_288,
    };
    let join = central::JoinRequest {
        address: text("127.0.0.1:1"),
    };
    let leave = central::LeaveRequest {
        address: text("127.0.0.1:1"),
    };
    vec![
        call(&|client| drop(client.send_hello(&central::HelloRequest { hello: hello() }))),
        call(&|client| drop(client.send_train(&central::TrainRequest { plan: plan() }))),
        call(&|client| drop(client.send_submit(&submit))),
        call(&|client| drop(client.send_status(&central::StatusRequest { run: run() }))),
        call(&|client| drop(client.send_watch(&watch))),
        call(&|client| drop(client.send_cancel(&central::CancelRequest { run: run() }))),
        call(&|client| drop(client.send_resume(&central::ResumeRequest { run: run() }))),
        call(&|client| drop(client.send_runs(&central::RunsRequest { limit: Some(5) }))),
        call(&|client| drop(client.send_nodes(&central::NodesRequest {}))),
        call(&|client| {
            drop(client.send_model(&central::ModelRequest {
                run: run(),
                ..Default::default()
            }))
        }),
        call(&|client| drop(client.send_get_chunk(&get))),
        call(&|client| drop(client.send_join(&join))),
        call(&|client| drop(client.send_leave(&leave))),
    ]
}
