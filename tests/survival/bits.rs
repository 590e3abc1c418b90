//! The same bits, whatever does the work: nodes, slots, policy and load.

use crate::cluster::{Cluster, Member, follow, light, submit};
use crate::effort::{figure, is_nightly};

#[test]
fn every_cluster_gives_the_same_bits() {
    let mut digests = Vec::new();
    for (number, (nodes, slots, load)) in clusters().into_iter().enumerate() {
        let arguments = [load, "--load-delay", "5ms", "--slots", slots];
        let nodes = Member::start_all(nodes, &arguments);
        for policy in ["1", "2"] {
            // With every change, one of the two.
            if !is_nightly() && (number % 2 == 0) == (policy == "2") {
                continue;
            }
            let cluster = Cluster::of(&nodes, &[policy]);
            let mut client = cluster.dial();
            let run = submit(&mut client, light(5));
            let ended = follow(&mut client, &run).expect("a report");
            ended.assert_nothing_lost();
            digests.push(ended.report.digest);
        }
    }
    assert!(digests[0].is_some() && digests.iter().all(|digest| *digest == digests[0]));
    figure(
        "1, 2, 4, 8 nodes of 1, 2, 8 slots under both policies at load 0, 0.5, 0.9",
        "one digest",
        format!("one of {}", digests.len()),
    );
}

/// Nodes, slots and load: all at night, and otherwise each value at least once.
fn clusters() -> Vec<(usize, &'static str, &'static str)> {
    let mut all = Vec::new();
    for (n, nodes) in [1, 2, 4, 8].into_iter().enumerate() {
        for (s, slots) in ["1", "2", "8"].into_iter().enumerate() {
            for (l, load) in ["0", "0.5", "0.9"].into_iter().enumerate() {
                if is_nightly() || (n % 3 == s && (n + s) % 3 == l) {
                    all.push((nodes, slots, load));
                }
            }
        }
    }
    all
}
