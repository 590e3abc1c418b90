//! A client and its coordinator behind a relay: the run is asked for once, and told of whole.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::effort::{figure, pick};
use crate::party::Party;
use crate::programs::Program;
use crate::relay::{Fault, Place, Relay, Way};

/// What the client says of a run: its events and its result, without times and names of runs.
fn client(at: &Relay) -> Vec<String> {
    let (ip, port) = (at.address.ip().to_string(), at.address.port().to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .args([
            &ip, &port, "--json", "train", "--rounds", "6", "--seed", "7",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("the client runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}{said}");
    said.lines().map(without_times).collect()
}

/// An event without what differs from run to run: times, and who did what.
fn without_times(line: &str) -> String {
    let mut event: Value = serde_json::from_str(line).expect("an object a line");
    let fields = event.as_object_mut().expect("an object");
    for field in ["run", "seconds", "sequence", "message", "nodes_up", "nodes"] {
        fields.remove(field);
    }
    event.to_string()
}

#[test]
fn a_client_cut_off_at_each_twentieth_gets_the_whole_report() {
    let nodes = [Program::node(&["0"]), Program::node(&["0"])];
    let party = Party::of(&nodes.each_ref().map(|node| node.address), &[]);
    party.until_up(2);
    let direct = Relay::to(party.coordinator.address, 1);
    let calm = client(&direct);
    assert!(calm.len() >= 7, "{calm:?}");
    let places: Vec<Place> = (0..=20)
        .step_by(pick(5, 1))
        .map(Place::Twentieths)
        .collect();
    let cuts: Vec<Fault> = places.iter().map(|&at| Fault::Cut(at)).collect();
    // An answer that comes twice is no answer to the next question. Without TLS nothing protects what is inside.
    let mut twice = cuts.clone();
    twice.push(Fault::Repeat(Place::Twentieths(0), Place::Twentieths(20)));
    let (mut done, mut runs) = (0, 0);
    for method in ["submit", "watch"] {
        for (way, faults) in [(Way::Request, &cuts), (Way::Reply, &twice)] {
            let relay = Relay::to(party.coordinator.address, 1).spaced(1);
            relay.harm(method, way, faults.iter().copied());
            while relay.waiting() > 0 {
                assert_eq!(client(&relay), calm, "{method}, {way:?}");
                runs += 1;
            }
            done += relay.done();
        }
    }
    let known = party.runs();
    assert_eq!(known, runs + 1, "no run is asked for twice");
    figure(
        "cuts and answers that come twice, between client and coordinator, both ways",
        "the whole report, each run once",
        format!("{done} in {runs} runs: the same events and digests, {runs} runs"),
    );
}
