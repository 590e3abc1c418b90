//! Nodes that are killed and come back, again and again: no death is missed, and no bit changes.

use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use roundtable::clock;
use roundtable::wire::stubs::coordinator::RunState;

use crate::cluster::{
    Cluster, Member, follow, is_down, is_up, light, median_and_most, quiet, status, submit, until,
};
use crate::effort::{figure, pick};
use crate::samples::dice::Dice;

/// A node that takes every task and then sleeps, so that a run lasts.
const SLOW: [&str; 5] = ["1", "--load-delay", "100ms", "--slots", "2"];

#[test]
fn a_node_that_dies_again_and_again_gets_work_after_each_return() {
    let (deaths, rounds) = (pick(8, 100), pick(250, 2_500));
    let calm = quiet(light(rounds));
    let mut nodes = Member::start_all(2, &SLOW);
    let cluster = Cluster::of(&nodes, &["1", "--heartbeat", "200ms"]);
    let (mut asking, mut looking) = (cluster.dial(), cluster.dial());
    let run = submit(&mut asking, light(rounds));
    let victim = nodes[0].at();
    until(&mut looking, &victim, |node| node.completed > Some(0));
    let (mut noticed, mut returned) = (Vec::new(), Vec::new());
    for _ in 0..deaths {
        nodes[0].kill();
        noticed.push(until(&mut looking, &victim, is_down));
        nodes[0].restart();
        let before = status(&mut looking, &victim).completed;
        returned.push(until(&mut looking, &victim, |node| {
            is_up(node) && node.completed > before
        }));
    }
    let state = crate::clients::state(&mut looking, &run);
    assert_eq!(state, RunState::RUNNING, "it outlived every death");
    for node in &mut nodes {
        node.kill();
        node.restart_at_ease();
    }
    let run = follow(&mut asking, &run).expect("a report");
    run.assert_nothing_lost();
    assert_eq!(run.report.digest, calm.report.digest);
    figure(
        &format!("one node killed and restarted {deaths} times in one run"),
        "every death noticed, work after every return, same bits",
        format!(
            "noticed: {}; first answer after the return: {}",
            median_and_most(&mut noticed),
            median_and_most(&mut returned)
        ),
    );
}

#[test]
fn a_storm_of_kills_changes_nothing() {
    let lasting = pick(Duration::from_secs(3), Duration::from_secs(30));
    let every = Duration::from_millis(200);
    // A round takes a node two tasks of 100 ms at the least.
    let rounds = pick(30, 200);
    let calm = quiet(light(rounds));
    let slow = ["1", "--load-delay", "100ms", "--slots", "1"];
    let nodes = Member::start_all(8, &slow);
    let cluster = Cluster::of(&nodes, &["1", "--heartbeat", "200ms"]);
    let (mut asking, mut looking) = (cluster.dial(), cluster.dial());
    for node in &nodes {
        until(&mut looking, &node.at(), is_up);
    }
    let run = submit(&mut asking, light(rounds));

    let mut dice = Dice(9);
    let (back, returns) = unbounded::<(usize, Member)>();
    let mut alive: Vec<Option<Member>> = nodes.into_iter().map(Some).collect();
    let start = clock::now();
    let mut kills = 0;
    while clock::now() < start + lasting {
        let next = start + every * (kills + 1);
        while let Ok((place, node)) = returns.recv_deadline(next) {
            alive[place] = Some(node);
        }
        let standing: Vec<usize> = (0..8).filter(|&place| alive[place].is_some()).collect();
        let place = standing[dice.below(standing.len())];
        let mut victim = alive[place].take().expect("it stands");
        victim.kill();
        kills += 1;
        let back = back.clone();
        thread::spawn(move || {
            victim.restart();
            let _ = back.send((place, victim));
        });
    }
    let left = crate::clients::state(&mut looking, &run);
    while alive.iter().any(Option::is_none) {
        let (place, node) = returns
            .recv_timeout(crate::programs::PATIENCE)
            .expect("back");
        alive[place] = Some(node);
    }
    let ended = follow(&mut asking, &run).expect("a report");
    ended.assert_nothing_lost();
    assert_eq!(ended.report.digest, calm.report.digest);
    let least = pick(10, 145);
    assert!(kills >= least, "{kills} kills");
    assert_eq!(left, RunState::RUNNING, "the run outlived the storm");
    let retries: i32 = ended.rounds.iter().filter_map(|round| round.retries).sum();
    assert!(retries > 0, "no task was hit");
    figure(
        &format!("{kills} kill -9 in {:.0?} among 8 nodes", lasting),
        "the run ends, no shard lost, same bits",
        format!("{retries} attempts repeated in {rounds} rounds"),
    );
}
