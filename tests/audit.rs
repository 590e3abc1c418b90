//! Audits with real processes: a node that changes one value of its updates is named and barred, and the result is that
//! of an undisturbed run. Honest nodes agree however they are asked.

mod programs;

use std::sync::Arc;

use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use roundtable::app::dial::{self, CallFailed};
use roundtable::clock;
use roundtable::net::{Address, Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::convert::{self, EXACT, FOLDS};
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::rpc;
use roundtable::wire::stubs::compute_node::*;
use roundtable::wire::stubs::coordinator::{
    Event, NodeState, NodeStatus, Plan, Report, RunsRequest, WatchRequest,
};
use roundtable::wire::stubs::types::*;

use programs::{PATIENCE, Program, dial, train, until_nodes, write_list};

/// What stands between the coordinator and an honest node.
#[derive(Clone, Copy)]
enum Relay {
    /// Changes one value of each update.
    Liar,
    /// Says that the node cannot fold, so that it gets one shard at a time.
    Plain,
}

struct Between {
    behind: Address,
    relay: Relay,
}

type Answer<T> = Result<T, Fault>;

impl Between {
    fn pass_on<T>(
        &self,
        call: impl FnOnce(&mut dial::Node) -> Result<T, rpc::CallError>,
    ) -> Answer<T> {
        let mut node = dial::node(&self.behind, PATIENCE).expect("the node behind");
        let answer = node.call("passing on", clock::now() + PATIENCE, call);
        answer.map_err(|failed| match failed {
            CallFailed::Fault(fault) => fault,
            other => convert::fault(FaultCode::INTERNAL, other.to_string()),
        })
    }
}

impl ComputeNodeHandler for Between {
    fn hello(&self, request: HelloRequest) -> Answer<HelloReply> {
        let mut reply = self.pass_on(|node| node.hello(&request))?;
        if let (Relay::Plain, Some(abilities)) = (self.relay, &mut reply.hello.abilities) {
            assert!(abilities.remove(FOLDS), "ours folds");
        }
        Ok(reply)
    }

    fn heartbeat(&self, request: HeartbeatRequest) -> Answer<HeartbeatReply> {
        self.pass_on(|node| node.heartbeat(&request))
    }

    fn train(&self, request: TrainRequest) -> Answer<TrainReply> {
        let mut reply = self.pass_on(|node| node.train(&request))?;
        if let (Relay::Liar, Some(bytes)) = (self.relay, &reply.update.inline_data) {
            let mut bytes = bytes.to_vec();
            if reply.update.codec == EXACT {
                bytes[5] ^= 1; // a sum is made of integers of 64 bits
            } else {
                let (first, _) = bytes.split_first_chunk_mut::<4>().expect("a value");
                *first = (f32::from_le_bytes(*first) + 0.25).to_le_bytes();
            }
            reply.update.crc32 = None;
            reply.update.inline_data = Some(bytes.into());
        }
        Ok(reply)
    }

    fn evaluate(&self, request: EvaluateRequest) -> Answer<EvaluateReply> {
        self.pass_on(|node| node.evaluate(&request))
    }

    fn describe(&self, request: DescribeRequest) -> Answer<DescribeReply> {
        self.pass_on(|node| node.describe(&request))
    }

    fn initialise(&self, request: InitialiseRequest) -> Answer<InitialiseReply> {
        self.pass_on(|node| node.initialise(&request))
    }

    fn cancel(&self, request: CancelRequest) -> Answer<CancelReply> {
        self.pass_on(|node| node.cancel(&request))
    }

    fn missing(&self, request: MissingRequest) -> Answer<MissingReply> {
        self.pass_on(|node| node.missing(&request))
    }

    fn put_chunk(&self, chunk: Chunk) -> Answer<ChunkReply> {
        self.pass_on(|node| node.put_chunk(&chunk))
    }

    fn get_chunk(&self, request: ChunkRequest) -> Answer<Chunk> {
        self.pass_on(|node| node.get_chunk(&request))
    }
}

fn between(behind: &Program, relay: Relay) -> Server {
    let behind = behind.address.into();
    let node = Arc::new(Between { behind, relay });
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

/// A run on three honest nodes and one behind a relay.
struct Trial {
    report: Report,
    events: Vec<Event>,
    nodes: Vec<NodeStatus>,
    /// Where the relay listens.
    relay: String,
}

impl Trial {
    fn of(relay: Relay, audit: &str, plan: Plan) -> Trial {
        let honest: Vec<Program> = (0..4).map(|_| Program::node(&["0"])).collect();
        let relay = between(&honest[3], relay);
        let mut addresses: Vec<_> = honest[..3].iter().map(|node| node.address).collect();
        addresses.push(relay.address());
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("nodes.txt");
        write_list(&list, &addresses);
        let list = list.to_str().expect("a name");
        let arguments = ["round-robin", "--nodes", list, "--audit", audit];
        let coordinator = Program::coordinator(&arguments);
        let mut client = dial(&coordinator);
        until_nodes(&mut client, |nodes| {
            nodes.len() == 4 && nodes.iter().all(|node| node.state == NodeState::UP)
        });
        let report = train(&mut client, plan).expect("a report");
        let deadline = clock::now() + PATIENCE;
        let runs = client.call("runs", deadline, |to| to.runs(&RunsRequest::default()));
        let watch = WatchRequest {
            run: runs.expect("the runs").runs[0].run.clone(),
            ..WatchRequest::default()
        };
        let watched = client.call("watch", deadline, |to| to.watch(&watch));
        Trial {
            report,
            events: watched.expect("the events").events,
            nodes: until_nodes(&mut client, |_| true),
            relay: relay.address().to_string(),
        }
    }

    fn notices(&self) -> Vec<&str> {
        let messages = self.events.iter();
        messages.filter_map(|e| e.message.as_deref()).collect()
    }

    /// Shards audited in each round.
    fn audited(&self) -> Vec<i32> {
        let rounds = self.events.iter().filter_map(|e| e.round.as_ref());
        rounds.map(|round| round.audited.unwrap_or(0)).collect()
    }
}

fn digits(shards: i32) -> Plan {
    Plan {
        data: Some(DataRef {
            spec: "builtin:digits".to_owned(),
            shards: Some(shards),
            ..DataRef::default()
        }),
        rounds: Some(3),
        seed: Some(7),
        ..Plan::default()
    }
}

/// Participants of few rows, many of whom are trained in one task.
fn participants(codec: &str) -> Plan {
    Plan {
        model: Some("softmax:8-4".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=4800,features=8".to_owned(),
            shards: Some(400),
            held_out: Some(0.1),
            ..DataRef::default()
        }),
        codec: Some(codec.to_owned()),
        rounds: Some(3),
        ..Plan::default()
    }
}

/// What three honest nodes make of a plan.
fn undisturbed(plan: Plan) -> Report {
    let nodes: Vec<Program> = (0..3).map(|_| Program::node(&["0"])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let list = list.to_str().expect("a name");
    let coordinator = Program::coordinator(&["round-robin", "--nodes", list]);
    train(&mut dial(&coordinator), plan).expect("a report")
}

fn a_liar_is_found(plan: &Plan, audit: &str) {
    let calm = undisturbed(plan.clone());
    let fooled = Trial::of(Relay::Liar, "0", plan.clone());
    assert_ne!(
        fooled.report.digest, calm.digest,
        "the lie changes the model"
    );
    assert_eq!(fooled.audited(), [0; 3]);

    let trial = Trial::of(Relay::Liar, audit, plan.clone());
    let notices = trial.notices();
    let named = format!("{} is barred: its update of shard", trial.relay);
    let told = notices.iter().filter(|text| text.starts_with(&named));
    assert_eq!(told.count(), 1, "{notices:?}");
    for node in &trial.nodes {
        let barred = node.address == trial.relay;
        let state = if barred {
            NodeState::BARRED
        } else {
            NodeState::UP
        };
        assert_eq!(node.state, state, "{node:?}");
        let failure = node.failure.as_deref().unwrap_or_default();
        assert_eq!(
            failure.starts_with("barred: its update"),
            barred,
            "{failure}"
        );
    }
    assert_eq!(trial.report.digest, calm.digest);
    assert_eq!(trial.report.metrics, calm.metrics);
}

#[test]
fn a_node_that_lies_is_barred_and_changes_nothing() {
    a_liar_is_found(&digits(12), "1");
}

#[test]
fn a_lie_in_the_sum_of_many_updates_is_found_too() {
    a_liar_is_found(&participants("raw"), "1");
}

#[test]
fn honest_nodes_agree_however_they_are_asked() {
    for codec in ["raw", "int8"] {
        let plan = participants(codec);
        let calm = undisturbed(plan.clone());
        let trial = Trial::of(Relay::Plain, "1", plan);
        assert_eq!(trial.audited(), [400; 3], "{:?}", trial.notices());
        assert!(trial.nodes.iter().all(|node| node.state == NodeState::UP));
        assert_eq!(trial.report.digest, calm.digest);
    }
}
