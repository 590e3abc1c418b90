//! Real processes over real sockets: the trio does its job, and goes on doing it when nodes die.

mod programs;

use std::thread;

use roundtable::wire::stubs::coordinator::{NodeState, Plan, Report};
use roundtable::wire::stubs::types::DataRef;

use programs::{Program, dial, train, until_nodes, write_list};

/// A short run on the digits.
fn plan(rounds: i32) -> Plan {
    Plan {
        rounds: Some(rounds),
        seed: Some(7),
        ..Plan::default()
    }
}

/// A run on nodes started with these arguments, under this policy.
fn run(policy: &str, nodes: &[&[&str]], rounds: i32) -> Report {
    let nodes: Vec<Program> = nodes.iter().map(|node| Program::node(node)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let list = list.to_str().expect("a name");
    let coordinator = Program::coordinator(&[policy, "--nodes", list]);
    train(&mut dial(&coordinator), plan(rounds)).expect("a report")
}

#[test]
fn policy_load_and_node_count_change_nothing() {
    let one = run("1", &[&["0"]], 4);
    let busy: &[&str] = &["0.5", "--load-delay", "5ms", "--seed", "3"];
    let four = run("2", &[busy; 4], 4);
    let random = run("random", &[busy, &["0"]], 4);
    assert!(one.accuracy.expect("an accuracy") > 0.9, "{one:?}");
    assert_eq!(one.digest, four.digest);
    assert_eq!(one.digest, random.digest);
    assert_eq!(one.accuracy, four.accuracy);
}

#[test]
fn a_node_killed_in_mid_task_and_started_again_changes_nothing() {
    let calm = run("2", &[&["0"]], 4);
    let slow: &[&str] = &["1", "--load-delay", "300ms", "--slots", "2"];
    let (mut victim, other) = (Program::node(slow), Program::node(&["0"]));
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[victim.address, other.address]);
    // Policy 1: a node with load 1 takes every task, and sleeps before each.
    let arguments = [
        "1",
        "--nodes",
        list.to_str().expect("a name"),
        "--heartbeat",
        "100ms",
    ];
    let coordinator = Program::coordinator(&arguments);
    let mut asking = dial(&coordinator);
    let worker = thread::spawn(move || train(&mut asking, plan(4)));
    let mut looking = dial(&coordinator);
    let at = victim.address.to_string();
    let has = |nodes: &[_], test: fn(&roundtable::wire::stubs::coordinator::NodeStatus) -> bool| {
        nodes
            .iter()
            .any(|node: &roundtable::wire::stubs::coordinator::NodeStatus| {
                node.address == at && test(node)
            })
    };
    until_nodes(&mut looking, |nodes| has(nodes, |node| node.busy > Some(0)));
    let port = victim.address.port();
    victim.kill();
    until_nodes(&mut looking, |nodes| {
        has(nodes, |node| node.state == NodeState::DOWN)
    });
    let _again = Program::node_at(port, &["0"]);
    until_nodes(&mut looking, |nodes| {
        has(nodes, |node| node.state == NodeState::UP)
    });
    let report = worker.join().expect("no panic").expect("a report");
    assert_eq!(report.digest, calm.digest);
    assert_eq!(report.accuracy, calm.accuracy);
}

#[test]
fn all_nodes_killed_and_started_again_in_time_changes_nothing() {
    let calm = run("2", &[&["0"]], 3);
    let slow: &[&str] = &["1", "--load-delay", "200ms"];
    let mut nodes = [Program::node(slow), Program::node(slow)];
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[nodes[0].address, nodes[1].address]);
    let coordinator = Program::coordinator(&["1", "--nodes", list.to_str().expect("a name")]);
    let mut asking = dial(&coordinator);
    let worker = thread::spawn(move || train(&mut asking, plan(3)));
    let mut looking = dial(&coordinator);
    until_nodes(&mut looking, |nodes| {
        nodes.iter().all(|node| node.busy > Some(0))
    });
    let ports = [nodes[0].address.port(), nodes[1].address.port()];
    nodes.iter_mut().for_each(Program::kill);
    let _again = ports.map(|port| Program::node_at(port, &["0"]));
    let report = worker.join().expect("no panic").expect("a report");
    assert_eq!(report.digest, calm.digest);
}

#[test]
fn with_all_nodes_dead_the_error_names_each() {
    let mut nodes = [Program::node(&["0"]), Program::node(&["0"])];
    let addresses = [nodes[0].address, nodes[1].address];
    nodes.iter_mut().for_each(Program::kill);
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &addresses);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let error = train(&mut dial(&coordinator), plan(2)).expect_err("nobody is there");
    for address in addresses {
        assert!(error.contains(&address.to_string()), "{error}");
    }
    assert!(
        error.contains("3 times") && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn a_node_added_to_the_list_is_used_and_one_taken_off_is_not() {
    let (first, second) = (Program::node(&["0"]), Program::node(&["0"]));
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[first.address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let mut client = dial(&coordinator);
    let is_up =
        |node: &&roundtable::wire::stubs::coordinator::NodeStatus| node.state == NodeState::UP;
    until_nodes(&mut client, |nodes| nodes.iter().filter(is_up).count() == 1);
    write_list(&list, &[first.address, second.address]);
    until_nodes(&mut client, |nodes| nodes.iter().filter(is_up).count() == 2);
    train(&mut client, plan(2)).expect("a report");
    let nodes = until_nodes(&mut client, |_| true);
    assert!(
        nodes.iter().all(|node| node.completed > Some(0)),
        "{nodes:?}"
    );
    write_list(&list, &[second.address]);
    let left = until_nodes(&mut client, |nodes| nodes.len() == 1);
    assert_eq!(left[0].address, second.address.to_string());
}

#[test]
fn a_node_that_joins_is_used_and_leaves_on_sigterm() {
    let coordinator = Program::coordinator(&["2", "--nodes", "none"]);
    let at = coordinator.address.to_string();
    let mut node = Program::node(&["0", "--join", &at]);
    let mut client = dial(&coordinator);
    until_nodes(&mut client, |nodes| {
        nodes.iter().any(|node| node.state == NodeState::UP)
    });
    train(&mut client, plan(2)).expect("a report");
    node.signal("TERM");
    assert_eq!(node.wait().code(), Some(0));
    until_nodes(&mut client, |nodes| nodes.is_empty());
}

#[test]
fn a_coordinator_told_to_stop_tells_client_and_nodes() {
    let slow: &[&str] = &["1", "--load-delay", "30s"];
    let node = Program::node(slow);
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let mut coordinator = Program::coordinator(&["1", "--nodes", list.to_str().expect("a name")]);
    let mut asking = dial(&coordinator);
    let worker = thread::spawn(move || train(&mut asking, plan(2)));
    let mut looking = dial(&coordinator);
    until_nodes(&mut looking, |nodes| {
        nodes.iter().any(|node| node.busy > Some(0))
    });
    coordinator.signal("TERM");
    assert_eq!(coordinator.wait().code(), Some(0));
    let error = worker.join().expect("no panic").expect_err("called off");
    assert!(error.contains("cancelled"), "{error}");
    // The node was told: it takes another task at once although it has one slot, asleep for 30 s.
    let again = Program::coordinator(&["1", "--nodes", list.to_str().expect("a name")]);
    let mut client = dial(&again);
    until_nodes(&mut client, |nodes| {
        nodes
            .iter()
            .any(|node| node.state == NodeState::UP && node.load < Some(1.0))
    });
}

#[test]
fn shipped_private_and_path_data_all_train() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = |seed: usize| -> String {
        (0..90)
            .map(|i| {
                let class = (i * 7 + seed) % 3;
                let wobble = ((i * 13 + seed) % 10) as f64 / 20.0;
                format!(
                    "{},{},{class}\n",
                    class as f64 + wobble,
                    2.0 - class as f64 - wobble
                )
            })
            .collect()
    };
    for number in 1..=3 {
        let name = format!("train{number}.csv");
        std::fs::write(folder.path().join(name), rows(number)).expect("rows");
    }
    std::fs::write(folder.path().join("validate.csv"), rows(9)).expect("rows");
    let root = folder.path().to_str().expect("a name");
    let own = tempfile::tempdir().expect("a folder");
    let [ward1, ward2] = [1, 2].map(|ward| {
        let file = own.path().join(format!("ward{ward}.csv"));
        std::fs::write(&file, rows(ward)).expect("rows");
        file.to_str().expect("a name").to_owned()
    });
    let one = ["0", "--data-root", root, "--data", &ward1];
    let two = ["0", "--data-root", root, "--data", &ward2];
    let nodes = [Program::node(&one), Program::node(&two)];
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[nodes[0].address, nodes[1].address]);
    let list = list.to_str().expect("a name");
    let coordinator = Program::coordinator(&["2", "--nodes", list, "--data-root", root]);
    let mut client = dial(&coordinator);
    let mut on_with = |spec: &str, codec: &str| {
        let data = DataRef {
            spec: spec.to_owned(),
            ..DataRef::default()
        };
        let plan = Plan {
            data: Some(data),
            codec: Some(codec.to_owned()),
            ..plan(10)
        };
        train(&mut client, plan).unwrap_or_else(|error| panic!("{spec}: {error}"))
    };
    // One value in twenty travels; the others wait for their round, and the same run twice is the same.
    let (sparse, again) = (
        on_with("private:", "top-k:share=0.05"),
        on_with("private:", "top-k:share=0.05"),
    );
    assert!(sparse.accuracy > Some(0.8), "{sparse:?}");
    assert_eq!(sparse.digest, again.digest);
    let mut on = |spec| on_with(spec, "raw");
    let (path, ship) = (on("path:."), on("ship:."));
    assert_eq!(
        path.digest, ship.digest,
        "where rows come from changes nothing"
    );
    assert!(path.accuracy > Some(0.9), "{path:?}");
    let private = on("private:");
    assert!(private.accuracy > Some(0.8), "{private:?}");
}

#[test]
fn private_rows_cannot_be_read_by_their_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ward.csv");
    std::fs::write(&file, "1,0\n2,1\n3,0\n4,1\n").expect("rows");
    let root = folder.path().to_str().expect("a name");
    let private = file.to_str().expect("a name");
    let node = Program::node(&["0", "--data-root", root, "--data", private]);
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let list = list.to_str().expect("a name");
    let coordinator = Program::coordinator(&["2", "--nodes", list, "--data-root", root]);
    let data = DataRef {
        spec: "path:ward.csv".to_owned(),
        shards: Some(1),
        ..DataRef::default()
    };
    let plan = Plan {
        data: Some(data),
        ..plan(1)
    };
    let error = train(&mut dial(&coordinator), plan).expect_err("it is private");
    assert!(error.contains("private to this node"), "{error}");
}

#[test]
fn the_classic_letters_job_repeats_its_published_error_whatever_happens() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/letters");
    if !folder.join("seed-split").is_dir() {
        println!("skipped: no letters data at {}", folder.display());
        return;
    }
    let root = folder.to_str().expect("a name");
    let classic = Plan {
        model: Some("mlp:16-20-26,activation=classic,init=classic,dtype=f64".to_owned()),
        data: Some(DataRef {
            spec: "path:seed-split".to_owned(),
            ..DataRef::default()
        }),
        rounds: Some(25),
        training: Some(roundtable::wire::stubs::compute_node::Training {
            epochs: Some(15),
            batch: Some(0),
            learning_rate: 1e-4,
            objective: Some("cross-entropy:sum".to_owned()),
            plateau: Some(0.2),
            ..Default::default()
        }),
        strategy: Some("fedavg:mean=uniform".to_owned()),
        ..Plan::default()
    };
    let busy: &[&str] = &["0.3", "--load-delay", "5ms", "--data-root", root];
    let mut victim = Program::node(busy);
    let nodes = [Program::node(busy), Program::node(busy)];
    let lists = tempfile::tempdir().expect("a folder");
    let list = lists.path().join("nodes.txt");
    write_list(&list, &[victim.address, nodes[0].address, nodes[1].address]);
    let list = list.to_str().expect("a name");
    let coordinator = Program::coordinator(&["2", "--nodes", list, "--data-root", root]);
    let mut asking = dial(&coordinator);
    let worker = thread::spawn(move || train(&mut asking, classic));
    // Killed in the middle, and never seen again.
    let at = victim.address.to_string();
    until_nodes(&mut dial(&coordinator), |nodes| {
        nodes
            .iter()
            .any(|node| node.address == at && node.completed > Some(10))
    });
    victim.kill();
    let report = worker.join().expect("no panic").expect("a report");
    let error = 1.0 - report.accuracy.expect("an accuracy");
    assert_eq!(format!("{error:.4}"), "0.3240");
}
