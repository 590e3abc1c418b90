//! Sweeps by the real programs: many runs at once, one that fails, and calls that take up what is there.

mod programs;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use programs::{PATIENCE, Program, dial, until_nodes, write_list};
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{Plan, SubmitRequest};
use serde_json::Value;

const CLIENT: &str = env!("CARGO_BIN_EXE_client");

/// Three models that fit the digits, and one that does not.
const GRID: &str = "model=softmax:64-10|mlp:64-8-10|mlp:3-8-10|mlp:64-16-10";

/// A coordinator with two nodes.
struct Place {
    _folder: tempfile::TempDir,
    _nodes: [Program; 2],
    coordinator: Program,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let nodes = [(); 2].map(|()| Program::node(&["0"]));
        let list = folder.path().join("nodes.txt");
        write_list(&list, &[nodes[0].address, nodes[1].address]);
        let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
        Place {
            _folder: folder,
            _nodes: nodes,
            coordinator,
        }
    }

    fn sweep(&self, arguments: &[&str]) -> Command {
        let port = self.coordinator.address.port().to_string();
        let mut command = Command::new(CLIENT);
        command.args(["127.0.0.1", &port, "sweep", "--epochs", "1"]);
        command.args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Tasks that the nodes did so far.
    fn done(&self) -> i64 {
        let nodes = until_nodes(&mut dial(&self.coordinator), |nodes| nodes.len() == 2);
        nodes.iter().filter_map(|node| node.completed).sum()
    }
}

fn output(command: &mut Command) -> (Output, Vec<Value>) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let lines = lines.collect();
    (output, lines)
}

/// The runs among the lines: of each model the digest, the reason, and whether it was there before.
fn runs(lines: &[Value]) -> Vec<(String, Value, Value, bool)> {
    let of = lines.iter().filter(|line| line["event"] == "run");
    let mut runs: Vec<_> = of
        .map(|line| {
            let model = line["values"]["model"].as_str().expect("a model");
            let known = line["known"].as_bool().expect("yes or no");
            (
                model.to_owned(),
                line["digest"].clone(),
                line["error"].clone(),
                known,
            )
        })
        .collect();
    runs.sort_by(|a, b| a.0.cmp(&b.0));
    runs
}

#[test]
fn a_sweep_is_done_once_however_often_it_is_asked_for() {
    let place = Place::new();
    let file = place._folder.path().join("results.csv");
    let file = file.to_str().expect("a name");
    let arguments = ["--grid", GRID, "--rounds", "2", "--json", "--csv", file];
    let (first, lines) = output(&mut place.sweep(&arguments));
    assert!(first.status.success(), "{first:?}");
    let once = runs(&lines);
    assert_eq!(once.len(), 4, "{lines:?}");
    assert!(once.iter().all(|(_, _, _, known)| !known), "{once:?}");
    let failed: Vec<_> = once
        .iter()
        .filter(|(_, digest, _, _)| digest.is_null())
        .collect();
    assert_eq!(failed.len(), 1, "{once:?}");
    assert_eq!(failed[0].0, "mlp:3-8-10");
    assert!(
        failed[0]
            .2
            .as_str()
            .is_some_and(|why| why.contains("3 features")),
        "{failed:?}"
    );
    let last = lines.last().expect("a summary");
    assert_eq!(
        (&last["event"], &last["runs"], &last["failed"]),
        (&"sweep".into(), &4.into(), &1.into())
    );
    let table = std::fs::read_to_string(file).expect("the file");
    let accuracies: Vec<f64> = table
        .lines()
        .filter_map(|line| line.split(',').nth(2)?.parse().ok())
        .collect();
    assert_eq!((table.lines().count(), accuracies.len()), (5, 3), "{table}");
    assert!(accuracies.is_sorted_by(|a, b| a >= b), "{table}");

    let work = place.done();
    assert!(work > 0);
    let (second, lines) = output(&mut place.sweep(&arguments));
    assert!(second.status.success(), "{second:?}");
    let twice = runs(&lines);
    assert!(twice.iter().all(|(_, _, _, known)| *known), "{twice:?}");
    let figures = |runs: &[(String, Value, Value, bool)]| {
        let figures = runs
            .iter()
            .map(|(model, digest, why, _)| (model.clone(), digest.clone(), why.clone()));
        figures.collect::<Vec<_>>()
    };
    assert_eq!(figures(&once), figures(&twice));
    assert_eq!(place.done(), work, "nothing was done again");

    let (plain, _) = output(&mut place.sweep(&["--grid", GRID, "--rounds", "2"]));
    let said = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert!(
        said.contains("4 runs: 4 were there already, 1 failed"),
        "{said}"
    );
    assert!(
        String::from_utf8_lossy(&plain.stdout).starts_with("MODEL"),
        "{plain:?}"
    );
    // One value more is one run more; another name is another sweep.
    let more = format!("{GRID}|mlp:64-4-10");
    let (_, lines) = output(&mut place.sweep(&["--grid", &more, "--rounds", "2", "--json"]));
    assert_eq!(lines.last().expect("a summary")["known"], 4);
    let named = [
        "--grid",
        "model=softmax:64-10",
        "--rounds",
        "2",
        "--json",
        "--name",
        "b",
    ];
    let (_, lines) = output(&mut place.sweep(&named));
    assert_eq!(lines.last().expect("a summary")["known"], 0);
}

#[test]
fn a_sweep_that_was_killed_is_taken_up() {
    let place = Place::new();
    let grid = "seed=1|2|3|4";
    let arguments = ["--grid", grid, "--rounds", "3", "--parallel", "1", "--json"];
    let mut child = place
        .sweep(&arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    lines.read_line(&mut line).expect("the first run");
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    let first: Value = serde_json::from_str(&line).expect("an object");
    let (output, lines) = output(&mut place.sweep(&arguments));
    assert!(output.status.success(), "{output:?}");
    let last = lines.last().expect("a summary");
    assert_eq!((&last["runs"], &last["failed"]), (&4.into(), &0.into()));
    assert!(last["known"].as_u64() >= Some(1), "{last}");
    let again = lines.iter().find(|line| line["run"] == first["run"]);
    assert_eq!(again.expect("the same run")["digest"], first["digest"]);
}

#[test]
fn a_cluster_of_its_own_keeps_a_sweep_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let sweep = || {
        let mut command = Command::new(CLIENT);
        command.arg("--state").arg(&state);
        command.args(["sweep", "--random", "3", "--range", "lr=log:0.01..0.2"]);
        command.args(["--rounds", "2", "--epochs", "1", "--json", "--by", "loss"]);
        let (output, lines) = output(&mut command);
        assert!(output.status.success(), "{output:?}");
        lines.last().expect("a summary").clone()
    };
    let (first, second) = (sweep(), sweep());
    assert_eq!((&first["known"], &second["known"]), (&0.into(), &3.into()));
    assert_eq!(first["best"], second["best"]);
}

#[test]
fn switches_hold_for_all_points_and_can_be_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = |arguments: &[&str]| {
        let mut command = Command::new(CLIENT);
        command.arg("--state").arg(folder.path()).args(arguments);
        let (output, lines) = output(&mut command);
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).expect("text"), lines)
    };
    let grid = [
        "--grid",
        "weight_decay=0|0.1",
        "--grid",
        "standardise=true|false",
    ];
    let common = ["--stragglers", "0.5", "--drop-stragglers", "--rounds", "1"];
    let (_, lines) = client(&[&["sweep", "--json"], &grid[..], &common].concat());
    let runs: Vec<&Value> = lines.iter().filter(|line| line["event"] == "run").collect();
    assert_eq!(runs.len(), 4, "{lines:?}");
    for run in runs {
        let (config, _) = client(&["config", run["run"].as_str().expect("an id")]);
        assert!(config.contains("drop-stragglers = true"), "{config}");
        let on = run["values"]["standardise"] == "true";
        assert_eq!(config.contains("standardise = true"), on, "{config}");
        assert!(run["values"]["weight-decay"].is_string(), "{run}");
    }
}

#[test]
fn what_there_is_of_a_sweep_is_told_when_its_coordinator_is_lost() {
    let mut place = Place::new();
    let file = place._folder.path().join("results.csv");
    let seeds: Vec<String> = (1..=200).map(|seed| seed.to_string()).collect();
    let grid = format!("seed={}", seeds.join("|"));
    let mut command = place.sweep(&["--grid", &grid, "--rounds", "1", "--timeout", "500ms"]);
    command.arg("--csv").arg(&file);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut said = BufReader::new(child.stderr.take().expect("its progress"));
    let mut line = String::new();
    said.read_line(&mut line).expect("the first run");
    assert!(line.starts_with("1/200"), "{line}");
    place.coordinator.kill();
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{rest:?}");
    let has = |text: &str| rest.iter().any(|line| line.contains(text));
    assert!(has("no more runs are begun: no coordinator"), "{rest:?}");
    assert!(has("error: no coordinator"), "{rest:?}");
    let table = String::from_utf8(output.stdout).expect("text");
    assert!(table.starts_with("SEED"), "{table}");
    let rows = std::fs::read_to_string(file).expect("a file");
    assert!((2..200).contains(&rows.lines().count()), "{rows}");
}

#[test]
fn a_coordinator_without_room_is_waited_for() {
    let coordinator = Program::coordinator(&["2", "--nodes", "none"]);
    let mut asking = dial(&coordinator);
    for key in 0..64 {
        let request = SubmitRequest {
            key: format!("other {key}"),
            plan: Plan::default(),
        };
        let deadline = clock::now() + PATIENCE;
        let reply = asking.call("submit", deadline, |to| to.submit(&request));
        reply.expect("a run");
    }
    let port = coordinator.address.port().to_string();
    let mut child = Command::new(CLIENT)
        .args(["127.0.0.1", &port, "sweep", "--grid", "seed=1|2"])
        .args(["--timeout", "100ms"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    let said = child.stderr.take().expect("what it says");
    BufReader::new(said).read_line(&mut line).expect("a line");
    assert!(
        line.starts_with("waiting: ") && line.contains("64"),
        "{line}"
    );
    assert!(child.try_wait().expect("its state").is_none(), "it waits");
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
}

#[test]
fn what_cannot_be_tried_is_said() {
    let says = |arguments: &[&str], code: i32, text: &str| {
        let mut command = Command::new(CLIENT);
        command.args(["sweep", "--rounds", "1"]).args(arguments);
        let (output, _) = output(&mut command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(text), "{said}");
    };
    says(&["--grid", "learning=1"], 2, "weight-decay");
    says(&["--grid", "lr=0.1,0.2"], 2, "separated by `|`");
    says(&["--range", "lr=0..1"], 2, "--random");
    says(&["--grid", "nodes=1|2"], 2, "`nodes` is no option of a run");
    says(
        &["--grid", "shards=1", "--grid", "participants=x"],
        2,
        "shards = x",
    );
    says(&["--parallel", "65"], 2, "64");
    says(
        &["--grid", "model=mlp:3-10|mlp:4-10"],
        1,
        "of 2 runs none succeeded",
    );
}
