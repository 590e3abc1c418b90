//! Every strategy through the real trio: it learns, and its bits are the same whatever nodes there are.

mod programs;

use programs::{Program, dial, train, write_list};
use roundtable::fed::strategy::STRATEGIES;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, Report};
use roundtable::wire::stubs::types::DataRef;

/// Shards that differ: two classes each, and half of them a round.
fn plan(strategy: &str) -> Plan {
    Plan {
        strategy: Some(strategy.to_owned()),
        data: Some(DataRef {
            spec: "builtin:digits".to_owned(),
            partition: Some("label-shards:2".to_owned()),
            shards: Some(10),
            ..DataRef::default()
        }),
        rounds: Some(12),
        cohort: Some(5),
        training: Some(Training {
            epochs: Some(2),
            batch: Some(10),
            learning_rate: 0.05,
            ..Training::default()
        }),
        seed: Some(7),
        ..Plan::default()
    }
}

fn run(nodes: usize, strategy: &str) -> Report {
    let nodes: Vec<Program> = (0..nodes).map(|_| Program::node(&["0"])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let list = list.to_str().expect("a path");
    let coordinator = Program::coordinator(&["round-robin", "--nodes", list]);
    train(&mut dial(&coordinator), plan(strategy)).expect("a report")
}

#[test]
fn every_strategy_learns_and_gives_the_same_bits_on_one_node_and_on_three() {
    let mut digests = std::collections::BTreeMap::new();
    for name in STRATEGIES.names() {
        let (one, three) = (run(1, name), run(3, name));
        assert_eq!(one.digest, three.digest, "{name}");
        let accuracy = one.accuracy.expect("an accuracy");
        println!("{name}: {accuracy:.3}");
        assert!(accuracy > 0.3, "{name}: {accuracy}, by chance it would be 0.1");
        let before = digests.insert(one.digest.clone(), name);
        assert_eq!(before, None, "{name} does the same");
    }
}
