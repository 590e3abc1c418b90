//! What the programs tell of how well a model does, on rows of the coordinator and of the nodes.

mod programs;

use std::process::Command;

use programs::{Program, dial, train, write_list};
use roundtable::ml::metrics::Confusion;
use roundtable::wire::stubs::coordinator::{Plan, Report};
use roundtable::wire::stubs::types::{DataRef, Metrics};
use serde_json::Value;

const CLIENT: &str = env!("CARGO_BIN_EXE_client");

fn lines(arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(CLIENT)
        .args(arguments)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let read = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"));
    read.collect()
}

/// The matrix of a line: how many rows, and how many of them correct.
fn matrix(line: &Value) -> (u64, u64, usize) {
    let rows = line["confusion"].as_array().expect("a matrix");
    let count = |row: usize, column: usize| rows[row][column].as_u64().expect("a count");
    let size = rows.len();
    let all = (0..size).flat_map(|row| (0..size).map(move |column| (row, column)));
    let sum = all.map(|(row, column)| count(row, column)).sum();
    (sum, (0..size).map(|class| count(class, class)).sum(), size)
}

#[test]
fn every_round_has_its_matrix_and_the_run_can_be_asked_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().to_str().expect("a name");
    let told = lines(&["--state", state, "--rounds", "3", "--epochs", "2", "--json"]);
    let rounds: Vec<&Value> = told
        .iter()
        .filter(|line| line["event"] == "round")
        .collect();
    let result = told.last().expect("a result");
    assert_eq!((rounds.len(), &result["event"]), (3, &"result".into()));
    for line in rounds.iter().chain([&result]) {
        let (rows, correct, classes) = matrix(line);
        assert_eq!((rows, classes), (360, 10), "{line}");
        assert_eq!(line["accuracy"], correct as f64 / rows as f64, "{line}");
        assert!(line["macro_f1"].as_f64() > Some(0.5), "{line}");
        assert!(line["auc"].is_null() && line["spread"].is_null(), "{line}");
    }
    // Another coordinator reads it from the journal.
    let run = result["run"].as_str().expect("an id");
    let asked = lines(&["--state", state, "--json", "metrics", run]);
    assert_eq!(asked[0]["confusion"], result["confusion"]);
    assert_eq!(asked[0]["macro_f1"], result["macro_f1"]);
    assert_eq!(asked[0]["classes"].as_array().map(Vec::len), Some(10));
    let text = Command::new(CLIENT)
        .args(["--state", state, "metrics", run])
        .output();
    let text = String::from_utf8(text.expect("it runs").stdout).expect("text");
    for part in ["macro F1", "PRECISION", "RIGHT\\SAID"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn many_classes_have_their_matrix_at_the_end() {
    let data = "synthetic:rows=4000,features=12,classes=40,noise=0.5";
    let told = lines(&["--data", data, "--rounds", "2", "--json"]);
    let mut rounds = told.iter().filter(|line| line["event"] == "round");
    assert!(rounds.all(|round| round["confusion"].is_null()));
    assert_eq!(matrix(told.last().expect("a result")).2, 40);
}

/// Rows of two classes that overlap.
fn rows(seed: u32, number: u32) -> String {
    let row = |row: u32| {
        let noise = |salt: u32| f64::from((row * 97 + seed * 13 + salt) * 7_919 % 1_000) / 500.0;
        let class = (row * 7 + seed) % 2;
        format!("{},{},{class}\n", f64::from(class) + noise(1), noise(2))
    };
    (0..number).map(row).collect()
}

/// A run over private rows of two nodes.
fn private(nodes: &[&str]) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let started: Vec<Program> = nodes
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let file = folder.path().join(format!("ward{number}.csv"));
            std::fs::write(&file, text).expect("rows");
            Program::node(&["0", "--data", file.to_str().expect("a name")])
        })
        .collect();
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = started.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a name")]);
    programs::until_nodes(&mut dial(&coordinator), |found| {
        let hosts = found
            .iter()
            .filter(|node| node.hosted.as_ref().is_some_and(|h| !h.is_empty()));
        hosts.count() == nodes.len()
    });
    let plan = Plan {
        data: Some(DataRef {
            spec: "private:".to_owned(),
            held_out: Some(0.5),
            ..DataRef::default()
        }),
        rounds: Some(4),
        model: Some("softmax:2-2".to_owned()),
        ..Plan::default()
    };
    train(&mut dial(&coordinator), plan).expect("a report")
}

#[test]
fn nodes_tell_enough_for_matrix_area_and_spread() {
    let report = private(&[&rows(1, 400), &rows(2, 200), &rows(3, 600)]);
    let metrics: Metrics = report.metrics.expect("metrics");
    let counts = metrics.confusion.expect("a matrix");
    let counts = counts
        .iter()
        .map(|&count| u64::try_from(count).expect("a count"));
    let matrix = Confusion::from_counts(counts.collect()).expect("two classes");
    assert_eq!(matrix.rows().map(|rows| rows as i64), Some(metrics.rows));
    assert_eq!(Some(matrix.correct() as i64), metrics.correct);
    assert_eq!(metrics.rows, 600);
    let (auc, error) = (
        metrics.auc.expect("an area"),
        metrics.auc_error.unwrap_or(0.0),
    );
    assert!(auc > 0.6 && auc < 1.0 && error < 0.01, "{auc} +- {error}");
    assert!(
        metrics.score_grid.is_none(),
        "the grid is for the coordinator"
    );
    let spread = metrics.spread.expect("three participants");
    assert_eq!(spread.participants, 3);
    assert!(spread.worst_tenth <= spread.mean && spread.deviation >= 0.0);
}
