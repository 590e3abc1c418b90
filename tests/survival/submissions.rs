//! Ten thousand submissions at once: as many runs as there may be, a quick "busy" for the others, and clients that wait.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use roundtable::clock;
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::coordinator::{CancelRequest, SubmitRequest};
use roundtable::wire::stubs::types::{Fault, FaultCode};

use crate::cluster::{Cluster, Member, light, patience, submit, until};
use crate::effort::{figure, pick};
use crate::process::Holds;

/// Runs under way at once, as the coordinator allows.
const MOST: usize = 64;
/// A node whose tasks never end here.
const STUCK: [&str; 5] = ["1", "--load-delay", "10m", "--slots", "1"];
/// Connections that submit at the same time.
const CROWD: usize = 20;

/// Submits many runs over one connection without waiting for the answers: how many were taken in, and the others' faults.
fn flood(cluster: &Cluster, connection: usize, wave: usize, many: usize) -> (usize, Vec<Fault>) {
    let mut client = cluster.dial();
    let deadline = clock::now() + patience();
    let (mut taken, mut faults) = (0, Vec::new());
    let all = client.call("submit", deadline, |to| {
        for number in 0..many {
            let key = format!("{wave} {connection} {number}");
            let plan = light(1);
            to.send_submit(&SubmitRequest { key, plan })?;
        }
        for _ in 0..many {
            match to.receive_submit() {
                Ok(_) => taken += 1,
                Err(CallError::Fault(fault)) => faults.push(fault),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    });
    all.expect("every submission is answered");
    (taken, faults)
}

/// The same over many connections.
fn wave(cluster: &Cluster, number: usize, many: usize) -> (usize, Vec<Fault>) {
    thread::scope(|scope| {
        let start =
            |connection| scope.spawn(move || flood(cluster, connection, number, many / CROWD));
        let started: Vec<_> = (0..CROWD).map(start).collect();
        let ended = started.into_iter().map(|it| it.join().expect("no panic"));
        ended.fold((0, Vec::new()), |(taken, mut all), (more, faults)| {
            all.extend(faults);
            (taken + more, all)
        })
    })
}

#[test]
fn ten_thousand_submissions_are_sixty_four_runs_and_busy_for_the_rest() {
    let nodes = [Member::start(&STUCK)];
    let cluster = Cluster::of(&nodes, &["1"]);
    let mut live = cluster.dial();
    until(&mut live, &nodes[0].at(), crate::cluster::is_up);
    let taken = (0..MOST).map(|_| submit(&mut live, light(1))).count();
    assert_eq!(taken, MOST);
    let pid = cluster.coordinator.pid();
    // Whatever a first wave leaves in buffers and the allocator is there before the memory is measured.
    let (more, _) = wave(&cluster, 0, 1_000);
    assert_eq!(more, 0);
    let before = Holds::of(&pid);
    let many = pick(2_000, 10_000);
    let start = clock::now();
    let (more, faults) = wave(&cluster, 1, many);
    let took = clock::now() - start;
    let grew = Holds::of(&pid).megabytes() - before.megabytes();
    assert_eq!((more, faults.len()), (0, many));
    for fault in &faults {
        assert_eq!(fault.code, FaultCode::BUSY, "{fault:?}");
        assert!(fault.retryable == Some(true) && fault.retry_after_ms > Some(0));
    }
    assert!(grew < 10.0, "memory grew by {grew:.1} MB");
    figure(
        &format!("{many} submissions at once over {CROWD} connections, 64 runs under way"),
        "all others told to come back, memory + 10 MB at most, the coordinator lives",
        format!("{:.0?} each, memory {grew:+.1} MB", took / many as u32),
    );
}

#[test]
fn no_more_runs_are_taken_in_than_allowed_however_many_ask_at_once() {
    let nodes = [Member::start(&STUCK)];
    let cluster = Cluster::of(&nodes, &["1"]);
    until(&mut cluster.dial(), &nodes[0].at(), crate::cluster::is_up);
    let (taken, faults) = wave(&cluster, 0, 1_000);
    assert_eq!((taken, faults.len()), (MOST, 1_000 - MOST));
}

#[test]
fn a_client_told_to_come_back_does() {
    let nodes = [Member::start(&STUCK)];
    let cluster = Cluster::of(&nodes, &["1"]);
    let mut live = cluster.dial();
    let runs: Vec<String> = (0..MOST).map(|_| submit(&mut live, light(1))).collect();
    let client = |timeout: &str| {
        let address = cluster.coordinator.address;
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        command
            .args([&address.ip().to_string(), &address.port().to_string()])
            .args(["submit", "--rounds", "1", "--timeout", timeout])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let impatient = client("1s").output().expect("it ends");
    let said = String::from_utf8_lossy(&impatient.stderr);
    assert_eq!(impatient.status.code(), Some(1));
    assert!(said.contains("64 runs are under way"), "{said}");

    let start = clock::now();
    let mut patient = client("60s")
        .env("RUST_LOG", "debug")
        .spawn()
        .expect("it starts");
    let stderr = BufReader::new(patient.stderr.take().expect("its log"));
    let told = stderr
        .lines()
        .any(|line| line.is_ok_and(|line| line.contains("trying again in 5s")));
    assert!(told, "it was not told to come back");
    let request = CancelRequest {
        run: runs[0].clone(),
    };
    let deadline = clock::now() + patience();
    let cancelled = live.call("cancel", deadline, |to| to.cancel(&request));
    cancelled.expect("it is called off");
    let ended = patient.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{ended:?}");
    figure(
        "a client is told \"busy, come back in 5 s\"",
        "it waits that long and is taken in, or gives up when its patience is over",
        format!("taken in after {:.1?}", clock::now() - start),
    );
}
