//! Python programs that know nothing but the IDL take part: a compute node and a client.
//!
//! Skipped with a message where Python, `thriftpy2` or `numpy` are missing; with `ROUNDTABLE_PEERS=required`
//! that is a failure.

mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;

use programs::{Program, dial, train, write_list};
use roundtable::ml::model::MODELS;
use roundtable::ml::parameters::Values;
use roundtable::seed::Seed;
use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/python")
        .join(name)
}

fn has_python() -> bool {
    programs::has_python(&["thriftpy2", "numpy"])
}

/// Three classes around three centres.
fn write_rows(path: &Path, seed: usize) {
    let rows: String = (0..90)
        .map(|i| {
            let class = (i * 7 + seed) % 3;
            let wobble = ((i * 13 + seed) % 10) as f64 / 20.0;
            let (x, y) = ([0.0, 2.0, 0.0][class], [0.0, 0.0, 2.0][class]);
            format!("{},{},{class}\n", x + wobble, y - wobble)
        })
        .collect();
    std::fs::write(path, rows).expect("rows are written");
}

fn python_node(rows: &Path) -> Program {
    Program::start(
        Command::new("python3")
            .arg(example("compute_node.py"))
            .arg(rows),
    )
}

#[test]
fn python_nodes_train_and_a_python_client_asks() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["north.csv", "south.csv"].map(|name| folder.path().join(name));
    files
        .iter()
        .enumerate()
        .for_each(|(seed, file)| write_rows(file, seed));
    let nodes = [python_node(&files[0]), python_node(&files[1])];
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[nodes[0].address, nodes[1].address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let port = coordinator.address.port().to_string();
    let asked = Command::new("python3")
        .arg(example("client.py"))
        .args(["127.0.0.1", &port, "private:", "softmax:2-3", "40"])
        .output()
        .expect("the client runs");
    assert!(asked.status.success(), "{asked:?}");
    let printed = String::from_utf8(asked.stdout).expect("text");
    let accuracy: f64 = printed.trim().parse().expect("an accuracy alone");
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn python_and_rust_nodes_train_together() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["north.csv", "south.csv"].map(|name| folder.path().join(name));
    files
        .iter()
        .enumerate()
        .for_each(|(seed, file)| write_rows(file, seed));
    let south = files[1].to_str().expect("a name");
    let nodes = [
        python_node(&files[0]),
        Program::node(&["0", "--data", south]),
    ];
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[nodes[0].address, nodes[1].address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let data = DataRef {
        spec: "private:".to_owned(),
        ..DataRef::default()
    };
    let plan = Plan {
        data: Some(data),
        model: Some("softmax:2-3".to_owned()),
        rounds: Some(30),
        ..Plan::default()
    };
    let report = train(&mut dial(&coordinator), plan).expect("a report");
    assert!(report.accuracy > Some(0.8), "{report:?}");
    assert!(report.metrics.expect("metrics").rows > 90, "both evaluated");
}

#[test]
fn a_python_node_takes_and_gives_a_model_in_chunks() {
    if !has_python() {
        return;
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let start = || {
        Program::start(
            Command::new("python3")
                .arg(manifest.join("tests/peers/large_node.py"))
                .arg(manifest.join("idl")),
        )
    };
    let nodes = [start(), start()];
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    write_list(&list, &[nodes[0].address, nodes[1].address]);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    let plan = Plan {
        model: Some("softmax:2199-1000".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=4,features=2199".to_owned(),
            shards: Some(4),
            held_out: Some(0.0),
            ..DataRef::default()
        }),
        rounds: Some(2),
        ..Plan::default()
    };
    let report = train(&mut dial(&coordinator), plan).expect("a report");
    // Every update adds 1 to the first value, so does their mean.
    let model = MODELS.build("softmax:2199-1000").expect("a model");
    let mut expected = model.initial(Seed(1));
    if let Values::F32(values) = expected.values_mut() {
        values[0] += 1.0;
        values[0] += 1.0;
    }
    assert_eq!(report.digest.expect("a digest")[..], expected.digest());
}
