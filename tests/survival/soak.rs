//! Runs over and over while nodes are killed, stopped and slowed: what the coordinator holds comes back to what it held.

use std::time::Duration;

use roundtable::clock;

use crate::cluster::{Cluster, Member, follow, is_up, light, quiet, submit, until, wait_until};
use crate::effort::{figure, is_nightly, pick};
use crate::process::Holds;
use crate::programs::PATIENCE;
use crate::samples::dice::Dice;

#[test]
fn hours_of_faults_leave_nothing_behind() {
    let lasting = pick(Duration::from_secs(6), Duration::from_secs(600));
    let calm = quiet(light(20));
    let slow = ["0.3", "--load-delay", "20ms", "--slots", "2"];
    let mut nodes = Member::start_all(4, &slow);
    let cluster = Cluster::of(&nodes, &["2", "--heartbeat", "200ms"]);
    let pid = cluster.coordinator.pid();
    let mut client = cluster.dial();
    let all_up = |client: &mut _, nodes: &[Member]| {
        for node in nodes {
            until(client, &node.at(), is_up);
        }
    };
    all_up(&mut client, &nodes);
    // More runs than are remembered, so that remembering more of them takes no more memory.
    let warm = pick(20, 300);
    for _ in 0..warm {
        let run = submit(&mut client, light(20));
        follow(&mut client, &run).expect("a report");
    }
    let base = settled(&pid);

    let mut dice = Dice(26);
    let (mut runs, mut faults) = (0, 0);
    let mut samples: Vec<(f64, f64)> = Vec::new();
    let start = clock::now();
    while clock::now() < start + lasting {
        let run = submit(&mut client, light(20));
        let victim = dice.below(nodes.len());
        faults += 1;
        match dice.below(3) {
            0 => {
                nodes[victim].kill();
                nodes[victim].restart();
            }
            1 => {
                nodes[victim].program.signal("STOP");
                let pause = Duration::from_millis(dice.below(500) as u64);
                wait_until(clock::now() + pause);
                nodes[victim].program.signal("CONT");
            }
            _ => {
                nodes[victim].program.signal("STOP");
                // Shorter than a heartbeat: slow, and nothing else.
                wait_until(clock::now() + Duration::from_millis(50));
                nodes[victim].program.signal("CONT");
            }
        }
        let ended = follow(&mut client, &run).expect("a report");
        assert_eq!(ended.report.digest, calm.report.digest);
        runs += 1;
        let minutes = (clock::now() - start).as_secs_f64() / 60.0;
        samples.push((minutes, Holds::of(&pid).megabytes()));
    }
    all_up(&mut client, &nodes);
    // Lanes are kept: a node whose attempts were given up on may have got one more, with its connection.
    let after = settled_to(
        &pid,
        Holds {
            threads: base.threads + nodes.len(),
            files: base.files + nodes.len(),
            ..base
        },
    );
    let slope = slope(&samples);
    let percent = 100.0 * slope / base.megabytes();
    if is_nightly() {
        assert!(percent < 1.0, "{percent:.2} % a minute");
    }
    figure(
        &format!("{runs} runs in {lasting:.0?} with {faults} nodes killed, stopped or slowed"),
        "threads and descriptors back to the base, but for one kept lane a node; memory grows less than 1 % a minute, same bits",
        format!(
            "threads {} to {}, descriptors {} to {}, memory {:.1} to {:.1} MB, {percent:+.2} % a minute",
            base.threads,
            after.threads,
            base.files,
            after.files,
            base.megabytes(),
            after.megabytes()
        ),
    );
}

/// What a process holds when it has come to rest: the same twice in a row.
fn settled(pid: &str) -> Holds {
    let deadline = clock::now() + PATIENCE;
    let mut last = Holds::of(pid);
    loop {
        wait_until(clock::now() + Duration::from_millis(500));
        let now = Holds::of(pid);
        if (now.threads, now.files) == (last.threads, last.files) || clock::now() > deadline {
            return now;
        }
        last = now;
    }
}

/// The same, no more than before.
fn settled_to(pid: &str, base: Holds) -> Holds {
    let deadline = clock::now() + PATIENCE;
    loop {
        let now = settled(pid);
        if now.threads <= base.threads && now.files <= base.files {
            return now;
        }
        assert!(clock::now() < deadline, "{now:?} is left of {base:?}");
    }
}

/// By how much it grows with time, by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let sum = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>();
    let (x, y) = (sum(|s| s.0) / count, sum(|s| s.1) / count);
    let covariance: f64 = samples.iter().map(|s| (s.0 - x) * (s.1 - y)).sum();
    let variance: f64 = samples.iter().map(|s| (s.0 - x) * (s.0 - x)).sum();
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}
