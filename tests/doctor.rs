//! `client doctor` looks at real programs: healthy ones, dead ones, and what is no coordinator at all.

#[allow(dead_code)] // one of its faults is enough here
#[path = "conformance/broken.rs"]
mod broken;
mod programs;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use broken::{Broken, Fault};
use programs::{Program, dial, train, until_nodes, write_list};
use roundtable::wire::stubs::coordinator::{NodeState, Plan};

fn doctor(at: SocketAddr, more: &[&str]) -> (Output, String) {
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"));
    client.args(["doctor", &at.ip().to_string(), &at.port().to_string()]);
    let output = client.args(more).output().expect("the client runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

fn coordinator(folder: &Path, nodes: &[SocketAddr], more: &[&str]) -> Program {
    let list = folder.join("nodes.txt");
    write_list(&list, nodes);
    let list = list.to_str().expect("a path");
    let mut arguments = vec!["2", "--nodes", list];
    arguments.extend(more);
    let coordinator = Program::coordinator(&arguments);
    until_nodes(&mut dial(&coordinator), |all| {
        all.iter().filter(|one| one.state == NodeState::UP).count() == nodes.len()
    });
    coordinator
}

/// The findings of a check, as objects.
fn found(text: &str, check: &str) -> Vec<Value> {
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"));
    lines
        .filter(|line: &Value| line["check"] == check)
        .collect()
}

#[test]
fn a_healthy_cluster_has_no_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes = [Program::node(&["0"]), Program::node(&["0"])];
    let state = folder.path().join("state");
    let state = ["--state", state.to_str().expect("a path")];
    let coordinator = coordinator(folder.path(), &[nodes[0].address, nodes[1].address], &state);
    train(&mut dial(&coordinator), Plan::default()).expect("a run");

    let (output, text) = doctor(coordinator.address, &["--data", "path:rows.csv"]);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("not told"), "{text}");
    for said in [
        "a coordinator at",
        "load-balancing",
        "state, ",
        "2 of 2 up",
        "every node",
        "0 problems",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.contains(&nodes[1].address.to_string()), "{text}");

    let (output, text) = doctor(coordinator.address, &["--json"]);
    assert!(output.status.success(), "{text}");
    let nodes = found(&text, "node");
    assert_eq!(nodes.len(), 2, "{text}");
    assert!(nodes.iter().all(|node| node["outcome"] == "ok"), "{text}");
    let last: Value = serde_json::from_str(text.lines().last().expect("lines")).expect("an object");
    assert_eq!(
        (&last["event"], &last["problems"]),
        (&"summary".into(), &0.into())
    );

    // The address may stand first, as in all commands.
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"));
    let at = coordinator.address.to_string();
    let output = client
        .args([&at, "doctor", "--quiet"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.ends_with(b"0 problems\n"), "{output:?}");
}

#[test]
fn a_dead_node_and_a_run_that_stopped_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Program::node(&["0"]);
    let coordinator = coordinator(folder.path(), &[node.address], &["--state", "none"]);
    node.kill();
    let mut client = dial(&coordinator);
    until_nodes(&mut client, |all| all[0].state == NodeState::DOWN);
    train(&mut client, Plan::default()).expect_err("nobody trains");

    let (output, text) = doctor(coordinator.address, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let down = &found(&text, "node")[0];
    assert_eq!(down["outcome"], "problem");
    assert_eq!(down["about"], node.address.to_string());
    let said = down["found"].as_str().expect("a text");
    assert!(
        said.starts_with("it is down, last seen ") && said.contains("refused"),
        "{said}"
    );
    let hint = down["hint"].as_str().expect("a hint");
    assert!(hint.contains("start the node"), "{hint}");
    assert_eq!(found(&text, "nodes")[0]["outcome"], "problem");
    let run = &found(&text, "run")[0];
    assert!(
        run["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains(" resume ")),
        "{run}"
    );
    assert_eq!(found(&text, "state")[0]["outcome"], "warning");
}

#[test]
fn without_a_coordinator_it_says_what_is_there_instead() {
    let says = |at: SocketAddr, text: &str| {
        let (output, told) = doctor(at, &["--timeout", "500ms"]);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(text), "{text}: {told}");
        assert!(told.contains("1 problem\n"), "{told}");
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    says(at, "takes connections but does not answer");
    drop(listener);
    says(at, "start it there with `coordinator");

    let node = Program::node(&["0"]);
    says(node.address, "a compute node listens at");

    let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command.args(["0", "2", "--nodes", "none", "--dashboard", "127.0.0.1:0"]);
    let (_coordinator, mut more) = Program::try_start_and_hear(&mut command).expect("it starts");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut more, &mut line).expect("a line");
    let page = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let page = page.expect("its address").parse().expect("an address");
    says(page, "Nodes and dashboards have others");
}

#[test]
fn wrong_usage_is_told() {
    let code = |arguments: &[&str]| {
        let client = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(arguments)
            .output();
        client.expect("it runs").status.code()
    };
    assert_eq!(code(&["doctor"]), Some(2));
    assert_eq!(code(&["doctor", "127.0.0.1"]), Some(2));
    assert_eq!(
        code(&["--state", "runs", "doctor", "127.0.0.1", "5105"]),
        Some(2)
    );
    assert_eq!(
        code(&["127.0.0.1", "5105", "doctor", "127.0.0.1", "5105"]),
        Some(2)
    );
    assert_eq!(code(&["doctor", "127.0.0.1", "5105", "extra"]), Some(2));
}

#[test]
fn a_node_that_refuses_more_than_others_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes = [
        Program::node(&["0"]),
        Program::node(&["1", "--load-delay", "1ms"]),
    ];
    let coordinator = coordinator(folder.path(), &[nodes[0].address, nodes[1].address], &[]);
    train(&mut dial(&coordinator), Plan::default()).expect("a run");
    let (output, text) = doctor(coordinator.address, &["--json"]);
    assert!(output.status.success(), "these are warnings: {text}");
    let told = found(&text, "refusals");
    assert_eq!(told.len(), 1, "{text}");
    assert_eq!(told[0]["about"], nodes[1].address.to_string());
}

#[test]
fn private_shards_that_do_not_fit_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = |name: &str, rows: &str| {
        let root = folder.path().join(name);
        fs::create_dir(&root).expect("a folder");
        fs::write(root.join("ward.csv"), rows).expect("a file");
        let file = root.join("ward.csv");
        Program::node(&["0", "--data", file.to_str().expect("a path")])
    };
    let one = node("one", "1,2,0\n3,4,1\n5,6,0\n");
    let other = node("other", "1,2,7,0\n3,4,7,1\n");
    let coordinator = coordinator(folder.path(), &[one.address, other.address], &[]);
    let (output, text) = doctor(coordinator.address, &["--json", "--data", "private:"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let told: Vec<String> = found(&text, "private")
        .iter()
        .map(|one| one["found"].to_string())
        .collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(told[0].contains("with different rows"), "{told:?}");
    assert!(told[1].contains("features"), "{told:?}");
    assert_eq!(found(&text, "data")[0]["outcome"], "ok", "{text}");
}

#[test]
fn a_barred_node_is_told_with_what_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let honest = [Program::node(&["0"]), Program::node(&["0"])];
    let wrong = Broken::start(Fault::OwnChance);
    let nodes = [honest[0].address, wrong.address(), honest[1].address];
    let coordinator = coordinator(folder.path(), &nodes, &["--audit", "1"]);
    train(&mut dial(&coordinator), Plan::default()).expect("a run");
    let (output, text) = doctor(coordinator.address, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let told = found(&text, "node");
    let barred = told.iter().find(|one| one["outcome"] == "problem");
    let barred = barred.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(barred["about"], wrong.address().to_string());
    let said = barred["found"].as_str().expect("a text");
    assert!(said.starts_with("it is barred: "), "{said}");
    assert!(
        barred["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("restarted"))
    );
}
