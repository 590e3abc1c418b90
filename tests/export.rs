//! Models leave as files that others can read, and come back; equal runs are equal, and what differs is said.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The client, with its runs kept in a folder, without an address.
fn client(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_client"))
        .current_dir(folder)
        .args(["--state", "kept", "--json"])
        .args(line.split_whitespace())
        .output()
        .expect("the client runs")
}

/// Its lines, when it is content.
fn said(folder: &Path, line: &str) -> Vec<Value> {
    let output = client(folder, line);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Its error, when it is not.
fn complained(folder: &Path, line: &str, code: i32) -> String {
    let output = client(folder, line);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{line}: {error}");
    error
}

/// Trains, and gives the run's id.
fn trained(folder: &Path, options: &str) -> String {
    let lines = said(folder, &format!("train --rounds 5 --nodes 2 {options}"));
    let run = lines.iter().find_map(|line| line["run"].as_str());
    run.expect("a run").to_owned()
}

#[test]
fn models_are_written_compared_and_used() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let (run, same, other) = (
        trained(folder, ""),
        trained(folder, "--policy 1"),
        trained(folder, "--seed 2"),
    );
    assert_eq!(said(folder, "runs").len(), 3);

    let written = &said(folder, &format!("model {run} -o m.safetensors"))[0];
    assert_eq!(
        (&written["round"], &written["run"]),
        (&"5".into(), &Value::from(run.clone()))
    );
    said(
        folder,
        &format!("model {run} -o third.safetensors --round 3"),
    );
    let early = complained(
        folder,
        &format!("model {run} -o first.safetensors --round 1"),
        1,
    );
    assert!(
        early.contains("those of rounds") && early.contains("are"),
        "{early}"
    );

    said(folder, &format!("verify {run} {same}"));
    said(folder, &format!("verify {run} m.safetensors"));
    said(folder, &format!("verify {same} third.safetensors"));
    said(folder, "verify m.safetensors");
    let error = complained(folder, &format!("verify {run} {other}"), 1);
    assert!(error.contains("differ from round 1 on"), "{error}");
    let error = complained(folder, "verify m.safetensors third.safetensors", 1);
    assert!(error.contains("differ first in `"), "{error}");

    let file = folder.join("m.safetensors");
    let mut bytes = std::fs::read(&file).expect("a file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.join("damaged.safetensors"), bytes).expect("written");
    let error = complained(folder, "verify damaged.safetensors", 1);
    assert!(error.contains("is damaged"), "{error}");

    said(
        folder,
        &format!("model {run} --pytorch -o torch.safetensors"),
    );
    for names in [
        "torch.safetensors",
        &format!("{run} torch.safetensors"),
        "m.safetensors torch.safetensors",
    ] {
        let error = complained(folder, &format!("verify {names}"), 1);
        assert!(error.contains("written with --pytorch"), "{error}");
    }
    said(folder, "verify torch.safetensors torch.safetensors");

    let row = ["0"; 64].join(",");
    std::fs::write(folder.join("rows.csv"), format!("{row}\n{row}\n")).expect("written");
    let by_run = said(folder, &format!("predict {run} rows.csv"));
    let by_file = said(folder, "predict --model m.safetensors rows.csv");
    assert_eq!((by_run.len(), &by_run), (2, &by_file));
    complained(folder, "predict rows.csv", 2);
    complained(folder, "predict --model rows.csv rows.csv", 1);
}

#[test]
fn numpy_loads_what_is_written() {
    let python = |script: &str, folder: &Path| {
        Command::new("python3")
            .current_dir(folder)
            .args(["-c", script])
            .output()
    };
    let here = std::env::current_dir().expect("a folder");
    if !python("import numpy", &here).is_ok_and(|found| found.status.success()) {
        println!("skipped: models in numpy: no numpy");
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let run = trained(folder, "--model mlp:64-8-10");
    said(folder, &format!("model {run} -o m.npz --npz"));
    said(folder, &format!("model {run} -o m.safetensors"));
    said(folder, &format!("model {run} -o t.safetensors --pytorch"));
    let script = "
import json, numpy, struct

def load(name):
    data = open(name, 'rb').read()
    length = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + length])
    about = header.pop('__metadata__')
    start = 8 + length
    tensors = {}
    for name, entry in header.items():
        a, b = entry['data_offsets']
        tensors[name] = numpy.frombuffer(data[start + a:start + b], '<f4').reshape(entry['shape'])
    return about, tensors

about, plain = load('m.safetensors')
_, turned = load('t.safetensors')
archive = numpy.load('m.npz')
assert json.loads(archive['about.json'] if False else archive.zip.read('about.json')) == about
assert about['model'] == 'mlp:64-8-10' and about['round'] == '5' and float(about['accuracy']) > 0.5
assert len(plain) == 4
for name, tensor in plain.items():
    assert (archive[name] == tensor).all(), name
    assert (turned[name] == tensor.T).all(), name
assert plain['layers.0.weight'].shape == (64, 8)
print('all equal')
";
    let output = python(script, folder).expect("python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "all equal",
        "{error}"
    );
}

#[test]
fn pytorch_says_of_rows_what_we_say() {
    let python = |folder: &Path, script: &str| {
        Command::new("python3")
            .current_dir(folder)
            .args(["-c", script])
            .output()
    };
    let here = std::env::current_dir().expect("a folder");
    let has = "import torch";
    if !python(&here, has).is_ok_and(|found| found.status.success()) {
        println!("skipped: models in PyTorch: no torch");
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let spec = "cnn:8x8-10,filters=6-9,kernel=3,hidden=20";
    let run = trained(folder, &format!("--model {spec}"));
    said(folder, &format!("model {run} -o t.safetensors --pytorch"));
    let rows: Vec<String> = (0..20)
        .map(|row| {
            let pixels = (0..64).map(|at| ((at * 7 + row * 13) % 17).to_string());
            pixels.collect::<Vec<_>>().join(",")
        })
        .collect();
    std::fs::write(folder.join("rows.csv"), rows.join("\n")).expect("written");
    let ours = said(folder, &format!("predict {run} rows.csv"));
    let script = "
import json, struct, torch
from torch import nn

data = open('t.safetensors', 'rb').read()
length = struct.unpack('<Q', data[:8])[0]
header = json.loads(data[8:8 + length])
about = header.pop('__metadata__')
assert about['convolutions'] == 'filters x channels x height x width', about
tensors = {}
for name, entry in header.items():
    a, b = entry['data_offsets']
    values = torch.frombuffer(bytearray(data[8 + length + a:8 + length + b]), dtype=torch.float32)
    tensors[name] = values.reshape(entry['shape'])
layers = [nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 9, 3, padding=1), nn.Linear(36, 20), nn.Linear(20, 10)]
nn.ModuleDict({'layers': nn.ModuleList(layers)}).load_state_dict(tensors)
pool = [nn.ReLU(), nn.MaxPool2d(2)]
network = nn.Sequential(layers[0], *pool, layers[1], *pool, nn.Flatten(), layers[2], nn.ReLU(), layers[3])
rows = torch.tensor([[float(x) for x in line.split(',')] for line in open('rows.csv')])
for row in network(rows.reshape(-1, 1, 8, 8)).softmax(1).tolist():
    best = max(range(10), key=lambda number: row[number])
    print(best, row[best])
";
    let output = python(folder, script).expect("python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), 20, "{error}");
    for (ours, theirs) in ours.iter().zip(text.lines()) {
        let (class, probability) = theirs.split_once(' ').expect("two numbers");
        assert_eq!(ours["class"].to_string(), class);
        let probability: f64 = probability.parse().expect("a number");
        let found = ours["probability"].as_f64().expect("a number");
        assert!((found - probability).abs() < 1e-4, "{ours}: {theirs}");
    }
}

#[test]
fn a_run_cut_off_in_this_process_goes_on_from_its_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let calm = trained(folder, "--shards 4");
    // Killed in the middle: every task sleeps.
    let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
        .current_dir(folder)
        .args([
            "--state", "kept", "--json", "--rounds", "5", "--nodes", "2", "--shards", "4",
        ])
        .args(["--load", "1", "--policy", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the client starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(
        child.stdout.take().expect("output"),
    ));
    let started = lines.next().expect("a line").expect("text");
    let started: Value = serde_json::from_str(&started).expect("JSON");
    let run = started["run"].as_str().expect("a run").to_owned();
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    said(folder, &format!("resume {run}"));
    said(folder, &format!("verify {calm} {run}"));
}
