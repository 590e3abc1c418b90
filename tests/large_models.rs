//! Models too long for one message: their parameters and updates travel as blobs, in chunks.

use std::time::Duration;

use roundtable::app::coordinator::{Config, Coordinator, NodeList};
use roundtable::app::dial;
use roundtable::app::node::{self, Node};
use roundtable::clock;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, Report, TrainRequest};
use roundtable::wire::stubs::types::DataRef;

const PATIENCE: Duration = Duration::from_secs(120);

/// A run over so many nodes of softmax regression with 2.2 million parameters: 9 MB, or twice that as a sum.
fn run(nodes: usize, shards: i32) -> Report {
    let config = node::Config {
        slots: 1,
        ..node::Config::default()
    };
    let nodes: Vec<Node> = (0..nodes)
        .map(|_| Node::start(config.clone()).expect("a node"))
        .collect();
    let coordinator = Coordinator::start(Config {
        nodes: NodeList::Fixed(nodes.iter().map(|node| node.address().into()).collect()),
        ..Config::default()
    })
    .expect("a coordinator");
    let address = coordinator.address().into();
    let mut client = dial::coordinator(&address, PATIENCE).expect("a connection");
    let plan = Plan {
        model: Some("softmax:2199-1000".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=20,features=2199".to_owned(),
            partition: None,
            shards: Some(shards),
            seed: None,
            held_out: Some(0.2),
            ..DataRef::default()
        }),
        rounds: Some(2),
        training: Some(Training {
            epochs: Some(1),
            learning_rate: 0.1,
            ..Training::default()
        }),
        ..Plan::default()
    };
    let request = TrainRequest { plan };
    let report = client.call("train", clock::now() + PATIENCE, |client| {
        client.train(&request)
    });
    report.expect("a report")
}

#[test]
fn the_same_bits_as_one_update_a_task_and_as_sums() {
    // With 10 shards, one slot gets several a task, three get one each.
    let (sums, updates) = (run(1, 10), run(3, 10));
    assert_eq!(sums.digest, updates.digest);
    assert_eq!(sums.metrics, updates.metrics);
    assert!(sums.metrics.expect("an evaluation").rows == 4);
}
