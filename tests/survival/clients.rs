//! Clients that go away, and clients that come together: a run belongs to nobody's connection.

use std::process::{Command, Stdio};
use std::thread;

use roundtable::app::dial::{Coordinator, Dialled};
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{Plan, RunState, RunsRequest, StatusRequest};

use crate::cluster::{Cluster, Member, follow, light, patience, quiet, submit};
use crate::effort::figure;

/// How a run stands.
pub fn state(client: &mut Dialled<Coordinator>, run: &str) -> RunState {
    let request = StatusRequest {
        run: run.to_owned(),
    };
    let deadline = clock::now() + patience();
    let status = client.call("status", deadline, |to| to.status(&request));
    status.expect("a status").state
}

fn only_run(client: &mut Dialled<Coordinator>) -> String {
    let deadline = clock::now() + patience();
    loop {
        let runs = client.call("runs", deadline, |to| to.runs(&RunsRequest::default()));
        if let Some(run) = runs.expect("the runs").runs.first() {
            return run.run.clone();
        }
        thread::yield_now();
    }
}

fn client(cluster: &Cluster, arguments: &[&str]) -> Command {
    let address = cluster.coordinator.address;
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command
        .args([&address.ip().to_string(), &address.port().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped());
    command
}

#[test]
fn a_client_killed_in_mid_run_leaves_its_run_to_another() {
    let rounds = ["--rounds", "30", "--seed", "3", "--json"];
    let nodes = Member::start_all(2, &["1", "--load-delay", "30ms"]);
    let cluster = Cluster::of(&nodes, &["1"]);
    let mut looking = cluster.dial();
    let mut first = client(&cluster, &[&["train"], &rounds[..]].concat())
        .spawn()
        .expect("it starts");
    let run = only_run(&mut looking);
    first.kill().expect("it can be killed");
    first.wait().expect("it is gone");
    assert_eq!(state(&mut looking, &run), RunState::RUNNING);

    let second = client(&cluster, &["watch", &run, "--json"]).output();
    let second = second.expect("it ends");
    assert!(second.status.success());
    let result = |stdout: Vec<u8>| -> serde_json::Value {
        let text = String::from_utf8(stdout).expect("text");
        serde_json::from_str(text.lines().last().expect("a line")).expect("an object")
    };
    let result_of_second = result(second.stdout);
    assert_eq!(result_of_second["run"], run.as_str());
    let again = client(&cluster, &[&["train"], &rounds[..]].concat()).output();
    let again = result(again.expect("it ends").stdout);
    assert_eq!(again["digest"], result_of_second["digest"]);
    figure(
        "SIGKILL of a client in mid-run",
        "the run goes on, and another client gets its report",
        format!("{} of 30 rounds reported", result_of_second["rounds"]),
    );
}

#[test]
fn runs_of_three_clients_at_once_do_not_mix() {
    let plans = [3, 4, 5].map(|seed| Plan {
        model: Some(["softmax:64-10", "mlp:64-16-10", "mlp:64-8-8-10"][seed as usize - 3].into()),
        seed: Some(seed),
        ..light(25)
    });
    let alone = plans.clone().map(quiet);
    let nodes = Member::start_all(3, &["0.3", "--load-delay", "5ms"]);
    let cluster = Cluster::of(&nodes, &["2"]);
    let together = thread::scope(|scope| {
        let ask = |plan: Plan| {
            let mut client = cluster.dial();
            scope.spawn(move || {
                let run = submit(&mut client, plan);
                follow(&mut client, &run).expect("a report")
            })
        };
        plans
            .map(ask)
            .map(|client| client.join().expect("no panic"))
    });
    for (alone, together) in alone.iter().zip(&together) {
        together.assert_nothing_lost();
        assert_eq!(alone.report.digest, together.report.digest);
        assert_eq!(alone.report.accuracy, together.report.accuracy);
    }
    figure(
        "three clients at once",
        "each run gives the bits of its solo run",
        "3 of 3 equal",
    );
}
