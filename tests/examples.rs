//! The programs in `examples/`, as they are, with the real coordinator and nodes.
//!
//! Skipped with a message where Python, Node or a package is missing. PyTorch is large and looked for alone: in the
//! Python that `ROUNDTABLE_TORCH_PYTHON` names, else in `python3`.

mod programs;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use programs::{Program, dial, has_packages, has_python, until_nodes};
use roundtable::wire::stubs::coordinator::NodeState;

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
        let mut client = dial(&self.coordinator);
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
    until_nodes(&mut dial(&stage.coordinator), <[_]>::is_empty);
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
