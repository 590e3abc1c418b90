//! Every strategy through the real trio: it learns, and its bits are the same whatever nodes there are.

mod programs;

use programs::kept::{Place, digest, pass, status, until_over};
use programs::{PATIENCE, Program, dial, train, write_list};
use roundtable::clock;
use roundtable::fed::aggregate::RULES;
use roundtable::fed::attack::ATTACKS;
use roundtable::fed::strategy::STRATEGIES;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, Report, SubmitRequest};
use roundtable::wire::stubs::types::DataRef;

/// Strategies that remember more than the parameters.
const REMEMBERING: [&str; 5] = ["fedavgm", "fedyogi", "scaffold", "feddyn", BUFFERED];
const BUFFERED: &str = "fedbuff:buffer=3,concurrency=6,stale=2";

/// Shards that differ in size, and half of them a round.
fn plan(strategy: &str) -> Plan {
    let one_step = strategy == "fedsgd";
    let steps = |number| (!one_step).then_some(number);
    Plan {
        strategy: Some(strategy.to_owned()),
        data: Some(DataRef {
            spec: "builtin:digits".to_owned(),
            partition: Some("quantity:alpha=0.5".to_owned()),
            shards: Some(10),
            ..DataRef::default()
        }),
        rounds: Some(12),
        cohort: (!strategy.starts_with("fedbuff")).then_some(5),
        training: Some(Training {
            epochs: steps(2),
            batch: steps(10),
            learning_rate: if one_step { 0.5 } else { 0.05 },
            ..Training::default()
        }),
        seed: Some(7),
        ..Plan::default()
    }
}

fn run(nodes: usize, strategy: &str) -> Report {
    run_plan(nodes, plan(strategy)).expect("a report")
}

fn run_plan(nodes: usize, plan: Plan) -> Result<Report, String> {
    let nodes: Vec<Program> = (0..nodes).map(|_| Program::node(&["0"])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let list = list.to_str().expect("a path");
    let coordinator = Program::coordinator(&["1", "--nodes", list]);
    train(&mut dial(&coordinator), plan)
}

#[test]
fn every_strategy_learns_and_gives_the_same_bits_on_one_node_and_on_three() {
    let mut digests = std::collections::BTreeMap::new();
    for name in STRATEGIES.names() {
        let name = if name == "fedbuff" { BUFFERED } else { name };
        let (one, three) = (run(1, name), run(3, name));
        assert_eq!(one.digest, three.digest, "{name}");
        let accuracy = one.accuracy.expect("an accuracy");
        println!("{name}: {accuracy:.3}");
        assert!(
            accuracy > 0.3,
            "{name}: {accuracy}, by chance it would be 0.1"
        );
        let before = digests.insert(one.digest.clone(), name);
        assert_eq!(before, None, "{name} does the same");
    }
}

#[test]
fn a_killed_coordinator_goes_on_with_what_was_remembered() {
    for name in REMEMBERING {
        let undisturbed = run(1, name).digest;
        let nodes = [0, 1].map(|_| Program::node(&["1", "--load-delay", "10ms"]));
        let place = Place::new(&nodes);
        let mut coordinator = place.coordinator(0);
        let request = SubmitRequest {
            key: name.to_owned(),
            plan: plan(name),
        };
        let deadline = clock::now() + PATIENCE;
        let reply = dial(&coordinator).call("submit", deadline, |to| to.submit(&request));
        let run = reply.expect("the run is accepted").run;
        for round in [1, 7] {
            while status(&coordinator, &run).round < Some(round) {
                pass(5);
            }
            coordinator.kill();
            coordinator = place.coordinator(0);
        }
        let found = until_over(&coordinator, &run);
        assert_eq!(
            digest(&found),
            undisturbed.expect("a digest").to_vec(),
            "{name}"
        );
    }
}

/// Twenty shards alike, a fifth of which attacks.
fn attacked(aggregator: &str, attack: &str) -> Plan {
    Plan {
        aggregator: Some(aggregator.to_owned()),
        attack: Some(attack.to_owned()),
        attackers: Some(0.2),
        data: Some(DataRef {
            spec: "builtin:digits".to_owned(),
            shards: Some(20),
            ..DataRef::default()
        }),
        rounds: Some(10),
        cohort: None,
        ..plan("fedavg")
    }
}

#[test]
fn every_rule_learns_under_every_attack_and_gives_the_same_bits() {
    for rule in RULES
        .rows
        .iter()
        .map(|row| row.name)
        .filter(|rule| *rule != "mean")
    {
        let options = match rule {
            "krum" | "multi-krum" | "trimmed-mean" => ":f=4",
            _ => "",
        };
        for attack in ATTACKS.names() {
            let plan = attacked(&format!("{rule}{options}"), attack);
            let one = run_plan(1, plan.clone()).expect("a report");
            let accuracy = one.accuracy.expect("an accuracy");
            println!("{rule} under {attack}: {accuracy:.3}");
            assert!(accuracy > 0.7, "{rule} under {attack}: {accuracy}");
            if attack == "alie" {
                let three = run_plan(3, plan).expect("a report");
                assert_eq!(one.digest, three.digest, "{rule} under {attack}");
            }
        }
    }
    let fooled = run_plan(1, attacked("mean", "sign-flip:scale=10")).map(|report| report.accuracy);
    assert!(
        fooled.is_err() || fooled < Ok(Some(0.5)),
        "a mean: {fooled:?}"
    );
}

#[test]
fn stragglers_do_less_or_are_left_out() {
    let plan = |strategy: &str, drop| Plan {
        stragglers: Some(0.6),
        drop_stragglers: Some(drop),
        rounds: Some(3),
        ..plan(strategy)
    };
    for strategy in ["fedprox:mu=0.1", "fednova", "scaffold"] {
        let one = run_plan(1, plan(strategy, false)).expect("a report");
        let three = run_plan(3, plan(strategy, false)).expect("a report");
        assert_eq!(one.digest, three.digest, "{strategy}");
        let dropped = run_plan(1, plan(strategy, true)).expect("a report");
        assert_ne!(one.digest, dropped.digest, "{strategy}");
    }
}

#[test]
fn rules_and_attacks_work_on_models_of_double_precision() {
    for aggregator in [
        "median",
        "krum:f=1",
        "centred-clipping",
        "trimmed-mean:share=0.2,nnm=0.2",
    ] {
        let plan = |model: &str| Plan {
            model: Some(model.to_owned()),
            aggregator: Some(aggregator.to_owned()),
            attack: Some("sign-flip:scale=10".to_owned()),
            attackers: Some(0.1),
            ..plan("fedavg")
        };
        let wide = || plan("softmax:64-10,dtype=f64");
        let one = run_plan(1, wide()).expect("a report");
        let three = run_plan(3, wide()).expect("a report");
        assert_eq!(one.digest, three.digest, "{aggregator}");
        let narrow = run_plan(1, plan("softmax:64-10")).expect("a report");
        let accuracy = |report: &Report| report.metrics.as_ref().and_then(|m| m.accuracy);
        let (wide, narrow) = (accuracy(&one).unwrap(), accuracy(&narrow).unwrap());
        assert!(
            (wide - narrow).abs() < 0.01,
            "{aggregator}: {wide} and {narrow}"
        );
    }
}

#[test]
fn what_cannot_go_together_is_refused_with_the_reason() {
    let refused = |plan: Plan, reason: &str| {
        let told = run_plan(1, plan).expect_err(reason);
        assert!(told.contains(reason), "{told}");
    };
    let robust = |strategy: &str, aggregator: &str| Plan {
        aggregator: Some(aggregator.to_owned()),
        ..plan(strategy)
    };
    refused(robust("scaffold", "median"), "is built on a mean");
    refused(robust("fedavg", "krum:f=2"), "2f + 3 = 7");
    let buffered = Plan {
        cohort: Some(5),
        ..plan("fedbuff")
    };
    refused(buffered, "takes as many shards as its buffer holds");
    refused(plan("fedbuff"), "need 30 shards, and there are 10");
    let stepped = Plan {
        training: plan("fedavg").training,
        ..plan("fedsgd")
    };
    refused(stepped, "makes one step over all rows");
    let wide = Plan {
        model: Some("softmax:64-10,dtype=f64".to_owned()),
        codec: Some("int8".to_owned()),
        ..plan("fedavg")
    };
    refused(wide, "values of 32 bits");
    let flat = Training {
        plateau: Some(0.1),
        ..plan("fednova").training.expect("a training")
    };
    let flat = Plan {
        training: Some(flat),
        ..plan("fednova")
    };
    refused(flat, "none may stop early");
}
