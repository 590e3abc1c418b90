//! A node that stops and goes on: down while it is silent, its old answers worth nothing, work again afterwards.

use std::time::Duration;

use roundtable::clock;

use crate::cluster::{
    Cluster, Member, follow, is_down, is_up, light, quiet, status, submit, until, wait_until,
};
use crate::effort::{figure, pick};

#[test]
fn a_node_that_freezes_in_mid_task_is_replaced_and_returns() {
    let frozen = pick(Duration::from_secs(1), Duration::from_secs(24));
    let rounds = pick(120, 600);
    let calm = quiet(light(rounds));
    let slow = ["1", "--load-delay", "100ms", "--slots", "2"];
    let mut nodes = Member::start_all(2, &slow);
    let cluster = Cluster::of(&nodes, &["1", "--heartbeat", "1s"]);
    let (mut asking, mut looking) = (cluster.dial(), cluster.dial());
    let run = submit(&mut asking, light(rounds));
    let victim = nodes[0].at();
    until(&mut looking, &victim, |node| {
        node.completed > Some(0) && node.busy > Some(0)
    });

    nodes[0].program.signal("STOP");
    let down = until(&mut looking, &victim, is_down);
    let before = status(&mut looking, &victim).completed;
    let other = nodes[1].at();
    let of_other = status(&mut looking, &other).completed;
    until(&mut looking, &other, |node| {
        node.completed > of_other.map(|n| n + 5)
    });
    wait_until(clock::now() + frozen);
    let silent = status(&mut looking, &victim);
    assert!(is_down(&silent) && silent.completed == before, "{silent:?}");

    nodes[0].program.signal("CONT");
    let up = until(&mut looking, &victim, is_up);
    until(&mut looking, &victim, |node| node.completed > before);
    for node in &mut nodes {
        node.kill();
        node.restart_at_ease();
    }
    let ended = follow(&mut asking, &run).expect("a report");
    ended.assert_nothing_lost();
    assert_eq!(ended.report.digest, calm.report.digest);
    figure(
        "SIGSTOP of a node in mid-task, SIGCONT later",
        "down within 3 heartbeats of 1 s and the one it waits for, late update ignored, revived, same bits",
        format!("down after {down:.1?}, up {up:.1?} after SIGCONT"),
    );
}
