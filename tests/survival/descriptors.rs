//! A coordinator that may open 64 files and no more.

use std::fs;
use std::net::TcpStream;

use roundtable::clock;

use crate::cluster::{Cluster, Member, follow, is_up, light, quiet, submit, until};
use crate::crowds::{greeted, is_closed, ping};
use crate::effort::{figure, pick};

#[test]
fn with_few_descriptors_a_crowd_keeps_neither_clients_nor_nodes_out() {
    let calm = quiet(light(5));
    let nodes = Member::start_all(2, &["0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let shell = format!("exec 2>{} && ulimit -n 64", log.display());
    let cluster = Cluster::started_by(&shell, &nodes, &["2"]);
    let mut live = cluster.dial();
    for node in &nodes {
        until(&mut live, &node.at(), is_up);
    }

    let start = clock::now();
    let address = cluster.coordinator.address;
    let many = pick(500, 2_000);
    let mut silent: Vec<TcpStream> = (0..many)
        .map(|_| TcpStream::connect(address).expect("a connection"))
        .collect();
    // Lanes to the nodes are opened only now.
    let run = submit(&mut live, light(5));
    let ended = follow(&mut live, &run).expect("a report");
    assert_eq!(ended.report.digest, calm.report.digest);
    ping(&mut cluster.dial());
    let closed = count_closed(&mut silent);
    assert!(closed >= many - 48, "{closed}");

    // The same of peers that have talked: the longest idle make room, `live` too at last.
    let mut idle: Vec<TcpStream> = (0..many).map(|_| greeted(address)).collect();
    let mut again = cluster.dial();
    let run = submit(&mut again, light(5));
    let ended = follow(&mut again, &run).expect("a report");
    assert_eq!(ended.report.digest, calm.report.digest);
    let left = many - count_closed(&mut idle);
    assert!((1..=48).contains(&left), "{left}");

    drop((silent, idle));
    ping(&mut cluster.dial());
    let text = fs::read_to_string(&log).expect("the log");
    let refusals = |line: &&str| line.contains("cannot accept") || line.contains("turned");
    let lines = text.lines().filter(refusals).count();
    let seconds = (clock::now() - start).as_secs() as usize;
    assert!(lines <= seconds + 2, "{lines} lines in {seconds} s: {text}");
    assert!(!text.contains("Too many open files"), "{text}");
    figure(
        &format!("64 file descriptors, {many} silent connections and {many} idle ones"),
        "clients and nodes are served all the time; one line a second at most; recovers",
        format!(
            "{lines} lines in {seconds} s, {left} idle connections kept, 2 runs with the same bits"
        ),
    );
}

fn count_closed(crowd: &mut [TcpStream]) -> usize {
    crowd
        .iter_mut()
        .map(is_closed)
        .filter(|&closed| closed)
        .count()
}
