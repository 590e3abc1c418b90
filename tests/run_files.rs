//! Run files, settings of the environment and `--set`, through the built client.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/run.toml");

fn client(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(arguments).envs(variables.iter().copied());
    command.output().unwrap()
}

/// The standard output of a call that ends well.
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = client(arguments, variables);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The error of a call of wrong usage.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = client(arguments, variables);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    error
}

fn file(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("run.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Value and origin of a setting in what `check` prints.
fn row(table: &str, name: &str) -> (String, String) {
    let line = table
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    let cells: Vec<&str> = line
        .unwrap_or_else(|| panic!("no {name} in {table}"))
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    (cells[1].to_owned(), cells[2].to_owned())
}

#[test]
fn the_example_runs_and_says_what_it_does() {
    let table = said(&["check", EXAMPLE], &[]);
    assert_eq!(row(&table, "cohort").0, "8");
    assert_eq!(row(&table, "codec"), ("raw".into(), "default".into()));
    let last = table.lines().last().unwrap();
    assert!(
        last.contains("mlp:64-32-10 (2410 values) for 20 rounds on 1437 rows in 10 shards"),
        "{last}"
    );
    let accuracy = said(&["train", EXAMPLE, "--rounds", "3", "--quiet"], &[]);
    assert!(accuracy.trim().parse::<f64>().unwrap() > 0.3, "{accuracy}");
}

#[test]
fn flags_win_over_set_that_over_the_environment_that_over_the_file() {
    let (_folder, path) = file("rounds = 1\nepochs = 1\nbatch = 1\nlr = 0.1\nnodes = 2\n");
    let arguments = [
        "check", &path, "--rounds", "4", "--set", "rounds=3", "--set", "epochs=3",
    ];
    let variables = [
        ("ROUNDTABLE_ROUNDS", "2"),
        ("ROUNDTABLE_EPOCHS", "2"),
        ("ROUNDTABLE_BATCH", "2"),
        ("ROUNDTABLE_WEIGHT_DECAY", "0.5"),
        ("ROUNDTABLE_OTHER", "of another program"),
    ];
    let table = said(&arguments, &variables);
    let expect = |name: &str, value: &str, from: &str| {
        assert_eq!(row(&table, name), (value.into(), from.into()), "{table}");
    };
    expect("rounds", "4", "flag");
    expect("epochs", "3", "--set");
    expect("batch", "2", "ROUNDTABLE_BATCH");
    expect("weight-decay", "0.5", "ROUNDTABLE_WEIGHT_DECAY");
    expect("lr", "0.1", "line 4");
    expect("seed", "1", "default");
}

#[test]
fn everything_wrong_is_said_at_once_with_its_line() {
    let text = "rounds = 0\nlr = \"fast\"\nstrategie = 'fedavg'\nmodel = 'mlp:64-10-'\n[cluster]\nnodes = 3\n";
    let (_folder, path) = file(text);
    let error = refused(&["check", &path, "--batch=-1"], &[]);
    for said in [
        "line 1: rounds: 0 is not between 1 and",
        "line 2: lr = fast: ",
        "line 3: `strategie` is no option of a run; did you mean `strategy`?",
        "line 4: model: ",
        "line 5: [cluster]: a run file has no tables",
        "--batch: -1 is negative",
    ] {
        assert!(error.contains(said), "no `{said}` in {error}");
    }
    let error = refused(&["train", &path], &[]);
    assert!(error.contains("line 3: "), "nothing is started: {error}");
    let error = refused(&["--rounds", "1"], &[("ROUNDTABLE_LR", "fast")]);
    assert!(error.contains("ROUNDTABLE_LR: lr = fast"), "{error}");
    let error = refused(&["check", "--set", "lr"], &[]);
    assert!(error.contains("--set: `lr` is not KEY=VALUE"), "{error}");
    let error = refused(&["check", "--attackers", "0.1", "--drop-stragglers"], &[]);
    assert!(
        error.contains("there is no attack") && error.contains("no stragglers"),
        "{error}"
    );
}

#[test]
fn what_was_not_said_is_a_default() {
    let table = said(&["check", "--epochs", "2", "--shards", "4"], &[]);
    let from = |name: &str| row(&table, name).1;
    assert_eq!(
        (from("epochs"), from("shards")),
        ("flag".into(), "flag".into())
    );
    assert_eq!(
        (from("lr"), from("data")),
        ("default".into(), "default".into())
    );
}

#[test]
fn a_flag_takes_a_switch_back() {
    let (_folder, path) = file("stragglers = 0.5\ndrop-stragglers = true\n");
    let dropped = |arguments: &[&str]| {
        let table = said(&[&["check", &path], arguments].concat(), &[]);
        row(&table, "drop-stragglers")
    };
    assert_eq!(dropped(&[]), ("true".into(), "line 2".into()));
    let taken_back = dropped(&["--drop-stragglers=false"]);
    assert_eq!(taken_back, ("false".into(), "flag".into()));
}

#[test]
fn one_option_has_one_value() {
    let (_folder, path) =
        file("weight-decay = 0.1\nshards = 4\nweight_decay = 0.2\nparticipants = 5\n");
    let error = refused(&["check", &path], &[]);
    for said in [
        "line 3: `weight_decay` is another name of what line 1 says",
        "line 4: `participants` is another name of what line 2 says",
    ] {
        assert!(error.contains(said), "no `{said}` in {error}");
    }
    let error = refused(&["check", "--set", "coordinator=127.0.0.1:1"], &[]);
    assert!(error.contains("named before the command"), "{error}");
}

#[test]
fn checking_starts_nothing_and_says_what_training_would() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    said(&["--state", state.to_str().unwrap(), "check"], &[]);
    assert!(!state.exists(), "no cluster was started");
    let error = refused(&["check", "--data", "private:"], &[]);
    assert!(error.contains("no rows of their own"), "{error}");
    let error = refused(&["127.0.0.1", "1", "check", "--nodes", "3"], &[]);
    assert!(
        error.contains("--nodes is for a cluster of its own"),
        "{error}"
    );
}

#[test]
fn what_would_end_at_once_is_found_before() {
    let error = refused(&["check", "--model", "mlp:3-4-2"], &[]);
    assert!(
        error.contains("the model takes 3 features, the data have 64"),
        "{error}"
    );
    let error = refused(&["check", "--data", "path:nowhere.csv"], &[]);
    assert!(
        error.contains("nowhere.csv") && error.contains("--data-root"),
        "{error}"
    );
    let error = refused(&["train", "nowhere.toml"], &[]);
    assert!(
        error.contains("cannot read the run file nowhere.toml"),
        "{error}"
    );
}

#[test]
fn a_coordinator_in_the_file_is_asked_and_its_cluster_options_are_not_used() {
    let (_folder, path) = file("coordinator = \"127.0.0.1:1\"\nnodes = 2\nrounds = 1\n");
    let last = said(&["check", &path], &[]);
    assert!(
        last.contains("on the coordinator at 127.0.0.1:1, which was not asked"),
        "{last}"
    );
    let output = client(&["train", &path, "--timeout", "1s"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("no coordinator at 127.0.0.1:1"), "{error}");
}

#[test]
fn a_kept_runs_configuration_does_the_run_again() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let digest = |lines: &str| {
        let last = lines.lines().last().unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(last).unwrap();
        let text = |key: &str| value[key].as_str().map(str::to_owned).unwrap();
        (text("run"), text("digest"))
    };
    let asked = [
        "--rounds",
        "2",
        "--lr",
        "0.3",
        "--partition",
        "label-shards:k=2",
        "--seed",
        "-7",
    ];
    let first = said(
        &[&["--state", state, "--json", "train"][..], &asked].concat(),
        &[],
    );
    let (run, first) = digest(&first);
    let config = said(&["--state", state, "--quiet", "config", &run], &[]);
    assert!(
        config.contains("lr = 0.3\n") && config.contains("seed = -7"),
        "{config}"
    );
    let again = folder.path().join("again.toml");
    fs::write(&again, config).unwrap();
    let again = said(
        &["--json", "train", Path::new(&again).to_str().unwrap()],
        &[],
    );
    assert_eq!(digest(&again).1, first);
}
