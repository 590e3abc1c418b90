//! The programs in `examples/`, as they are, with the real coordinator and nodes.
//!
//! Skipped with a message where Python, Node or a package is missing. PyTorch is large and looked for alone: in the
//! Python that `ROUNDTABLE_TORCH_PYTHON` names, else in `python3`.

mod programs;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use programs::{PATIENCE, Program, has_packages, has_python, until_nodes};
use roundtable::app::dial::{self, CallFailed, Dialled, Node};
use roundtable::clock;
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{
    EvaluateRequest, InitialiseRequest, TrainRequest, Training,
};
use roundtable::wire::stubs::coordinator::NodeState;
use roundtable::wire::stubs::types::{FaultCode, ShardRef};

const PYTHON: &[&str] = &["thriftpy2", "numpy", "sklearn", "matplotlib"];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

fn python(name: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .arg(example("python").join(name))
        .env("MPLBACKEND", "Agg")
        .env("OMP_NUM_THREADS", "1");
    command
}

/// The Python with PyTorch, if there is one.
fn torch() -> Option<String> {
    let python = env::var("ROUNDTABLE_TORCH_PYTHON").unwrap_or("python3".to_owned());
    let found = has_packages(&python, &["torch", "thriftpy2", "numpy"]);
    if !found {
        println!(
            "skipped: PyTorch in {python}; `pip install torch` installs it, ROUNDTABLE_TORCH_PYTHON names another"
        );
    }
    found.then_some(python)
}

fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks a node with `client conformance`.
fn conforms(node: &Program, options: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command
        .args(["conformance", &node.address.to_string()])
        .args(options);
    let said = done(&mut command);
    assert!(said.contains("passed, 0 failed"), "{said}");
}

/// A coordinator of nodes that join, and the rows of three sites.
struct Stage {
    folder: tempfile::TempDir,
    coordinator: Program,
    nodes: Vec<Program>,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().expect("a folder");
        done(python("digits.py").arg("3").arg(folder.path()));
        Stage {
            folder,
            coordinator: Program::coordinator(&["2", "--nodes", "none"]),
            nodes: Vec::new(),
        }
    }

    fn rows(&self) -> String {
        let file = format!("site-{}.csv", self.nodes.len() + 1);
        self.folder
            .path()
            .join(file)
            .to_str()
            .expect("a name")
            .to_owned()
    }

    fn port(&self) -> String {
        self.coordinator.address.port().to_string()
    }

    /// Starts a node in Python for the rows of the next site.
    fn start(&mut self, python: &str, name: &str) -> &Program {
        let coordinator = self.coordinator.address.to_string();
        let mut command = Command::new(python);
        command.arg(example("python").join(name));
        command.args([&self.rows(), "--join", &coordinator]);
        // Several nodes share this machine.
        command.env("OMP_NUM_THREADS", "1");
        self.nodes.push(Program::start(&mut command));
        self.nodes.last().expect("just started")
    }

    fn start_ours(&mut self) {
        let coordinator = self.coordinator.address.to_string();
        let rows = self.rows();
        self.nodes.push(Program::node(&[
            "0",
            "--data",
            &rows,
            "--join",
            &coordinator,
        ]));
    }

    /// Waits until all nodes have joined.
    fn settle(&self) {
        let up = |nodes: &[_]| nodes.len() == self.nodes.len();
        let mut client = programs::dial(&self.coordinator);
        until_nodes(&mut client, |nodes| {
            up(nodes) && nodes.iter().all(|node| node.state == NodeState::UP)
        });
    }

    /// Runs the client in Python; the accuracy.
    fn run(&self, model: &str, rounds: u32) -> f64 {
        self.settle();
        let rounds = rounds.to_string();
        let asked = ["127.0.0.1", &self.port(), "private:", model, &rounds];
        let printed = done(python("client.py").args(asked));
        printed.trim().parse().expect("an accuracy alone")
    }
}

#[test]
fn scikit_learn_trains_beside_a_node_of_ours() {
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start("python3", "sklearn_node.py");
    stage.start_ours();
    let accuracy = stage.run("mlp:64-32-10", 10);
    assert!(accuracy > 0.9, "{accuracy}");
    conforms(&stage.nodes[0], &[]);
}

#[test]
fn a_node_in_python_takes_its_leave() {
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start("python3", "sklearn_node.py");
    stage.settle();
    stage.nodes[0].signal("TERM");
    assert!(stage.nodes[0].wait().success());
    // One that was only gone would stay in the list, as down.
    until_nodes(&mut programs::dial(&stage.coordinator), <[_]>::is_empty);
}

/// A node in Python for rows of two classes by the sign of their first feature, and what to ask of it.
fn of_two_classes(
    folder: &Path,
    model: &str,
    options: &[&str],
) -> (Program, Dialled<Node>, TrainRequest) {
    let rows = folder.join("two.csv");
    let row = |i: i32| format!("{},{},{}\n", i % 7 - 3, i % 5, i32::from(i % 7 > 2));
    let text: String = (0..60).map(row).collect();
    std::fs::write(&rows, text).expect("rows are written");
    let node = Program::start(python("sklearn_node.py").arg(&rows).args(options));
    let mut client = dial::node(&node.address.into(), PATIENCE).expect("it answers");
    let first = InitialiseRequest {
        model: model.to_owned(),
        seed: 1,
    };
    let first = ask(&mut client, |node| node.initialise(&first)).expect("first parameters");
    let request = TrainRequest {
        model: model.to_owned(),
        layout: first.layout,
        parameters: first.parameters,
        shards: vec![ShardRef {
            name: "two.csv".to_owned(),
            ..ShardRef::default()
        }],
        training: Training {
            learning_rate: 0.1,
            epochs: Some(2),
            ..Training::default()
        },
        ..TrainRequest::default()
    };
    (node, client, request)
}

fn ask<T>(
    node: &mut Dialled<Node>,
    call: impl FnOnce(&mut Node) -> Result<T, CallError>,
) -> Result<T, CallFailed> {
    node.call("call", clock::now() + PATIENCE, call)
}

#[test]
fn scikit_learn_sends_the_intercept_of_two_classes() {
    if !has_python(PYTHON) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (node, mut client, train) = of_two_classes(folder.path(), "sklearn-sgd", &[]);
    let update = ask(&mut client, |node| node.train(&train)).expect("an update");
    let bytes = update.update.inline_data.expect("a short one");
    // Two weights and the intercept.
    assert_eq!(bytes.len(), 12);
    assert_ne!(bytes[8..], [0; 4], "the intercept was trained");
    // The same attempt over a second connection, as after one that broke.
    let again = || {
        let mut client = dial::node(&node.address.into(), PATIENCE).expect("it answers");
        ask(&mut client, |node| node.train(&train)).map(|reply| reply.rows)
    };
    let rows = std::thread::scope(|scope| {
        let both = [scope.spawn(again), scope.spawn(again)];
        both.map(|thread| thread.join().expect("no panic").expect("an update"))
    });
    assert_eq!(rows, [60, 60]);
}

#[test]
fn scikit_learn_trains_as_it_is_asked_or_says_so() {
    if !has_python(PYTHON) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--classes", "17"];
    let (_node, mut client, train) = of_two_classes(folder.path(), "mlp:2-4-17", &options);
    let mut update = |batch, plateau| {
        let mut train = train.clone();
        train.training.batch = batch;
        train.training.plateau = plateau;
        ask(&mut client, |node| node.train(&train)).map(|reply| reply.update)
    };
    let whole = update(None, None).expect("an update");
    assert_eq!(update(Some(60), None).expect("an update"), whole);
    assert_ne!(update(Some(10), None).expect("an update"), whole);
    let Err(CallFailed::Fault(fault)) = update(None, Some(0.1)) else {
        panic!("it does not know a plateau");
    };
    assert_eq!(fault.code, FaultCode::INVALID);
    let mut confusion = |full| {
        let evaluate = EvaluateRequest {
            model: train.model.clone(),
            layout: train.layout.clone(),
            parameters: train.parameters.clone(),
            shards: train.shards.clone(),
            full,
            ..EvaluateRequest::default()
        };
        let found = ask(&mut client, |node| node.evaluate(&evaluate)).expect("metrics");
        found.metrics.confusion.map(|counts| counts.len())
    };
    assert_eq!(
        (confusion(None), confusion(Some(true))),
        (None, Some(17 * 17))
    );
}

#[test]
fn a_model_that_only_scikit_learn_knows() {
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start("python3", "sklearn_node.py");
    stage.start("python3", "sklearn_node.py");
    let accuracy = stage.run("sklearn-sgd", 10);
    assert!(accuracy > 0.85, "{accuracy}");
    conforms(&stage.nodes[1], &["--model", "sklearn-sgd"]);
}

#[test]
fn pytorch_trains_beside_scikit_learn_and_a_node_of_ours() {
    let Some(torch) = torch() else { return };
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start(&torch, "pytorch_node.py");
    stage.start("python3", "sklearn_node.py");
    stage.start_ours();
    let accuracy = stage.run("mlp:64-32-10", 10);
    assert!(accuracy > 0.9, "{accuracy}");
    conforms(&stage.nodes[0], &[]);
}

#[test]
fn a_model_that_only_pytorch_knows() {
    let Some(torch) = torch() else { return };
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start(&torch, "pytorch_node.py");
    stage.start(&torch, "pytorch_node.py");
    let accuracy = stage.run("my-net", 10);
    assert!(accuracy > 0.9, "{accuracy}");
    conforms(&stage.nodes[0], &["--model", "my-net"]);
}

#[test]
fn the_least_node_conforms() {
    if !has_python(PYTHON) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    done(python("digits.py").arg("1").arg(folder.path()));
    let node = Program::start(python("compute_node.py").arg(folder.path().join("site-1.csv")));
    conforms(&node, &[]);
}

#[test]
fn the_notebook_and_the_client_plot_a_run() {
    if !has_python(PYTHON) {
        return;
    }
    let mut stage = Stage::new();
    stage.start_ours();
    stage.start_ours();
    stage.settle();
    let picture = stage.folder.path().join("accuracy.png");
    let mut client = python("client.py");
    client.args([
        "127.0.0.1",
        &stage.port(),
        "private:",
        "softmax:64-10",
        "3",
        "--plot",
    ]);
    done(client.arg(&picture));
    let drawn = std::fs::read(&picture).expect("a picture");
    assert!(drawn.starts_with(b"\x89PNG"));

    let mut notebook = Command::new("python3");
    notebook
        .args(["-c", &cells()])
        .current_dir(example("python"));
    notebook
        .env("MPLBACKEND", "Agg")
        .env("ROUNDTABLE", stage.coordinator.address.to_string());
    let said = done(&mut notebook);
    assert!(said.contains("round  10  accuracy 0.9"), "{said}");
    assert!(said.contains("2 participants: mean 0."), "{said}");

    // Rows with real values have no accuracy.
    let asked = ["127.0.0.1", &stage.port(), "synthetic-linear:"];
    let loss = done(python("client.py").args(asked).args(["auto", "2"]));
    assert!(loss.trim().parse::<f64>().is_ok(), "{loss}");

    let output = python("client.py")
        .args(["127.0.0.1", &stage.port(), "nowhere:"])
        .output();
    let output = output.expect("it runs");
    assert!(
        stderr(&output).contains("plan.data.spec: unknown data `nowhere`"),
        "{output:?}"
    );
}

/// The code cells of the notebook as one program.
fn cells() -> String {
    let text = std::fs::read_to_string(example("python/notebook.ipynb")).expect("the notebook");
    let notebook: serde_json::Value = serde_json::from_str(&text).expect("a notebook");
    let cells = notebook["cells"].as_array().expect("cells").iter();
    let code = cells.filter(|cell| cell["cell_type"] == "code");
    let line = |line: &serde_json::Value| line.as_str().expect("a line").to_owned();
    code.map(|cell| {
        assert!(
            cell["outputs"].as_array().is_some_and(Vec::is_empty),
            "outputs are cleared"
        );
        let lines = cell["source"].as_array().expect("lines");
        lines.iter().map(line).collect::<String>() + "\n"
    })
    .collect()
}

#[test]
fn the_client_in_javascript() {
    let has = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let library = "require('thrift')";
    if !has("node", &["-e", library]) || !has("thrift", &["-version"]) {
        println!(
            "skipped: Node with `npm install thrift`, and Apache's compiler (`apt-get install thrift-compiler`)"
        );
        let required = env::var("ROUNDTABLE_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "this peer is required");
        return;
    }
    let stubs = tempfile::tempdir().expect("a folder");
    let idl = Path::new(env!("CARGO_MANIFEST_DIR")).join("idl/coordinator.thrift");
    let mut thrift = Command::new("thrift");
    done(
        thrift
            .args(["-r", "--gen", "js:node,es6", "-out"])
            .arg(stubs.path())
            .arg(idl),
    );
    let client = |arguments: &[&str]| {
        let mut node = Command::new("node");
        node.arg(example("node/client.js")).args(arguments);
        node.env("ROUNDTABLE_STUBS", stubs.path())
            .output()
            .expect("it runs")
    };

    let coordinator = Program::coordinator(&["2", "--nodes", "none"]);
    let at = coordinator.address.to_string();
    let _node = Program::node(&["0", "--join", &at]);
    let port = coordinator.address.port().to_string();
    let output = client(&["127.0.0.1", &port, "builtin:digits", "mlp:64-32-10", "3"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("round 3  accuracy 0."),
        "{}",
        stderr(&output)
    );
    let ours = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["127.0.0.1", &port, "--rounds", "3", "--quiet"])
        .output()
        .expect("it runs");
    assert_eq!(
        output.stdout, ours.stdout,
        "the same run, the same accuracy"
    );

    let refused = client(&["127.0.0.1", &port, "nowhere:"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("plan.data.spec"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(client(&["127.0.0.1"]).status.code(), Some(2));
    drop(coordinator);
    let gone = client(&["127.0.0.1", &port]);
    assert!(
        gone.status.code() == Some(1) && stderr(&gone).contains("error: "),
        "{gone:?}"
    );
}
