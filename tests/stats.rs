//! Features described and made comparable over nodes whose rows nobody else sees.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

mod programs;

use programs::{Program, write_list};

/// Rows of two classes, whose first feature is in the thousands, the second in thousandths, the third always the same.
fn rows(from: u32, to: u32) -> String {
    let row = |n: u32| {
        let class = n % 2;
        let noise = f64::from(n * 7_919 % 101) / 101.0;
        let first = 5_000.0 + 900.0 * f64::from(class) + 1_000.0 * noise;
        let second = 0.001 * (f64::from(1 - class) + noise);
        format!("{first:.2},{second:.6},7,{class}\n")
    };
    (from..to).map(row).collect()
}

/// Sites with their own rows, and all of them in one file.
fn sites() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("both")).unwrap();
    let heading = "first,second,third,class\n";
    for (name, from, to) in [("train1.csv", 0, 90), ("train2.csv", 90, 150)] {
        write(name, heading.to_owned() + &rows(from, to));
        write(
            &format!("both/{name}"),
            heading.to_owned() + &rows(from, to),
        );
    }
    write("all.csv", heading.to_owned() + &rows(0, 150));
    write("few.csv", heading.to_owned() + &rows(0, 6));
    folder
}

/// A coordinator with a node for each of these.
fn cluster(folder: &Path, data: &[&str]) -> (Program, Vec<Program>) {
    let nodes: Vec<Program> = data
        .iter()
        .map(|name| Program::node(&["0", "--data", folder.join(name).to_str().unwrap()]))
        .collect();
    let list = folder.join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    (
        Program::coordinator(&["2", "--nodes", list.to_str().unwrap()]),
        nodes,
    )
}

fn client(folder: &Path, coordinator: Option<&Program>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.current_dir(folder);
    if let Some(coordinator) = coordinator {
        command.arg(coordinator.address.to_string());
    }
    command.args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn result(text: &str) -> (String, String, f64) {
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let member = |key: &str| last[key].as_str().unwrap().to_owned();
    (
        member("run"),
        member("digest"),
        last["accuracy"].as_f64().unwrap(),
    )
}

#[test]
fn sums_over_nodes_are_those_over_one_file() {
    let folder = sites();
    let here = [
        "stats",
        "--json",
        "--data",
        "path:all.csv",
        "--held-out",
        "0",
    ];
    let whole = said(&client(folder.path(), None, &here));
    let private = ["stats", "--json", "--data", "private:", "--held-out", "0"];
    for data in [&["train1.csv", "train2.csv"][..], &["both"]] {
        let (coordinator, _nodes) = cluster(folder.path(), data);
        let over = said(&client(folder.path(), Some(&coordinator), &private));
        let features = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.contains("\"feature\":"));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(features(&over).len(), 3);
        assert_eq!(features(&over), features(&whole), "to the last bit");
        assert!(
            over.contains("\"rows\":150") && over.contains("\"shards\":2"),
            "{over}"
        );
    }
}

#[test]
fn a_node_that_is_gone_is_replaced_by_another_host_of_its_rows() {
    let folder = sites();
    let (coordinator, mut nodes) = cluster(folder.path(), &["both", "both"]);
    let stats = ["stats", "--data", "private:", "--json"];
    let before = said(&client(folder.path(), Some(&coordinator), &stats));
    // The coordinator does not know it yet, and asks the first one first.
    nodes[0].kill();
    assert_eq!(
        said(&client(folder.path(), Some(&coordinator), &stats)),
        before
    );
}

#[test]
fn a_run_of_private_rows_is_made_comparable_and_gives_the_same_bits_on_any_nodes() {
    let folder = sites();
    let train = [
        "--json",
        "--data",
        "private:",
        "--model",
        "softmax:3-2",
        "--rounds",
        "5",
    ];
    let standardise = [&train[..], &["--standardise"]].concat();
    let (coordinator, _nodes) = cluster(folder.path(), &["train1.csv", "train2.csv"]);
    let run = |options: &[&str]| result(&said(&client(folder.path(), Some(&coordinator), options)));
    let (name, apart, accuracy) = run(&standardise);
    assert!(accuracy > 0.9, "{accuracy}");
    let (_, raw, poor) = run(&train);
    assert!(poor < 0.8 && raw != apart, "{poor}");
    let config = said(&client(
        folder.path(),
        Some(&coordinator),
        &["config", &name],
    ));
    assert!(config.contains("standardise = true"), "{config}");
    // Rows as they are in a file are made comparable before they are classified.
    let predict = client(
        folder.path(),
        Some(&coordinator),
        &["predict", &name, "all.csv"],
    );
    said(&predict);
    let known = String::from_utf8_lossy(&predict.stderr);
    let right: u32 = known.split(' ').next().unwrap().parse().unwrap();
    assert!(right > 135, "{known}");
    // Each of the shards at another node, and one of them at two.
    let others = ["train2.csv", "train1.csv", "train1.csv"];
    let (other, _nodes) = cluster(folder.path(), &others);
    let (_, there, _) = result(&said(&client(folder.path(), Some(&other), &standardise)));
    assert_eq!(apart, there);
}

#[test]
fn every_kind_of_data_can_be_made_comparable() {
    let folder = sites();
    let digest = |data: &str| {
        let options = ["--json", "--data", data, "--standardise", "--rounds", "3"];
        result(&said(&client(folder.path(), None, &options))).1
    };
    assert_eq!(digest("path:all.csv"), digest("ship:all.csv"));
    assert_ne!(digest("builtin:digits"), digest("synthetic:"));
}

#[test]
fn sites_whose_columns_or_classes_have_another_order_do_not_train_together() {
    let folder = sites();
    let turned = "second,first,third,class\n".to_owned() + &rows(0, 60);
    fs::write(folder.path().join("turned.csv"), turned).unwrap();
    let texts = rows(0, 60)
        .replace(",0\n", ",benign\n")
        .replace(",1\n", ",malignant\n");
    for name in ["one.csv", "two.csv"] {
        fs::write(folder.path().join(name), &texts).unwrap();
    }
    let columns = "feature 1 is `first` in train1.csv and `second` in turned.csv";
    let classes = "class 0 is `benign` in one.csv and `malignant` in two.csv";
    let (benign, malignant) = (
        "one.csv,classes=benign/malignant",
        "two.csv,classes=malignant/benign",
    );
    for (data, reason) in [
        (["train1.csv", "turned.csv"], columns),
        ([benign, malignant], classes),
    ] {
        let (coordinator, _nodes) = cluster(folder.path(), &data);
        for command in [&[][..], &["stats"]] {
            let arguments = [command, &["--data", "private:"]].concat();
            let output = client(folder.path(), Some(&coordinator), &arguments);
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.contains(reason), "{error}");
        }
        let port = coordinator.address.port().to_string();
        let output = client(folder.path(), None, &["doctor", "127.0.0.1", &port]);
        let text = String::from_utf8_lossy(&output.stdout);
        let what = reason.split(" in ").next().unwrap();
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn few_rows_are_not_told_and_their_node_is_named() {
    let folder = sites();
    let (coordinator, nodes) = cluster(folder.path(), &["train1.csv", "few.csv"]);
    let output = client(
        folder.path(),
        Some(&coordinator),
        &["stats", "--data", "private:"],
    );
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let few = nodes[1].address.to_string();
    assert!(
        error.contains("would tell of single ones") && error.contains(&few),
        "{error}"
    );
    let (none, _) = cluster(folder.path(), &[]);
    let output = client(folder.path(), Some(&none), &["stats", "--data", "private:"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("no node that is up hosts private rows"),
        "{error}"
    );
}
