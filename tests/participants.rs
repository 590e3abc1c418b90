//! Many participants on few nodes: a task carries many shards, and nothing changes a bit of the result.

use std::sync::Arc;
use std::time::Duration;

use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use roundtable::app::coordinator::{Config, Coordinator, NodeList};
use roundtable::app::dial::{self, CallFailed};
use roundtable::app::node::{self, Node};
use roundtable::clock;
use roundtable::net::{Address, Limits, Peer, ReplyWriter, RequestReader, Server, listen};
use roundtable::wire::convert::{self, FOLDS};
use roundtable::wire::protocol::{self, BinaryInput};
use roundtable::wire::stubs::compute_node::*;
use roundtable::wire::stubs::coordinator::{Plan, Report, TrainRequest as RunRequest};
use roundtable::wire::stubs::types::{
    Chunk, ChunkReply, ChunkRequest, DataRef, Fault, FaultCode, MissingReply, MissingRequest,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A node as another language would have it: it knows one shard at a time, and passes that on to one of ours.
struct Plain {
    behind: Address,
}

impl Plain {
    fn pass_on<T>(
        &self,
        call: impl FnOnce(&mut dial::Node) -> Result<T, roundtable::wire::rpc::CallError>,
    ) -> Result<T, Fault> {
        let mut node = dial::node(&self.behind, PATIENCE).expect("the node behind");
        let answer = node.call("passing on", clock::now() + PATIENCE, call);
        answer.map_err(|failed| match failed {
            CallFailed::Fault(fault) => fault,
            other => convert::fault(FaultCode::INTERNAL, other.to_string()),
        })
    }
}

fn unsupported<T>() -> Result<T, Fault> {
    Err(convert::fault(FaultCode::UNSUPPORTED, "not by this node"))
}

impl ComputeNodeHandler for Plain {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, Fault> {
        let mut reply = self.pass_on(|node| node.hello(&request))?;
        let abilities = reply.hello.abilities.take().expect("abilities");
        assert!(abilities.contains(FOLDS), "ours folds");
        Ok(reply)
    }

    fn heartbeat(&self, request: HeartbeatRequest) -> Result<HeartbeatReply, Fault> {
        self.pass_on(|node| node.heartbeat(&request))
    }

    fn train(&self, request: TrainRequest) -> Result<TrainReply, Fault> {
        if request.shards.len() != 1 || request.fold.is_some() {
            return unsupported();
        }
        // It knows no codec either, and answers with the values as they are. What it does not know of training, it
        // leaves out without a word.
        let training = Training {
            momentum: None,
            weight_decay: None,
            proximal: None,
            ..request.training.clone()
        };
        let request = TrainRequest {
            codec: None,
            training,
            ..request
        };
        self.pass_on(|node| node.train(&request))
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
        unsupported()
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

fn plain(behind: Address) -> Server {
    let node = Arc::new(Plain { behind });
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

fn nodes(count: usize) -> Vec<Node> {
    let config = node::Config {
        slots: 1,
        ..node::Config::default()
    };
    (0..count)
        .map(|_| Node::start(config.clone()).expect("a node"))
        .collect()
}

fn run(nodes: Vec<Address>, plan: Plan) -> Report {
    attempt(nodes, "load-balancing", plan).expect("a report")
}

fn attempt(nodes: Vec<Address>, policy: &str, plan: Plan) -> Result<Report, CallFailed> {
    let coordinator = Coordinator::start(Config {
        nodes: NodeList::Fixed(nodes),
        policy: policy.to_owned(),
        ..Config::default()
    })
    .expect("a coordinator");
    let address = coordinator.address().into();
    let mut client = dial::coordinator(&address, PATIENCE).expect("a connection");
    let request = RunRequest { plan };
    client.call("train", clock::now() + PATIENCE, |client| {
        client.train(&request)
    })
}

/// A short run whose steps take more than the gradient.
fn heavy(training: Training) -> Plan {
    Plan {
        rounds: Some(2),
        training: Some(Training {
            epochs: Some(1),
            batch: Some(10),
            learning_rate: 0.05,
            ..training
        }),
        ..Plan::default()
    }
}

fn rule() -> Training {
    Training {
        momentum: Some(0.9),
        weight_decay: Some(0.001),
        proximal: Some(0.01),
        ..Training::default()
    }
}

#[test]
fn what_a_node_does_not_know_is_left_to_others() {
    let ours = nodes(2);
    let knows: Address = ours[0].address().into();
    let alone = run(vec![knows.clone()], heavy(rule()));
    let without = run(vec![knows.clone()], heavy(Training::default()));
    assert_ne!(alone.digest, without.digest);
    for policy in ["load-balancing", "round-robin"] {
        let between = plain(ours[1].address().into());
        let both = vec![between.address().into(), knows.clone()];
        let report = attempt(both, policy, heavy(rule())).expect("a report");
        assert_eq!(report.digest, alone.digest, "{policy}");
    }
}

#[test]
fn a_run_that_no_node_can_do_says_what_they_lack() {
    let ours = nodes(1);
    for policy in ["load-balancing", "round-robin"] {
        let between = plain(ours[0].address().into());
        let here = between.address();
        let error = attempt(vec![here.into()], policy, heavy(rule())).expect_err("a failure");
        let CallFailed::Fault(fault) = error else {
            panic!("{policy}: {error}")
        };
        let why = "cannot train with momentum: its hello lacks the ability `momentum`";
        assert!(fault.message.contains(why), "{policy}: {}", fault.message);
        let named = fault.message.contains(&here.to_string());
        assert!(named, "{policy}: {}", fault.message);
    }
}

#[test]
fn what_a_hello_does_not_name_a_node_is_not_called_for() {
    let ours = nodes(1);
    let between = plain(ours[0].address().into());
    let said = |plan| {
        let error = attempt(vec![between.address().into()], "load-balancing", plan);
        error.expect_err("a failure").to_string()
    };
    let unknown = Plan {
        model: Some("my-net".to_owned()),
        ..heavy(Training::default())
    };
    let why = "cannot give first parameters: its hello lacks the ability `initialise`";
    let found = said(unknown);
    assert!(found.contains(why), "{found}");
    // Above 8 MiB: parameters travel as a blob.
    let long = Plan {
        model: Some("softmax:2199-1000".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=4,features=2199".to_owned(),
            shards: Some(2),
            held_out: Some(0.0),
            ..DataRef::default()
        }),
        rounds: Some(1),
        ..Plan::default()
    };
    let found = said(long);
    let why = "cannot take long payloads: its hello lacks the ability `blobs`";
    assert!(found.contains(why), "{found}");
}

/// So many participants of about ten rows, of whom some train in a round.
fn plan(participants: i32, cohort: i32, model: &str) -> Plan {
    Plan {
        model: Some(model.to_owned()),
        data: Some(DataRef {
            spec: format!("synthetic:rows={},features=8", participants * 12),
            partition: None,
            shards: Some(participants),
            seed: None,
            held_out: Some(0.1),
            ..DataRef::default()
        }),
        cohort: Some(cohort),
        rounds: Some(3),
        ..Plan::default()
    }
}

#[test]
fn the_bits_do_not_depend_on_how_shards_are_grouped() {
    let mut digests = Vec::new();
    for (model, codec) in [
        ("softmax:8-4", "raw"),
        ("softmax:8-4,dtype=f64", "raw"),
        ("softmax:8-4", "f16"),
        ("softmax:8-4", "bf16"),
        ("softmax:8-4", "int8"),
    ] {
        let plan = |participants, cohort| Plan {
            codec: Some(codec.to_owned()),
            ..plan(participants, cohort, model)
        };
        let few = nodes(1);
        let many = nodes(3);
        let address = |nodes: &[Node]| nodes.iter().map(|node| node.address().into()).collect();
        let alone = run(address(&few), plan(2_000, 300));
        let shared = run(address(&many), plan(2_000, 300));
        // One shard at a time, whatever comes in one task.
        let relay = plain(few[0].address().into());
        let plainly = run(vec![relay.address().into()], plan(2_000, 300));
        assert!(alone.accuracy.expect("an accuracy") > 0.7, "{alone:?}");
        assert_eq!(alone.digest, shared.digest);
        assert_eq!(alone.digest, plainly.digest);
        assert_eq!(alone.metrics, plainly.metrics);
        // As many shards as tasks: one update each, which travels in the codec.
        let singly = run(address(&few), plan(8, 8));
        assert_eq!(singly.digest, run(address(&many), plan(8, 8)).digest);
        assert_eq!(
            singly.digest,
            run(vec![relay.address().into()], plan(8, 8)).digest
        );
        digests.push((alone.digest, singly.digest));
    }
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 5, "each codec has bits of its own");
}

#[test]
fn what_a_codec_cannot_do_is_said() {
    let failure = |model: &str, codec: &str| {
        let nodes = nodes(1);
        let coordinator = Coordinator::start(Config {
            nodes: NodeList::Fixed(nodes.iter().map(|node| node.address().into()).collect()),
            ..Config::default()
        })
        .expect("a coordinator");
        let address = coordinator.address().into();
        let mut client = dial::coordinator(&address, PATIENCE).expect("a connection");
        let plan = Plan {
            codec: Some(codec.to_owned()),
            ..plan(10, 10, model)
        };
        let request = RunRequest { plan };
        let report = client.call("train", clock::now() + PATIENCE, |client| {
            client.train(&request)
        });
        match report {
            Err(CallFailed::Fault(fault)) => format!("{fault:?}"),
            other => panic!("{other:?}"),
        }
    };
    assert!(failure("softmax:8-4,dtype=f64", "int8").contains("the model has 64"));
    assert!(failure("softmax:8-4", "int9").contains("int8"));
    assert!(failure("softmax:8-4", "top-k").contains("only private data"));
}
