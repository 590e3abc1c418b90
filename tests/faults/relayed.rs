//! Nodes and coordinators behind a relay that delays, cuts, repeats and corrupts (acceptance test 18).

use std::time::Duration;

use roundtable::wire::stubs::coordinator::{Plan, Report};
use roundtable::wire::stubs::types::DataRef;

use crate::effort::{figure, pick};
use crate::party::{Party, plan, undisturbed};
use crate::programs::Program;
use crate::relay::{Fault, Place, Relay, Way};

/// Nodes behind relays of their own, and a coordinator that knows the relays only.
fn behind(relays: usize, change: impl Fn(Relay) -> Relay) -> (Vec<Program>, Vec<Relay>, Party) {
    let nodes: Vec<Program> = (0..relays)
        .map(|_| Program::node(&["0", "--slots", "4"]))
        .collect();
    let relays: Vec<Relay> = (1..)
        .zip(&nodes)
        .map(|(seed, node)| change(Relay::to(node.address, seed)))
        .collect();
    let addresses: Vec<_> = relays.iter().map(|relay| relay.address).collect();
    let party = Party::of(&addresses, &["--heartbeat", "100ms", "--task-limit", "5s"]);
    // A node alone would get every attempt of a task.
    party.until_up(addresses.len());
    (nodes, relays, party)
}

#[test]
fn late_messages_and_connections_out_of_order_change_nothing() {
    let plan = || plan(pick(2, 6), 4);
    let calm = undisturbed(plan());
    let late = Duration::from_millis(100); // 200 there and back
    let (_nodes, relays, party) = behind(2, |relay| {
        relay.late(late).shuffled(Duration::from_millis(200))
    });
    let outcome = party.run(plan());
    outcome.must_equal(&calm);
    let connections: usize = relays.iter().map(Relay::connections).sum();
    figure(
        "200 ms there and back; connections taken on out of order",
        "same bits",
        format!("same; {connections} connections"),
    );
}

/// What was done to messages, and what came of it.
#[derive(Default)]
struct Tally {
    faults: usize,
    runs: usize,
    retries: i32,
}

impl Tally {
    /// Runs this plan until every fault that the relays were told of has happened. All must have the same bits.
    fn run(&mut self, party: &Party, relays: &[Relay], plan: &Plan, calm: &Report) {
        let most = self.runs + 50;
        let waiting = || relays.iter().map(Relay::waiting).sum::<usize>();
        while waiting() > 0 {
            let outcome = party.run(plan.clone());
            outcome.must_equal(calm);
            self.runs += 1;
            self.retries += outcome.retries;
            assert!(self.runs < most, "{} wait for a message", waiting());
        }
        self.faults += relays.iter().map(Relay::done).sum::<usize>();
    }

    fn tell(&self, fault: &str) {
        let Tally {
            faults,
            runs,
            retries,
        } = self;
        let measured = format!("{faults} times in {runs} runs, {retries} retries, all same bits");
        figure(fault, "same bits", measured);
    }
}

/// Runs on two nodes until each of these faults has happened to what the first one is asked, or answers.
fn harmed(fault: &str, method: &str, way: Way, faults: &[Fault], plan: &Plan) {
    let calm = undisturbed(plan.clone());
    let mut tally = Tally::default();
    // Of blobs a node takes each once, so a few faults to a party.
    for some in faults.chunks(pick(8, 7)) {
        let (_nodes, relays, party) = behind(2, |relay| relay.spaced(1));
        relays[0].harm(method, way, some.iter().copied());
        tally.run(&party, &relays, plan, &calm);
    }
    tally.tell(fault);
}

fn at_each_twentieth(fault: impl Fn(Place) -> Fault) -> Vec<Fault> {
    let places = (0..=20).step_by(pick(5, 1));
    places.map(|at| fault(Place::Twentieths(at))).collect()
}

#[test]
fn a_training_cut_at_each_twentieth_is_done_again() {
    let cuts = at_each_twentieth(Fault::Cut);
    let plan = plan(6, 8);
    let at = "cuts throughout a `train`";
    harmed(
        &format!("{at} request"),
        "train",
        Way::Request,
        &cuts,
        &plan,
    );
    harmed(&format!("{at} reply"), "train", Way::Reply, &cuts, &plan);
}

/// One node behind many relays is many nodes: each relay cuts its pulses at another place.
#[test]
fn a_pulse_cut_at_each_twentieth_is_taken_again() {
    let plan = plan(4, 16);
    let calm = undisturbed(plan.clone());
    let node = Program::node(&["0"]);
    let cuts = at_each_twentieth(Fault::Cut);
    let relays: Vec<Relay> = cuts.iter().map(|_| Relay::to(node.address, 1)).collect();
    for (relay, &cut) in relays.iter().zip(&cuts) {
        for method in ["hello", "heartbeat"] {
            relay.harm(method, Way::Request, [cut]);
            relay.harm(method, Way::Reply, [cut]);
        }
    }
    let addresses: Vec<_> = relays.iter().map(|relay| relay.address).collect();
    let party = Party::of(&addresses, &["--heartbeat", "100ms"]);
    let mut tally = Tally::default();
    tally.run(&party, &relays, &plan, &calm);
    tally.tell("cuts throughout `hello` and `heartbeat`, both ways");
}

/// Rows in a file, which the coordinator sends to nodes in chunks.
#[test]
fn a_shipped_shard_cut_at_each_twentieth_is_sent_again() {
    let cuts = at_each_twentieth(Fault::Cut);
    let data = DataRef {
        spec: "ship:tests/faults/points.csv".to_owned(),
        shards: Some(32),
        ..DataRef::default()
    };
    let plan = Plan {
        data: Some(data),
        ..plan(2, 32)
    };
    for method in ["missing", "put_chunk"] {
        for way in [Way::Request, Way::Reply] {
            let fault = format!("cuts throughout `{method}`, {way:?}");
            harmed(&fault, method, way, &cuts, &plan);
        }
    }
}

/// Parameters and updates of 9 MB travel in chunks, several on their way at once.
#[test]
fn a_long_model_harmed_on_its_way_comes_again() {
    let place = |share| Place::Twentieths(share);
    let shares = pick(vec![10], (0..=20).collect());
    let cuts: Vec<Fault> = shares
        .iter()
        .map(|&share| Fault::Cut(place(share)))
        .collect();
    let flips: Vec<Fault> = shares
        .iter()
        .map(|&share| Fault::Flip(place(share), 3))
        .collect();
    let data = DataRef {
        spec: "synthetic:rows=20,features=2199".to_owned(),
        shards: Some(6),
        ..DataRef::default()
    };
    let model = Some("softmax:2199-1000".to_owned());
    let plan = Plan {
        model,
        data: Some(data),
        ..plan(2, 6)
    };
    let both = [cuts, flips].concat();
    for (method, way) in [("put_chunk", Way::Request), ("get_chunk", Way::Reply)] {
        let fault = format!("a cut or a wrong bit in `{method}` of a long model");
        harmed(&fault, method, way, &both, &plan);
    }
}

#[test]
fn bytes_that_come_twice_are_no_answer() {
    let (start, end) = (Place::Twentieths(0), Place::Twentieths(20));
    let mut faults: Vec<Fault> = (1..20)
        .step_by(pick(5, 1))
        .map(|at| Fault::Repeat(Place::Twentieths(at - 1), Place::Twentieths(at)))
        .collect();
    // The message as a whole, too: the answer to another call.
    faults.push(Fault::Repeat(start, end));
    let repeat = "parts that come twice, and a whole";
    harmed(
        &format!("{repeat} `train` request"),
        "train",
        Way::Request,
        &faults,
        &plan(6, 8),
    );
    harmed(
        &format!("{repeat} `train` reply"),
        "train",
        Way::Reply,
        &faults,
        &plan(6, 8),
    );
}

#[test]
fn parameters_and_updates_with_a_wrong_bit_are_noticed() {
    let amount = pick(8, 400);
    // Most of a message are values: of a request more than 1/20 to 19/20, of a reply more than that.
    let flips: Vec<Fault> = (0..amount)
        .map(|turn| Fault::Flip(Place::Twentieths(2 + turn % 17), (turn % 8) as u8))
        .collect();
    let bit = "a wrong bit in the values of";
    harmed(
        &format!("{bit} a `train` request"),
        "train",
        Way::Request,
        &flips,
        &plan(6, 8),
    );
    harmed(
        &format!("{bit} a `train` reply"),
        "train",
        Way::Reply,
        &flips,
        &plan(6, 8),
    );
}

/// Version, kind, method and number of an answer: bytes 0 to 16 of it.
#[test]
fn a_wrong_bit_in_the_head_of_an_answer_is_noticed() {
    let bytes = (0..17).step_by(pick(4, 1));
    let flips: Vec<Fault> = bytes
        .map(|at| Fault::Flip(Place::FromStart(at), (at % 8) as u8))
        .collect();
    let fault = "a wrong bit in the head of a `train` reply";
    harmed(fault, "train", Way::Reply, &flips, &plan(4, 8));
}

/// What is around the values of an answer has no checksum of its own. Whatever is wrong there, a run goes on to its
/// end; a wrong number of rows that could be true, though, weighs an update wrongly. TLS is what protects against it.
#[test]
fn a_wrong_bit_outside_the_values_ends_no_run() {
    let plan = plan(1, 2);
    let calm = undisturbed(plan.clone());
    // The end of a `train` reply: rows, loss, epochs, seconds and the ends of two structures.
    let places = (0..60).step_by(pick(13, 1)).map(Place::FromEnd);
    let (_nodes, relays, party) = behind(2, |relay| relay);
    let (mut runs, mut differ) = (0, 0);
    for (turn, place) in places.enumerate() {
        for bit in (turn % 3..8).step_by(pick(8, 1)) {
            relays[0].harm("train", Way::Reply, [Fault::Flip(place, bit as u8)]);
            while relays[0].waiting() > 0 {
                let outcome = party.run(plan.clone());
                assert_eq!(outcome.omitted, 0, "{:?}", outcome.notices);
                runs += 1;
                differ += usize::from(outcome.report.digest != calm.digest);
            }
        }
    }
    figure(
        "a wrong bit in rows, loss and the frame of an answer, without TLS",
        "the run ends",
        format!("{runs} runs ended, {differ} with other bits"),
    );
}
