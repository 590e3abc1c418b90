//! Nodes that are half there: heartbeats pass and tasks do not, or the other way round, or all of it very slowly.

use std::time::Duration;

use roundtable::wire::stubs::coordinator::{NodeState, NodeStatus};

use crate::effort::{figure, pick};
use crate::party::{Party, plan, undisturbed};
use crate::programs::{Program, dial, until_nodes};
use crate::relay::{Fault, Place, Purpose, Relay, Way};

/// Two nodes, the first of them behind a relay. A task that is not answered within two seconds is another node's.
fn half_there() -> (Vec<Program>, Relay, Party) {
    let nodes = vec![Program::node(&["0"]), Program::node(&["0"])];
    let relay = Relay::to(nodes[0].address, 1);
    let party = Party::of(
        &[relay.address, nodes[1].address],
        &["--heartbeat", "100ms", "--task-limit", "2s"],
    );
    party.until_up(2);
    (nodes, relay, party)
}

fn ways() -> Vec<Way> {
    pick(vec![Way::Reply], vec![Way::Request, Way::Reply])
}

#[test]
fn a_node_without_heartbeats_is_down_until_they_come_again() {
    let plan = plan(3, 8);
    let calm = undisturbed(plan.clone());
    for way in ways() {
        let (_nodes, relay, party) = half_there();
        let at = relay.address.to_string();
        let is = |state: NodeState| {
            let at = at.clone();
            move |nodes: &[NodeStatus]| {
                let mut nodes = nodes.iter();
                nodes.any(|node| node.address == at && node.state == state)
            }
        };
        let mut client = dial(&party.coordinator);
        relay.hold(Purpose::Pulse, way);
        party.run(plan.clone()).must_equal(&calm);
        until_nodes(&mut client, is(NodeState::DOWN));
        party.run(plan.clone()).must_equal(&calm);
        relay.release();
        until_nodes(&mut client, is(NodeState::UP));
        let trained = relay.requests("train");
        party.run(plan.clone()).must_equal(&calm);
        assert!(relay.requests("train") > trained, "it gets work again");
    }
    figure(
        "heartbeats held, tasks pass; each way",
        "same bits; down, and up again after",
        "3 runs, same bits; down and up",
    );
}

#[test]
fn a_node_whose_tasks_hang_is_done_without() {
    let plan = plan(2, 8);
    let calm = undisturbed(plan.clone());
    let mut retries = 0;
    for way in ways() {
        let (_nodes, relay, party) = half_there();
        relay.hold(Purpose::Work, way);
        let outcome = party.run(plan.clone());
        outcome.must_equal(&calm);
        retries += outcome.retries;
        assert!(relay.requests("train") > 0, "it was asked");
        relay.release();
        party.run(plan.clone()).must_equal(&calm);
    }
    figure(
        "tasks held, heartbeats pass; each way",
        "same bits by the other node",
        format!("same bits; {retries} attempts failed, others had a second one elsewhere"),
    );
}

#[test]
fn an_answer_that_drips_or_stops_is_left_to_another_node() {
    let plan = plan(2, 8);
    let calm = undisturbed(plan.clone());
    let second = Duration::from_secs(1);
    let middle = Place::Twentieths(10);
    let nearly = Place::FromEnd(3);
    for way in ways() {
        for fault in [
            Fault::Drip(middle, second),
            Fault::Drip(nearly, second / 10),
            Fault::Truncate(middle),
            Fault::Truncate(nearly),
        ] {
            let (_nodes, relay, party) = half_there();
            relay.harm("train", way, [fault; 2]);
            let outcome = party.run(plan.clone());
            outcome.must_equal(&calm);
            assert!(relay.done() > 0, "{fault:?} did not happen");
        }
    }
    figure(
        "an answer at a byte a second, or that stops in the middle",
        "same bits by the other node",
        "same bits",
    );
}
