//! Reports of a run and event files for TensorBoard, through the built client.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn client(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command
        .current_dir(folder)
        .args(["--state", "runs"])
        .args(arguments);
    command.output().unwrap()
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = client(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A kept run of five rounds; its id and digest.
fn run(folder: &Path) -> (String, String) {
    let lines = said(
        folder,
        &["--json", "train", "--rounds", "5", "--tensorboard", "tb"],
    );
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let text = |key: &str| last[key].as_str().unwrap().to_owned();
    (text("run"), text("digest"))
}

#[test]
fn a_run_is_told_as_html_markdown_and_a_table() {
    let folder = TempDir::new().unwrap();
    let (run, digest) = run(folder.path());
    said(folder.path(), &["report", &run]);
    let page = fs::read_to_string(folder.path().join(format!("report-{run}.html"))).unwrap();
    for part in [
        digest.as_str(),
        "<h2>Rounds</h2>",
        "class=\"curve c1\"",
        "<h2>Nodes</h2>",
        "rounds = 5\n",
        "<dt>rounds</dt><dd>5 of 5</dd>",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    assert_eq!(page.matches("<tr><td>127.0.0.1:").count(), 4, "four nodes");
    for foreign in ["<script", "http://", "https://", "src="] {
        assert!(
            !page.contains(foreign),
            "{foreign} in a page that needs nothing else"
        );
    }
    let text = said(folder.path(), &["report", &run, "--md"]);
    assert!(
        text.contains("| 127.0.0.1:") && text.contains("rounds = 5"),
        "{text}"
    );
    let table = said(folder.path(), &["report", &run, "--csv"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert!(
        lines[5].starts_with("5,") && lines[5].ends_with(&digest),
        "{table}"
    );
    said(
        folder.path(),
        &["report", &run, "--csv", "-o", "rounds.csv"],
    );
    let written = fs::read_to_string(folder.path().join("rounds.csv")).unwrap();
    assert_eq!(written.trim_end(), table.trim_end());
}

#[test]
fn a_regression_is_told_by_its_errors() {
    let folder = TempDir::new().unwrap();
    let data = ["--data", "synthetic-linear:rows=200,features=3"];
    let asked = ["--json", "train", "--rounds", "3"];
    let lines = said(folder.path(), &[&asked[..], &data].concat());
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let (run, rmse) = (
        last["run"].as_str().unwrap(),
        last["rmse"].as_f64().unwrap(),
    );
    let text = said(folder.path(), &["report", run, "--md"]);
    for name in ["- RMSE: ", "- MAE: ", "- R2: ", "- RMSE over the rounds: `"] {
        assert!(text.contains(name), "no {name} in {text}");
    }
    let page = said(folder.path(), &["report", run, "-o", "-"]);
    assert!(page.contains("Root mean squared error on held-out rows"));
    let table = said(folder.path(), &["report", run, "--csv"]);
    let column = table.lines().next().unwrap().split(',');
    let column = column.into_iter().position(|name| name == "rmse").unwrap();
    let found = table.lines().last().unwrap().split(',').nth(column);
    assert_eq!(found.unwrap().parse::<f64>().unwrap(), rmse, "{table}");
    said(folder.path(), &["report", run, "--tensorboard", "tb"]);
    let events = folder
        .path()
        .join("tb")
        .join(run)
        .join("events.out.tfevents.1.roundtable");
    let bytes = fs::read(events).unwrap();
    let tag = b"held_out/rmse";
    assert!(bytes.windows(tag.len()).any(|window| window == tag));
}

#[test]
fn what_cannot_be_told_or_written_is_said() {
    let folder = TempDir::new().unwrap();
    let (run, _) = run(folder.path());
    let fails = |arguments: &[&str], code: i32, text: &str| {
        let output = client(folder.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(text), "{error}");
    };
    fails(&["report", "nobody"], 1, "nobody");
    fails(
        &["report", &run, "-o", "no/such/folder.html"],
        1,
        "cannot write no/such/folder.html",
    );
    fails(&["report", &run, "--md", "--csv"], 2, "cannot be used with");
    fs::write(folder.path().join("file"), "").unwrap();
    fails(
        &["report", &run, "--tensorboard", "file"],
        1,
        "cannot write file/",
    );
}

#[test]
fn event_files_are_of_runs_that_there_are() {
    let folder = TempDir::new().unwrap();
    let file = folder
        .path()
        .join("nobody/events.out.tfevents.1.roundtable");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "kept").unwrap();
    for name in ["nobody", "../nobody"] {
        let output = client(folder.path(), &["watch", name, "--tensorboard", "."]);
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

/// The bytes of the records of an event file, after their lengths.
fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        records.push(&rest[12..12 + length]);
        rest = &rest[12 + length + 4..];
    }
    records
}

#[test]
fn event_files_hold_every_round_once() {
    let folder = TempDir::new().unwrap();
    let (run, _) = run(folder.path());
    let file = |root: &str| {
        let name = "events.out.tfevents.1.roundtable";
        fs::read(folder.path().join(root).join(&run).join(name)).unwrap()
    };
    let live = file("tb");
    assert_eq!(records(&live).len(), 1 + 5, "a version and five rounds");
    for _ in 0..2 {
        said(folder.path(), &["report", &run, "--tensorboard", "later"]);
        assert_eq!(records(&file("later")).len(), 6);
    }
    said(folder.path(), &["watch", &run, "--tensorboard", "watched"]);
    assert_eq!(records(&file("watched")).len(), 6);
}

/// Reads with TensorBoard itself, where it is installed.
#[test]
fn tensorboard_reads_the_files() {
    let script = "
import sys
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(77)
events = EventAccumulator(sys.argv[1])
events.Reload()
print(events.Tags()['scalars'])
print([round(e.step) for e in events.Scalars('held_out/accuracy')])
";
    let folder = TempDir::new().unwrap();
    let (run, _) = run(folder.path());
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(folder.path().join("tb").join(&run))
        .output();
    let Some(output) = python
        .ok()
        .filter(|output| output.status.code() != Some(77))
    else {
        println!("skipped: no Python with tensorboard");
        return;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("'training/loss'") && text.contains("[1, 2, 3, 4, 5]"),
        "{text}"
    );
}
