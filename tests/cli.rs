//! The built programs at the terminal: output, help, errors, exit codes.

mod programs;

use std::process::{Command, Output, Stdio};

use programs::{Program, dial, until_nodes, write_list};
use roundtable::cluster::policy::POLICIES;
use roundtable::fed::schedule::SCHEDULES;
use roundtable::fed::strategy::STRATEGIES;
use roundtable::ml::data::DATA;
use roundtable::ml::model::MODELS;
use roundtable::ml::partition::PARTITIONS;
use roundtable::wire::codec::CODECS;

const CLIENT: &str = env!("CARGO_BIN_EXE_client");
const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");
const COMPUTE_NODE: &str = env!("CARGO_BIN_EXE_compute_node");

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Asserts an exit code, and that the error stream says each of these.
fn fails(program: &str, arguments: &[&str], code: i32, says: &[&str]) {
    let output = run(program, arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for text in says {
        assert!(said.contains(text), "{arguments:?}: no {text:?} in {said}");
    }
}

#[test]
fn the_client_alone_ends_with_the_accuracy_on_the_last_line() {
    let output = run(CLIENT, &["--rounds", "6"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let accuracy: f64 = stdout(&output).trim().parse().expect("an accuracy alone");
    assert!(accuracy > 0.9, "{accuracy}");
    let progress = stderr(&output);
    assert!(progress.contains("round 6/6  accuracy"), "{progress}");
    assert!(!progress.contains('\u{1b}'), "no colours off a terminal");
}

#[test]
fn a_private_run_without_rows_says_what_to_start() {
    let says = &["no node that is up has rows of its own", "--data FILE"];
    fails(CLIENT, &["--data", "private:"], 1, says);
}

#[test]
fn the_default_run_reaches_95_percent() {
    let output = run(CLIENT, &["--quiet"]);
    let accuracy: f64 = stdout(&output).trim().parse().expect("an accuracy alone");
    assert!(accuracy >= 0.95, "{accuracy}");
    assert_eq!(stderr(&output), "", "quiet is quiet");
}

#[test]
fn json_is_an_object_a_line() {
    let output = run(CLIENT, &["--rounds", "3", "--json"]);
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|l| l["event"].as_str()).collect();
    let expected = ["started", "round", "round", "round", "ended", "result"];
    assert_eq!(kinds, expected);
    assert!(lines[5]["accuracy"].as_f64() > Some(0.8));
    assert_eq!(lines[5]["digest"], lines[3]["digest"]);
}

#[test]
fn shards_are_counted_and_drawn_without_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shards.svg");
    let file = file.to_str().expect("a path of text");
    let cut = [
        "partition",
        "--partition",
        "similarity:share=0",
        "--shards",
        "5",
    ];
    let output = run(CLIENT, &[&cut[..], &["--json", "--plot", file]].concat());
    let rows: Vec<u64> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object"))
        .map(|line| line["rows"].as_u64().expect("a number"))
        .collect();
    // 1,437 rows in five shards, and 360 held out.
    assert_eq!(rows, [288, 288, 287, 287, 287, 360], "{}", stderr(&output));
    let picture = std::fs::read_to_string(file).expect("a picture");
    assert!(picture.contains("shard-4: 287 rows"), "{picture}");
    let table = stdout(&run(CLIENT, &cut));
    assert_eq!(table.lines().count(), 8, "{table}");
    let output = run(CLIENT, &["127.0.0.1", "1", "partition"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn equal_seeds_give_equal_digests_whatever_the_cluster() {
    let digest = |more: &[&str]| {
        let arguments = [&["--rounds", "3", "--seed", "5", "--json"], more].concat();
        let output = run(CLIENT, &arguments);
        let last = stdout(&output).lines().last().expect("a line").to_owned();
        let last: serde_json::Value = serde_json::from_str(&last).expect("an object");
        last["digest"].as_str().expect("a digest").to_owned()
    };
    let one = digest(&["--nodes", "1", "--policy", "random"]);
    for policy in POLICIES.names() {
        assert_eq!(
            one,
            digest(&["--nodes", "3", "--policy", policy]),
            "{policy}"
        );
    }
}

#[test]
fn nobody_there_is_one_clear_line_and_code_1() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port().to_string();
    drop(free);
    let says = [
        "error: no coordinator at 127.0.0.1",
        "hint: start one with `coordinator",
    ];
    for command in ["train", "nodes", "runs", "status"] {
        fails(CLIENT, &["127.0.0.1", &port, command], 1, &says);
    }
}

#[test]
fn with_all_nodes_dead_the_client_names_them_and_ends_with_1() {
    let mut node = Program::node(&["0"]);
    let address = node.address;
    node.kill();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let port = coordinator.address.port().to_string();
    let says = [&address.to_string(), "refused", "tried 3 times", "hint:"];
    fails(CLIENT, &["127.0.0.1", &port], 1, &says);
}

#[test]
fn submit_watch_status_runs_nodes_cancel_and_predict() {
    let node = Program::node(&["0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let port = coordinator.address.port().to_string();
    let ask = |arguments: &[&str]| run(CLIENT, &[&["127.0.0.1", &port], arguments].concat());

    let submitted = ask(&["submit", "--rounds", "4"]);
    let id = stdout(&submitted).trim().to_owned();
    let watched = ask(&["watch", &id]);
    assert!(watched.status.success(), "{}", stderr(&watched));
    let accuracy = stdout(&watched).trim().to_owned();
    assert!(accuracy.parse::<f64>().expect("an accuracy") > 0.8);

    let status = stdout(&ask(&["status", &id]));
    assert!(
        status.contains("succeeded") && status.contains(&accuracy),
        "{status}"
    );
    let runs = stdout(&ask(&["runs"]));
    assert!(runs.contains(&id) && runs.contains("4/4"), "{runs}");
    let nodes = stdout(&ask(&["nodes"]));
    assert!(
        nodes.contains(&node.address.to_string()) && nodes.contains("up"),
        "{nodes}"
    );

    let rows = folder.path().join("rows.csv");
    std::fs::write(&rows, format!("{}\n", vec!["0"; 64].join(","))).expect("rows");
    let predicted = ask(&["predict", &id, rows.to_str().expect("a name")]);
    let lines = stdout(&predicted);
    assert!(lines.starts_with("class,probability\n"), "{lines}");
    assert_eq!(lines.lines().count(), 2);

    let long = stdout(&ask(&["submit", "--rounds", "1000000"]))
        .trim()
        .to_owned();
    let cancelled = stdout(&ask(&["cancel", &long]));
    assert!(cancelled.contains("cancelled"), "{cancelled}");
    let watched = ask(&["watch", &long]);
    assert_eq!(watched.status.code(), Some(1));
    let unknown = ask(&["status", "nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("no run `nothing`"));
    let again = ask(&["resume", &id]);
    assert!(stderr(&again).contains("only a stopped run can be resumed"));
}

#[test]
fn a_stopped_run_is_resumed_when_its_nodes_are_back() {
    let calm = run(CLIENT, &["--rounds", "3", "--json"]);
    let slow = ["1", "--load-delay", "300ms"];
    let mut node = Program::node(&slow);
    let node_port = node.address.port();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let coordinator = Program::coordinator(&["1", "--nodes", list.to_str().expect("a name")]);
    let port = coordinator.address.port().to_string();
    let ask = |arguments: &[&str]| run(CLIENT, &[&["127.0.0.1", &port], arguments].concat());
    let id = stdout(&ask(&["submit", "--rounds", "3"])).trim().to_owned();
    node.kill();
    let stopped = ask(&["watch", &id]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(stderr(&stopped).contains("resume"), "{}", stderr(&stopped));
    let _again = Program::node_at(node_port, &["0"]);
    assert!(ask(&["resume", &id]).status.success());
    let watched = ask(&["watch", &id, "--json"]);
    let last = |output: &Output| -> serde_json::Value {
        let text = stdout(output);
        serde_json::from_str(text.lines().last().expect("a line")).expect("an object")
    };
    assert_eq!(last(&watched)["digest"], last(&calm)["digest"]);
}

#[test]
fn wrong_usage_is_code_2_and_says_what_is_right() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            CLIENT,
            &["nods"],
            &["neither a command nor an address", "hint:"],
        ),
        (CLIENT, &["127.0.0.1"], &["with a port"]),
        (CLIENT, &["watch", "r"], &["none is named", "hint:"]),
        (
            CLIENT,
            &["--strategy", "fedavgg"],
            &["did you mean `fedavg`"],
        ),
        (
            CLIENT,
            &["--data", "nowhere:"],
            &["builtin", "ship", "private"],
        ),
        (CLIENT, &["--policy", "rando"], &["did you mean `random`"]),
        (CLIENT, &["--rounds", "-3"], &["plan.rounds", "-3"]),
        (CLIENT, &["--model", "mlp:64"], &["plan.model"]),
        (
            CLIENT,
            &["127.0.0.1", "1", "--nodes", "3"],
            &["--nodes is for a cluster of its own"],
        ),
        (COORDINATOR, &["0"], &["SCHEDULING_POLICY"]),
        (COORDINATOR, &["0", "rando"], &["did you mean `random`"]),
        (COORDINATOR, &["port", "1"], &["port"]),
        (COORDINATOR, &["0", "1", "--quorum", "2"], &["not a share"]),
        (COMPUTE_NODE, &["0", "1.5"], &["not a probability"]),
        (COMPUTE_NODE, &["0", "-1"], &["not a probability"]),
        (COMPUTE_NODE, &["0"], &["LOAD_PROBABILITY"]),
        (COMPUTE_NODE, &["0", "0", "--join", "nowhere"], &["nowhere"]),
    ];
    for (program, arguments, says) in cases {
        fails(program, arguments, 2, says);
    }
}

#[test]
fn what_cannot_start_is_code_1_and_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    fails(
        COMPUTE_NODE,
        &[&port, "0"],
        1,
        &["cannot listen on", "another port"],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    std::fs::write(&list, "127.0.0.1,5106\n127.0.0.1,many\n").expect("a list");
    let list = list.to_str().expect("a name");
    fails(
        COORDINATOR,
        &["0", "1", "--nodes", list],
        1,
        &["nodes.txt:2", "many"],
    );
    let missing = ["0", "1", "--nodes", "/no/such/list"];
    fails(COORDINATOR, &missing, 1, &["/no/such/list", "--nodes FILE"]);
    let data = ["0", "0", "--data", "no-such-file.csv"];
    fails(COMPUTE_NODE, &data, 1, &["no-such-file.csv"]);
}

#[test]
fn help_lists_every_row_of_every_table() {
    let help = stdout(&run(CLIENT, &["train", "--help"]));
    let tables = [
        POLICIES.names(),
        STRATEGIES.names(),
        SCHEDULES.names(),
        DATA.names(),
        MODELS.names(),
        PARTITIONS.names(),
        CODECS.names(),
    ];
    for name in tables.iter().flatten() {
        assert!(help.contains(name), "{name} is not in the client's help");
    }
    let help = stdout(&run(COORDINATOR, &["--help"]));
    for name in POLICIES.names() {
        assert!(
            help.contains(name),
            "{name} is not in the coordinator's help"
        );
    }
    for (program, options) in [
        (
            COMPUTE_NODE,
            "--data --data-root --slots --keep --load-delay --join --bind --seed",
        ),
        (
            COORDINATOR,
            "--nodes --retries --heartbeat --quorum --bind --data-root --dashboard --dashboard-token",
        ),
        (
            CLIENT,
            "--json --quiet --timeout train submit watch status cancel runs nodes predict",
        ),
    ] {
        let help = stdout(&run(program, &["--help"]));
        for option in options.split(' ') {
            assert!(
                help.contains(option),
                "{option} is not in the help of {program}"
            );
        }
    }
}

/// A coordinator and a client that follows a run that will not end by itself.
fn endless_run(node: &Program, more: &[&str]) -> (Program, std::process::Child) {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[node.address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let port = coordinator.address.port().to_string();
    let child = Command::new(CLIENT)
        .args(["127.0.0.1", &port, "--rounds", "1000000"])
        .args(more)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    until_nodes(&mut dial(&coordinator), |nodes| {
        nodes.iter().any(|node| node.completed > Some(20))
    });
    (coordinator, child)
}

#[test]
fn ctrl_c_detaches_and_says_how_to_go_on() {
    let node = Program::node(&["0"]);
    let (coordinator, child) = endless_run(&node, &[]);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .is_ok_and(|s| s.success())
    );
    let output = child.wait_with_output().expect("it ends");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let port = coordinator.address.port();
    for command in ["watch", "cancel"] {
        assert!(
            said.contains(&format!("client 127.0.0.1 {port} {command} ")),
            "{said}"
        );
    }
    let runs = stdout(&run(CLIENT, &["127.0.0.1", &port.to_string(), "runs"]));
    assert!(runs.contains("running"), "the run goes on: {runs}");
}

#[test]
fn a_coordinator_lost_in_mid_run_is_an_error_in_time() {
    let node = Program::node(&["0"]);
    let (mut coordinator, child) = endless_run(&node, &["--timeout", "1s"]);
    let port = coordinator.address.port();
    coordinator.kill();
    let output = child.wait_with_output().expect("it ends");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("error: no coordinator at 127.0.0.1:{port}")),
        "{said}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(CLIENT)
        .args(["--rounds", "3", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"));
}

#[test]
fn momentum_decay_pull_and_schedule_reach_the_nodes() {
    let digest = |options: &[&str]| {
        let arguments = [&["--rounds", "2", "--epochs", "1", "--json"], options].concat();
        let output = run(CLIENT, &arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        let last = text.lines().last().expect("a result");
        let result: serde_json::Value = serde_json::from_str(last).expect("JSON");
        result["digest"].as_str().expect("a digest").to_owned()
    };
    let plain = digest(&[]);
    // Nothing of each is nothing at all.
    let nothing = ["--momentum", "0", "--weight-decay", "0", "--proximal", "0"];
    assert_eq!(digest(&nothing), plain);
    let mut seen = vec![plain];
    for options in [
        ["--momentum", "0.9"],
        ["--weight-decay", "0.01"],
        ["--proximal", "0.1"],
        ["--schedule", "exponential:factor=0.5"],
    ] {
        let found = digest(&options);
        assert!(!seen.contains(&found), "{options:?}");
        seen.push(found);
    }
    fails(
        CLIENT,
        &["--momentum", "1"],
        2,
        &["momentum is 0 to below 1"],
    );
    fails(CLIENT, &["--schedule", "cosin"], 2, &["cosine"]);
    let warm = ["--rounds", "2", "--schedule", "constant:warmup=2"];
    fails(CLIENT, &warm, 2, &["leaves none of 2 rounds"]);
}
