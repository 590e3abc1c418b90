//! Every row of every table of a plan goes through the real trio.

mod programs;

use programs::{Program, dial, train, write_list};
use roundtable::fed::schedule::SCHEDULES;
use roundtable::ml::data::DATA;
use roundtable::ml::model::MODELS;
use roundtable::ml::objective::OBJECTIVES;
use roundtable::ml::partition::PARTITIONS;
use roundtable::wire::codec::CODECS;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

/// Two rounds, small enough for a convolution.
fn plan() -> Plan {
    Plan {
        rounds: Some(2),
        training: Some(training()),
        data: Some(data()),
        ..Plan::default()
    }
}

fn training() -> Training {
    Training {
        epochs: Some(1),
        batch: Some(20),
        learning_rate: 0.05,
        ..Training::default()
    }
}

/// As many features as the digits have, and a real value.
fn values() -> Option<DataRef> {
    Some(DataRef {
        spec: "synthetic-linear:rows=400,features=64".to_owned(),
        ..data()
    })
}

fn data() -> DataRef {
    DataRef {
        spec: "builtin:digits".to_owned(),
        shards: Some(10),
        ..DataRef::default()
    }
}

/// Runs plans one after the other on one coordinator with two nodes.
fn run_all(plans: impl Iterator<Item = (String, Plan)>) {
    let nodes = [0, 1].map(|_| Program::node(&["0"]));
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &nodes.each_ref().map(|node| node.address));
    let list = list.to_str().expect("a path");
    let coordinator = Program::coordinator(&["1", "--nodes", list]);
    for (name, plan) in plans {
        let report = train(&mut dial(&coordinator), plan);
        let report = report.unwrap_or_else(|told| panic!("{name}: {told}"));
        assert_eq!(report.rounds, Some(2), "{name}");
    }
}

#[test]
fn models() {
    run_all(MODELS.names().into_iter().map(|name| {
        let sizes = match name {
            "cnn" => "8x8-10,filters=4,kernel=3,hidden=8",
            "mlp" => "64-8-10",
            "linear" => "64",
            _ => "64-10",
        };
        let data = match name {
            "linear" => values(),
            _ => Some(data()),
        };
        let model = Some(format!("{name}:{sizes}"));
        let plan = Plan {
            model,
            data,
            ..plan()
        };
        (name.to_owned(), plan)
    }));
}

#[test]
fn partitions() {
    run_all(PARTITIONS.names().into_iter().map(|name| {
        let data = DataRef {
            partition: Some(name.to_owned()),
            ..data()
        };
        let data = Some(data);
        (name.to_owned(), Plan { data, ..plan() })
    }));
}

#[test]
fn codecs() {
    let dense = CODECS.names().into_iter().filter(|name| *name != "top-k");
    run_all(dense.map(|name| {
        let codec = Some(name.to_owned());
        (name.to_owned(), Plan { codec, ..plan() })
    }));
}

#[test]
fn objectives_and_schedules() {
    let objectives = OBJECTIVES.names().into_iter().map(|name| {
        let training = Training {
            objective: Some(name.to_owned()),
            ..training()
        };
        let data = match name {
            "squared" => values(),
            _ => Some(data()),
        };
        let plan = Plan {
            training: Some(training),
            data,
            ..plan()
        };
        (name.to_owned(), plan)
    });
    let schedules = SCHEDULES.names().into_iter().map(|name| {
        let options = match name {
            "step" => ":every=1,factor=0.5",
            "exponential" => ":factor=0.9",
            _ => "",
        };
        let schedule = Some(format!("{name}{options}"));
        (name.to_owned(), Plan { schedule, ..plan() })
    });
    run_all(objectives.chain(schedules));
}

#[test]
fn data_made_on_the_spot() {
    // Built-in data is what the other tests take, and `path:` needs files.
    let elsewhere = ["builtin", "path"];
    let spots = DATA
        .names()
        .into_iter()
        .filter(|name| !elsewhere.contains(name));
    run_all(spots.map(|name| {
        let data = DataRef {
            spec: format!("{name}:"),
            shards: None,
            ..data()
        };
        let data = Some(data);
        (name.to_owned(), Plan { data, ..plan() })
    }));
}
