//! Replies of both services, as clients and coordinators read them: what is read is written the same, and
//! the checks behind it take anything.

use std::fmt::Display;
use std::io::{self, Sink};

use roundtable::cluster::Greeting;
use roundtable::wire::convert::foreign;
use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{self as node, ComputeNodeClient};
use roundtable::wire::stubs::coordinator::{self as central, CoordinatorClient};
use roundtable::wire::stubs::types;
use roundtable::wire::value::{Value, write_field};
use thrift::protocol::{TBinaryOutputProtocol, TMessageType};

use super::Target;
use crate::{round_trip, samples};

pub const TARGET: Target = Target {
    name: "replies",
    run,
    longest: 4096,
    // A step of a binary that was announced. The smallest event takes 13 bytes on the wire and 568 in memory.
    memory: |length| (1 << 20) + (64 << 10) + 256 * length,
    seeds,
    words: &[
        b"\x80\x01\0\x02\0\0\0\x05train\0\0\0\x01",
        b"\x0c\0\0",
        b"\x0c\0\x01",
        b"\x0f\0\x01\x0c\0\0\0\x02",
        b"\x0b\0\x01\0\0\0\x02",
        b"\x08\0\x02\0\0\0\x01",
        b"\x0a\0\x02",
        b"\x04\0\x03\x7f\xf8\0\0\0\0\0\0",
        b"\0",
    ],
};

type Input<'a> = BinaryInput<&'a [u8]>;
type Node<'a> = ComputeNodeClient<Input<'a>, TBinaryOutputProtocol<Sink>>;
type Central<'a> = CoordinatorClient<Input<'a>, TBinaryOutputProtocol<Sink>>;

/// The first byte says which method was called; the rest is the answer.
fn run(bytes: &[u8]) -> bool {
    let Some((&method, bytes)) = bytes.split_first() else {
        return false;
    };
    let input = BinaryInput::new(bytes, Limits::default());
    let output = TBinaryOutputProtocol::new(io::sink(), true);
    match method % 22 {
        method @ ..9 => of_node(method, &mut Node::new(input, output)),
        method => of_coordinator(method - 9, &mut Central::new(input, output)),
    }
}

fn of_node(method: u8, client: &mut Node) -> bool {
    match method {
        0 => read(client.hello(&node::HelloRequest::default()), |reply| {
            let odd = |shard: &node::HostedShard| !(1..=1 << 40).contains(&shard.rows);
            let strange = foreign::hosted(reply).iter().any(odd);
            let is_good = |greeting: Greeting| (1..=1024).contains(&greeting.slots) && !strange;
            assert!(
                foreign::greeting(reply).map_or(strange, is_good)
                    || !reply.hello.protocol_major.eq(&1)
            );
        }),
        1 => read(
            client.heartbeat(&node::HeartbeatRequest::default()),
            |reply| {
                assert!((0.0..=1.0).contains(&foreign::pulse(reply).load));
            },
        ),
        2 => read(client.train(&node::TrainRequest::default()), |reply| {
            for shards in [1, 2] {
                if let Ok(trained) = foreign::trained(reply, shards) {
                    assert_eq!(trained.len(), shards);
                }
            }
            check_payload(&reply.update);
        }),
        3 => read(
            client.evaluate(&node::EvaluateRequest::default()),
            |reply| {
                if let Ok(metrics) = foreign::metrics(&reply.metrics, Some(2)) {
                    assert!(
                        metrics
                            .correct
                            .is_some_and(|correct| correct <= metrics.rows)
                    );
                }
                if let Ok(metrics) = foreign::metrics(&reply.metrics, Some(0)) {
                    let errors = metrics.regression();
                    assert!(metrics.correct.is_none() && errors.is_none_or(|e| e.mse >= 0.0));
                }
            },
        ),
        4 => read(
            client.initialise(&node::InitialiseRequest::default()),
            |reply| {
                check_payload(&reply.parameters);
                if let Ok(layout) = foreign::layout(&reply.layout) {
                    assert_eq!(roundtable::wire::convert::tensors(&layout), reply.layout);
                    let length =
                        foreign::payload_length(&reply.parameters, "raw", layout.byte_length());
                    assert!(length.is_err() || length == Ok(layout.byte_length()));
                }
            },
        ),
        5 => read(client.cancel(&node::CancelRequest::default()), |_| ()),
        6 => read(client.missing(&types::MissingRequest::default()), |_| ()),
        7 => read(client.put_chunk(&types::Chunk::default()), |_| ()),
        _ => read(client.get_chunk(&types::ChunkRequest::default()), |_| ()),
    }
}

fn of_coordinator(method: u8, client: &mut Central) -> bool {
    match method {
        0 => read(client.hello(&central::HelloRequest::default()), |_| ()),
        1 => read(client.train(&central::TrainRequest::default()), |_| ()),
        2 => read(client.submit(&central::SubmitRequest::default()), |_| ()),
        3 => read(client.status(&central::StatusRequest::default()), |_| ()),
        4 => read(client.watch(&central::WatchRequest::default()), |_| ()),
        5 => read(client.cancel(&central::CancelRequest::default()), |_| ()),
        6 => read(client.resume(&central::ResumeRequest::default()), |_| ()),
        7 => read(client.runs(&central::RunsRequest::default()), |_| ()),
        8 => read(client.nodes(&central::NodesRequest::default()), |_| ()),
        9 => read(client.model(&central::ModelRequest::default()), |reply| {
            check_payload(&reply.file);
        }),
        10 => read(client.get_chunk(&types::ChunkRequest::default()), |_| ()),
        11 => read(client.join(&central::JoinRequest::default()), |_| ()),
        _ => read(client.leave(&central::LeaveRequest::default()), |_| ()),
    }
}

fn read<T: Value, E: Value + Display>(
    answer: Result<T, CallError<E>>,
    look: impl FnOnce(&T),
) -> bool {
    match answer {
        Ok(reply) => {
            round_trip::check(&reply);
            look(&reply);
            true
        }
        Err(CallError::Fault(fault)) => {
            round_trip::check(&fault);
            let _ = fault.to_string();
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// A length is accepted if it is the one expected, and nothing longer.
fn check_payload(payload: &types::Payload) {
    for expected in [0, 24, 256] {
        let found = foreign::payload_length(payload, &payload.codec, expected);
        assert!(found.is_err() || (found == Ok(expected) && payload.length == expected as i64));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut seed = |number: u8, name: &str, reply: &dyn Fn() -> Vec<u8>| {
        let mut message = vec![number];
        message.extend(samples::answer(name, TMessageType::Reply, |_| Ok(())));
        // In place of the empty result's end: the field, and the end.
        message.pop();
        message.extend(reply());
        seeds.push(message);
    };
    fn field<T: Value>(id: i16, value: &T) -> Vec<u8> {
        let mut bytes = samples::written(|output| write_field(output, id, value));
        bytes.push(0);
        bytes
    }
    let hello = node::HelloReply {
        hello: samples::hello(),
        slots: Some(4),
        hosted: Some(vec![node::HostedShard {
            name: "a".to_owned(),
            rows: 9,
            features: Some(3),
            classes: None,
        }]),
        rows_per_second: Some(1e6),
        columns: Some(node::Columns {
            features: Some(vec!["age".to_owned(), "sex".to_owned(), "chol".to_owned()]),
            classes: None,
        }),
        ..node::HelloReply::default()
    };
    let heartbeat = node::HeartbeatReply {
        load: Some(0.5),
        leaving: Some(true),
        ..node::HeartbeatReply::default()
    };
    let mut several = samples::train_reply();
    several.shards = Some(vec![node::ShardResult { rows: 5, loss: 0.5 }; 2]);
    let evaluate = node::EvaluateReply {
        metrics: samples::round().metrics.unwrap_or_default(),
    };
    let initialise = node::InitialiseReply {
        layout: samples::layout()[..1].to_vec(),
        parameters: samples::payload(),
    };
    let missing = types::MissingReply {
        missing: vec![samples::bytes()],
    };
    let status = samples::watch_reply().status;
    let runs = central::RunsReply {
        runs: vec![status.clone(); 2],
    };
    let nodes = central::NodesReply {
        nodes: vec![central::NodeStatus {
            address: "10.0.0.7:5106".to_owned(),
            failure: Some("timed out".to_owned()),
            hosted: hello.hosted.clone(),
            abilities: hello.hello.abilities.clone(),
            clock_ahead_ms: Some(-3),
            ..central::NodeStatus::default()
        }],
    };
    let model = central::ModelReply {
        file: samples::payload(),
        ..central::ModelReply::default()
    };
    seed(0, "hello", &|| field(0, &hello));
    seed(1, "heartbeat", &|| field(0, &heartbeat));
    seed(2, "train", &|| field(0, &samples::train_reply()));
    seed(2, "train", &|| field(0, &several));
    seed(2, "train", &|| field(1, &samples::fault()));
    seed(3, "evaluate", &|| field(0, &evaluate));
    seed(4, "initialise", &|| field(0, &initialise));
    seed(5, "cancel", &|| {
        field(0, &node::CancelReply { found: true })
    });
    seed(6, "missing", &|| field(0, &missing));
    seed(7, "put_chunk", &|| field(0, &types::ChunkReply { have: 5 }));
    seed(8, "get_chunk", &|| field(0, &samples::chunk()));
    seed(9, "hello", &|| {
        field(
            0,
            &central::HelloReply {
                hello: samples::hello(),
                state_folder: Some("/srv/runs".to_owned()),
                ..central::HelloReply::default()
            },
        )
    });
    seed(10, "train", &|| field(0, &central::Report::default()));
    seed(11, "submit", &|| field(0, &central::SubmitReply::default()));
    seed(12, "status", &|| field(0, &status));
    seed(13, "watch", &|| field(0, &samples::watch_reply()));
    seed(13, "watch", &|| field(1, &samples::fault()));
    seed(16, "runs", &|| field(0, &runs));
    seed(17, "nodes", &|| field(0, &nodes));
    seed(18, "model", &|| field(0, &model));
    seed(20, "join", &|| field(0, &central::JoinReply::default()));
    let refusal = samples::answer("train", TMessageType::Exception, |output| {
        write_field(output, 1, &"no such method".to_owned())?;
        write_field(output, 2, &1)
    });
    seeds.push([&[2][..], &refusal].concat());
    seeds
}
