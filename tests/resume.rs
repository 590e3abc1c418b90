//! Nothing finished is lost: programs are killed at random instants, and the run ends with the same bits.

mod effort;
mod programs;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use roundtable::seed::{Purpose, Seed, Stream};
use roundtable::wire::stubs::coordinator::{
    ModelRequest, NodeStatus, Plan, ResumeRequest, RunState, WatchRequest,
};
use roundtable::wire::stubs::types::DataRef;

use programs::kept::{
    Place, ROUNDS, SLOW, digest, pass, status, submit, submit_plan, text, undisturbed, until_over,
};
use programs::{PATIENCE, Program, dial, train, until_nodes};

fn stream(seed: u64) -> Stream {
    Seed(seed).stream(Purpose::Simulation, 0, 0)
}

/// The client program, asked for the run; it has to survive what happens to the coordinator.
fn client(coordinator: &Program) -> Child {
    let port = coordinator.address.port().to_string();
    Command::new(env!("CARGO_BIN_EXE_client"))
        .args([
            "127.0.0.1",
            &port,
            "--json",
            "--timeout",
            "300s",
            "--seed",
            "7",
        ])
        .args(["--rounds", &ROUNDS.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the client starts")
}

/// What the client told: its rounds in order, and the digest of the last one.
fn told(client: Child) -> (Vec<u64>, String) {
    let output = client.wait_with_output().expect("the client ends");
    let lines = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{lines}");
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let rounds = events.iter().filter(|event| event["event"] == "round");
    let digest = rounds.clone().next_back().expect("a round")["digest"].clone();
    let rounds = rounds.filter_map(|event| event["round"].as_u64()).collect();
    (rounds, digest.as_str().expect("a digest").to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_coordinator_killed_at_random_instants_loses_no_round_and_no_bit() {
    let calm = undisturbed();
    let (kills, runs) = effort::pick((6, 1), (50, 20));
    for number in 0..runs {
        let mut stream = stream(number);
        let nodes = [0, 1, 2].map(|_| Program::node(SLOW));
        let place = Place::new(&nodes);
        let mut coordinator = place.coordinator(0);
        let port = coordinator.address.port();
        let watching = client(&coordinator);
        let mut killed = 0;
        while killed < kills {
            pass(stream.below(300));
            coordinator.kill();
            killed += 1;
            coordinator = place.coordinator(port);
        }
        let (rounds, digest) = told(watching);
        assert_eq!(
            rounds,
            (1..=ROUNDS as u64).collect::<Vec<u64>>(),
            "each round once"
        );
        assert_eq!(digest, hex(&calm), "run {number}");
    }
    effort::figure(
        "SIGKILL of the coordinator at random instants",
        "the client tells each round once; the same digest as undisturbed",
        format!("{kills} kills in a run of {ROUNDS} rounds, {runs} runs"),
    );
}

#[test]
fn a_coordinator_asked_to_stop_at_random_moments_ends_well_and_goes_on() {
    let calm = undisturbed();
    let stops = effort::pick(5, 100);
    let mut stream = stream(99);
    let nodes = [0, 1].map(|_| Program::node(SLOW));
    let place = Place::new(&nodes);
    let mut coordinator = place.coordinator(0);
    let mut run = submit(&coordinator, "first");
    let mut ended = 0;
    for stop in 0..stops {
        pass(stream.below(200));
        coordinator.signal("TERM");
        assert_eq!(coordinator.wait().code(), Some(0), "stop {stop}");
        coordinator = place.coordinator(0);
        let found = status(&coordinator, &run);
        if found.state != RunState::RUNNING {
            assert_eq!(digest(&found), calm);
            ended += 1;
            run = submit(&coordinator, &format!("{stop}"));
        }
    }
    assert_eq!(digest(&until_over(&coordinator, &run)), calm);
    effort::figure(
        "SIGTERM of the coordinator at random moments",
        "exit code 0; the run goes on in the next life; same digest",
        format!("{stops} times, {} runs", ended + 1),
    );
}

#[test]
fn a_submit_that_is_repeated_after_a_restart_is_the_same_run() {
    let nodes = [Program::node(&["0"])];
    let place = Place::new(&nodes);
    let mut coordinator = place.coordinator(0);
    let run = submit(&coordinator, "a key");
    let before = until_over(&coordinator, &run);
    coordinator.kill();
    let coordinator = place.coordinator(0);
    assert_eq!(submit(&coordinator, "a key"), run);
    let after = status(&coordinator, &run);
    assert_eq!(
        (after.state, digest(&after)),
        (RunState::SUCCEEDED, digest(&before))
    );
    // The log is the same, entry for entry.
    let request = WatchRequest {
        run: run.clone(),
        ..WatchRequest::default()
    };
    let deadline = roundtable::clock::now() + PATIENCE;
    let mut asking = dial(&coordinator);
    let reply = asking.call("watch", deadline, |to| to.watch(&request));
    let events = reply.expect("events").events;
    let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=ROUNDS as i64 + 2).collect::<Vec<i64>>());
    // And so is its model.
    let request = ModelRequest {
        run,
        ..ModelRequest::default()
    };
    let reply = asking.call("model", deadline, |to| to.model(&request));
    assert_eq!(reply.expect("a model").round, ROUNDS);
}

#[test]
fn cancelled_runs_stay_cancelled_and_stopped_ones_can_be_resumed() {
    let calm = undisturbed();
    let mut nodes = [Program::node(SLOW)];
    let place = Place::new(&nodes);
    let mut coordinator = place.coordinator(0);
    let (stopped, cancelled) = (
        submit(&coordinator, "stopped"),
        submit(&coordinator, "cancelled"),
    );
    let deadline = roundtable::clock::now() + PATIENCE;
    while status(&coordinator, &stopped).round < Some(2) {
        assert!(roundtable::clock::now() < deadline);
        pass(10);
    }
    let request = roundtable::wire::stubs::coordinator::CancelRequest {
        run: cancelled.clone(),
    };
    let reply = dial(&coordinator).call("cancel", deadline, |to| to.cancel(&request));
    assert_eq!(reply.expect("a status").state, RunState::CANCELLED);
    nodes[0].kill();
    assert_eq!(until_over(&coordinator, &stopped).state, RunState::STOPPED);
    coordinator.kill();

    let port = nodes[0].address.port();
    nodes[0] = Program::node_at(port, &["0"]);
    let coordinator = place.coordinator(0);
    assert_eq!(status(&coordinator, &cancelled).state, RunState::CANCELLED);
    let found = status(&coordinator, &stopped);
    assert_eq!(found.state, RunState::STOPPED);
    assert!(found.round >= Some(2), "{found:?}");
    let request = ResumeRequest {
        run: stopped.clone(),
    };
    let reply = dial(&coordinator).call("resume", deadline, |to| to.resume(&request));
    assert_eq!(reply.expect("a status").state, RunState::RUNNING);
    assert_eq!(digest(&until_over(&coordinator, &stopped)), calm);
}

/// A node with rows of its own, which announces itself.
fn site(folder: &Path, name: &str, coordinator: &Program) -> Program {
    let file = folder.join(name).with_extension("csv");
    let at = coordinator.address.to_string();
    let arguments = [SLOW, &["--data", text(&file), "--join", &at]].concat();
    Program::node(&arguments)
}

/// What is remembered of each site goes by its position, so a site that is late must not be left out of the list.
#[test]
fn a_private_run_goes_on_with_the_sites_it_began_with() {
    let place = Place::new(&[]);
    let folder = place.folder.path();
    for (site, name) in ["a", "b", "c"].iter().enumerate() {
        let row = |row: usize| format!("{},{},{}\n", row % 7, (row * (site + 2)) % 5, row % 2);
        let rows: String = (0..40).map(row).collect();
        std::fs::write(folder.join(name).with_extension("csv"), rows).expect("a file");
    }
    let start = |port| {
        let state = place.state();
        let kept = ["--state", text(&state), "--heartbeat", "100ms"];
        Program::coordinator_at(port, &[&["1", "--nodes", "none"], &kept[..]].concat())
    };
    let mut coordinator = start(0);
    let port = coordinator.address.port();
    let plan = |rounds| Plan {
        data: Some(DataRef {
            spec: "private:".to_owned(),
            ..DataRef::default()
        }),
        strategy: Some("scaffold".to_owned()),
        rounds: Some(rounds),
        ..Plan::default()
    };
    let mut sites = ["a", "b", "c"].map(|name| site(folder, name, &coordinator));
    let hosted = |nodes: &[NodeStatus]| {
        let shards = nodes.iter().flat_map(|node| node.hosted.iter().flatten());
        shards.count()
    };
    until_nodes(&mut dial(&coordinator), |nodes| hosted(nodes) == 3);
    let calm = train(&mut dial(&coordinator), plan(ROUNDS)).expect("a report");

    let run = submit_plan(&coordinator, "a key", plan(ROUNDS));
    let deadline = roundtable::clock::now() + PATIENCE;
    while status(&coordinator, &run).round < Some(3) {
        assert!(roundtable::clock::now() < deadline);
        pass(10);
    }
    sites[1].kill();
    coordinator.kill();
    coordinator = start(port);
    // The other two announce themselves again, and the run goes on without the one that is late for as long as a
    // task waits for its host.
    until_nodes(&mut dial(&coordinator), |nodes| hosted(nodes) == 2);
    pass(500);
    assert_eq!(status(&coordinator, &run).state, RunState::RUNNING);
    sites[1] = site(folder, "b", &coordinator);
    let found = until_over(&coordinator, &run);
    assert_eq!(digest(&found), calm.digest.expect("a digest").to_vec());
}

/// The client with a cluster of its own that keeps its runs, called in a folder.
fn kept(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.current_dir(folder).args(arguments);
    command
}

#[test]
fn a_kept_run_finds_its_rows_wherever_it_is_taken_up() {
    let place = tempfile::tempdir().expect("a folder");
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    let state = place.path().join("state");
    std::fs::create_dir_all(&here).expect("a folder");
    std::fs::create_dir_all(&there).expect("a folder");
    let rows: String = (0..40)
        .map(|row| format!("{},{},{}\n", row % 7, row % 5, row % 2))
        .collect();
    std::fs::write(here.join("rows.csv"), rows).expect("rows");
    let state_folder = state.clone();
    let state = ["--state", text(&state)];
    let asked = [
        "train",
        "--data",
        "path:rows.csv",
        "--rounds",
        "3000",
        "--epochs",
        "1",
        "--json",
    ];
    let mut child = kept(&here, &[&state[..], &asked].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut run = String::new();
    let mut line = String::new();
    while !line.contains("\"event\":\"round\"") {
        line.clear();
        std::io::BufRead::read_line(&mut lines, &mut line).expect("a line");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if let Some(id) = event["run"].as_str() {
            run = id.to_owned();
        }
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    let said = |arguments: &[&str]| {
        let output = kept(&there, &[&state[..], arguments].concat()).output();
        let output = output.expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        (String::from_utf8(output.stdout).expect("text"), error)
    };
    // Looking at it changes nothing.
    let journal = state_folder.join("runs").join(&run).join("journal");
    let before = std::fs::read(&journal).expect("a journal");
    let (runs, _) = said(&["runs"]);
    assert!(runs.contains("cut off"), "{runs}");
    assert_eq!(std::fs::read(&journal).expect("a journal"), before);
    let (accuracy, told) = said(&["resume", &run]);
    assert!(
        told.contains("files of data are looked for below"),
        "{told}"
    );
    // Once more: there is nothing left to do, which is no failure.
    let (again, _) = said(&["resume", &run, "--quiet"]);
    assert_eq!(again, accuracy);
    let (_, told) = said(&["submit", "--rounds", "1"]);
    let next = format!("follow it with `client {} {} watch ", state[0], state[1]);
    assert!(told.contains(&next), "{told}");
}

#[test]
fn two_coordinators_do_not_use_one_state() {
    let place = Place::new(&[]);
    let _first = place.coordinator(0);
    let second = Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .args(["0", "1", "--nodes", "none", "--state", text(&place.state())])
        .output()
        .expect("it runs");
    let error = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        error.contains("another coordinator uses") && error.contains("--state"),
        "{error}"
    );
}
