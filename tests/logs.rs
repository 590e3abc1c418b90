//! What the programs log: little of a healthy run, and of a failure all that is needed to follow it.

mod programs;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use programs::{Program, dial, train, until_nodes, write_list};
use roundtable::wire::stubs::coordinator::Plan;

/// A program that logs to a file.
struct Logged {
    program: Program,
    log: PathBuf,
}

impl Logged {
    fn start(name: &str, folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Logged {
        let log = folder.join(format!("{name}-{}.log", arguments.len()));
        let program = match name {
            "coordinator" => env!("CARGO_BIN_EXE_coordinator"),
            _ => env!("CARGO_BIN_EXE_compute_node"),
        };
        let mut command = Command::new(program);
        command.arg("0").args(arguments).current_dir(folder);
        command.env_remove("RUST_LOG").envs(variables.to_vec());
        let file = File::create(&log).expect("a log");
        let (program, _) =
            Program::try_start_logging(&mut command, file.into()).expect("it starts");
        Logged { program, log }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).expect("the log");
        text.lines().map(str::to_owned).collect()
    }
}

fn run(coordinator: &Program, rounds: i32) {
    let plan = Plan {
        rounds: Some(rounds),
        ..Plan::default()
    };
    train(&mut dial(coordinator), plan).expect("the run is done");
}

/// A coordinator whose second node waits with every task until it is killed.
fn with_a_node_that_dies(format: &str) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let good = Program::node(&["0"]);
    let mut slow = Program::node(&["1", "--load-delay", "10m", "--slots", "1"]);
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[good.address, slow.address]);
    let arguments = ["random", "--nodes", "nodes.txt", "--log-format", format];
    let coordinator = Logged::start("coordinator", folder.path(), &arguments, &[]);
    let dead = slow.address.to_string();
    let mut client = dial(&coordinator.program);
    until_nodes(&mut client, |nodes| {
        nodes.iter().filter(|node| node.slots > Some(0)).count() == 2
    });
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&coordinator.program, 2));
        until_nodes(&mut client, |nodes| {
            let busy = |address: &str| {
                nodes
                    .iter()
                    .any(|n| n.address == address && n.busy > Some(0))
            };
            busy(&dead)
        });
        slow.kill();
        running.join().expect("the run survives");
    });
    (coordinator.lines(), dead)
}

#[test]
fn a_healthy_run_prints_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Logged::start("node", folder.path(), &["0"], &[]);
    write_list(&folder.path().join("nodes.txt"), &[node.program.address]);
    let arguments = ["2", "--nodes", "nodes.txt"];
    let coordinator = Logged::start("coordinator", folder.path(), &arguments, &[]);
    run(&coordinator.program, 20);
    let lines = coordinator.lines();
    assert!((2..=3).contains(&lines.len()), "{lines:#?}");
    assert!(lines[0].contains("run begins run="), "{lines:#?}");
    let end = &lines[lines.len() - 1];
    assert!(end.contains("run finished after 20 rounds"), "{end}");
    assert!(end.contains(" run="), "{end}");
    assert_eq!(node.lines(), Vec::<String>::new());
    // Nothing that only a terminal understands.
    assert!(!lines.concat().contains('\x1b'), "{lines:#?}");
}

#[test]
fn rust_log_says_how_much() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Logged::start("node", folder.path(), &["0"], &[("RUST_LOG", "debug")]);
    write_list(&folder.path().join("nodes.txt"), &[node.program.address]);
    let arguments = ["2", "--nodes", "nodes.txt"];
    let quiet = Logged::start(
        "coordinator",
        folder.path(),
        &arguments,
        &[("RUST_LOG", "warn")],
    );
    run(&quiet.program, 1);
    assert_eq!(quiet.lines(), Vec::<String>::new());
    // The node says of each attempt what the coordinator would.
    let lines = node.lines();
    let about = lines.iter().find(|line| line.contains("answered"));
    let about = about.unwrap_or_else(|| panic!("{lines:#?}"));
    for key in [
        " run=",
        " round=1",
        " shards=",
        " attempt=",
        " node=127.0.0.1:",
    ] {
        assert!(about.contains(key), "{key}: {about}");
    }
}

#[test]
fn a_node_that_dies_is_named_with_all_that_it_had() {
    let (lines, dead) = with_a_node_that_dies("text");
    let failed = lines.iter().find(|line| line.contains("failed:"));
    let failed = failed.unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(failed.contains("WARN"), "{failed}");
    for key in [" run=", " round=", " shards=", " attempt="] {
        assert!(failed.contains(key), "{key}: {failed}");
    }
    assert!(failed.ends_with(&format!(" node={dead}")), "{failed}");
    let down = lines.iter().find(|line| line.contains("node is down"));
    assert!(down.is_some_and(|line| line.contains(&dead)), "{lines:#?}");
    // The notice that clients get is no second warning.
    let attempt = failed.split("attempt=").nth(1).expect("its id");
    let attempt = attempt.split(' ').next().expect("its id");
    let warnings = lines.iter().filter(|line| line.contains(attempt)).count();
    assert_eq!(warnings, 1, "{lines:#?}");
    let notices = lines.iter().filter(|line| line.contains("failed at"));
    assert_eq!(notices.count(), 0, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("tried again")),
        "{lines:#?}"
    );
}

#[test]
fn json_lines_are_objects() {
    let (lines, dead) = with_a_node_that_dies("json");
    let parse = |line: &String| serde_json::from_str::<Value>(line).expect("an object a line");
    let lines: Vec<Value> = lines.iter().map(parse).collect();
    for line in &lines {
        for member in ["ts", "level", "message"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
    }
    let is_failure = |line: &&Value| line["message"].as_str().unwrap().starts_with("failed:");
    let failed = lines.iter().find(is_failure).expect("the failure");
    assert_eq!(failed["level"], "warn");
    assert_eq!(failed["node"], dead);
    assert!(
        failed["run"].is_string() && failed["shards"].is_string(),
        "{failed}"
    );
    assert!(
        failed["round"].is_u64() && failed["attempt"].is_u64(),
        "{failed}"
    );
}

/// What a program prints where it has a terminal; none if there is no tool that makes one.
fn on_a_terminal(command: &str) -> Option<Output> {
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", command, "/dev/null"]);
    script.env("TERM", "xterm").stdin(Stdio::null());
    script.output().ok()
}

#[test]
fn no_color_is_plain_on_a_terminal_too() {
    let client = env!("CARGO_BIN_EXE_client");
    let run = "--rounds 1 --nodes 1 --epochs 1 --log-format text";
    let (help, trains) = (format!("{client} --help"), format!("{client} {run}"));
    let Some(coloured) = on_a_terminal(&help) else {
        println!("skipped: the command `script`, which makes a terminal");
        return;
    };
    let colours = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // What sets a colour or weight; what moves the cursor is no colour.
        text.split("\x1b[").skip(1).any(|rest| {
            let end = rest.find(|c: char| c.is_ascii_alphabetic());
            end.is_some_and(|end| rest[end..].starts_with('m') && !matches!(&rest[..end], "" | "0"))
        })
    };
    assert!(colours(&coloured), "a terminal has colours");
    for command in [&help, &trains, &format!("RUST_LOG=debug {trains}")] {
        let plain = on_a_terminal(&format!("NO_COLOR=1 {command}")).expect("as before");
        assert!(plain.status.success(), "{plain:?}");
        let said = String::from_utf8_lossy(&plain.stdout);
        assert!(!colours(&plain), "{command}: {said}");
    }
    let piped = Command::new(client)
        .arg("--help")
        .output()
        .expect("it runs");
    assert!(!piped.stdout.contains(&0x1b));
}
