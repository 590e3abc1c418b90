//! How cost grows: with the nodes, with the parameters of the model, with the participants.
//!
//! Nodes and parameters: rounds without training over real sockets, the coordinator as a process of its own, whose
//! memory and threads are counted. Participants: real training of ten rows each, one cohort of a thousand at most.
//! `cargo bench --bench growth -- [nodes|parameters|participants]`, all three unless told.

mod idle;
mod trio;

use std::time::Duration;

use roundtable::app::{dial, embedded};
use roundtable::clock;
use roundtable::net::Server;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, TrainRequest};
use roundtable::wire::stubs::types::DataRef;
use trio::Process;

fn coordinate(nodes: &[Server]) -> Process {
    let addresses: Vec<_> = nodes.iter().map(Server::address).collect();
    Process::coordinator(&addresses, &[])
}

/// Time of a round without training: so many rounds after one to warm up.
fn a_round(process: &Process, rounds: i32, shape: [usize; 2], shards: usize) -> Duration {
    let address = process.address.into();
    idle::run(&address, 1, shape, shards);
    let one = idle::run(&address, 1, shape, shards);
    let all = idle::run(&address, 1 + rounds, shape, shards);
    all.saturating_sub(one) / rounds.unsigned_abs()
}

fn nodes() {
    for count in [1, 10, 100, 1_000] {
        let nodes: Vec<Server> = (1..=count)
            .map(|number| idle::start(number, 1_000))
            .collect();
        let process = coordinate(&nodes);
        let shards = nodes.len();
        let took = a_round(
            &process,
            (20_000 / shards).clamp(20, 2_000) as i32,
            [99, 10],
            shards,
        );
        let (memory, threads) = process.footprint();
        println!(
            "{count:>6} nodes, 1,000 parameters: {:>8.3} ms a round, {:>6.1} us a node; \
             the coordinator: {memory:.0} MB, {threads} threads",
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e6 / shards as f64,
        );
    }
}

fn parameters() {
    for (shape, rounds) in [
        ([99, 10], 1_000),
        ([999, 10], 1_000),
        ([999, 100], 200),
        ([999, 1_000], 30),
        ([9_999, 1_000], 6),
        ([9_999, 10_000], 2),
    ] {
        let values = (shape[0] + 1) * shape[1];
        let nodes: Vec<Server> = (1..=4).map(|number| idle::start(number, values)).collect();
        let process = coordinate(&nodes);
        let took = a_round(&process, rounds, shape, 4);
        let (memory, _) = process.footprint();
        let model = values as f64 * 4.0 / f64::from(1 << 20);
        println!(
            "{values:>11} parameters ({model:.1} MB), 4 nodes: {:>9.3} ms a round; \
             the coordinator: {memory:.0} MB",
            took.as_secs_f64() * 1e3,
        );
    }
}

fn participants() {
    let cluster = embedded::Cluster::start(embedded::Config::default()).expect("a cluster");
    for count in [10, 100, 1_000, 10_000, 100_000] {
        let plan = |rounds| Plan {
            model: Some("softmax:20-4".to_owned()),
            data: Some(DataRef {
                spec: format!("synthetic:rows={}", count * 10),
                partition: None,
                shards: Some(count),
                seed: None,
                held_out: Some(0.0),
                ..DataRef::default()
            }),
            cohort: Some(count.min(1_000)),
            rounds: Some(rounds),
            training: Some(Training {
                epochs: Some(1),
                batch: Some(10),
                learning_rate: 0.1,
                ..Training::default()
            }),
            ..Plan::default()
        };
        let run = |rounds| {
            let address = cluster.address();
            let mut client =
                dial::coordinator(&address, Duration::from_secs(5)).expect("a connection");
            let request = TrainRequest { plan: plan(rounds) };
            let start = clock::now();
            let end = start + Duration::from_secs(300);
            let report = client.call("train", end, |client| client.train(&request));
            report.expect("a report");
            start.elapsed()
        };
        let (one, many) = (run(1), run(21));
        let took = many.saturating_sub(one) / 20;
        println!(
            "{count:>7} participants of 10 rows, {:>5} a round: {:>8.3} ms a round, {:>5.1} us each",
            count.min(1_000),
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e6 / f64::from(count.min(1_000)),
        );
    }
}

fn main() {
    rlimit::increase_nofile_limit(65_536).expect("enough descriptors");
    let asked: Vec<String> = std::env::args().collect();
    let all = !["nodes", "parameters", "participants"]
        .iter()
        .any(|part| asked.iter().any(|word| word == part));
    let wants = |part: &str| all || asked.iter().any(|word| word == part);
    if wants("nodes") {
        nodes();
    }
    if wants("parameters") {
        parameters();
    }
    if wants("participants") {
        participants();
    }
}
