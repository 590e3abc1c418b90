//! The built programs as processes: started on free ports, watched, killed.

#![allow(dead_code)] // each test file uses its own part

pub mod kept;
pub mod watched;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use roundtable::app::dial::{self, Coordinator, Dialled};
use roundtable::clock;
use roundtable::net::Address;
use roundtable::wire::stubs::coordinator::{
    NodeStatus, NodesRequest, Plan, Report, TrainRequest as RunRequest,
};

/// Nothing here takes longer; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running program that said where it listens. Killed when dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
}

impl Program {
    /// Starts a command and waits for its line `listening on ADDRESS`.
    pub fn start(command: &mut Command) -> Program {
        Program::try_start(command).unwrap_or_else(|line| panic!("no address in {line:?}"))
    }

    /// The same for a program that may end before it says so; then what it said instead.
    pub fn try_start(command: &mut Command) -> Result<Program, String> {
        Program::try_start_and_hear(command).map(|(program, _)| program)
    }

    /// The same with what it says after that.
    pub fn try_start_and_hear(
        command: &mut Command,
    ) -> Result<(Program, BufReader<ChildStdout>), String> {
        Program::try_start_logging(command, Stdio::null())
    }

    /// The same with its log going somewhere.
    pub fn try_start_logging(
        command: &mut Command,
        log: Stdio,
    ) -> Result<(Program, BufReader<ChildStdout>), String> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let address = line.trim().strip_prefix("listening on ").map(str::parse);
        match address {
            Some(address) => {
                let address = address.expect("an address");
                Ok((Program { child, address }, stdout))
            }
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(line)
            }
        }
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// A compute node with these arguments after its port.
    pub fn node(arguments: &[&str]) -> Program {
        Program::node_at(0, arguments)
    }

    /// A compute node at a port.
    pub fn node_at(port: u16, arguments: &[&str]) -> Program {
        Program::start(
            Command::new(env!("CARGO_BIN_EXE_compute_node"))
                .arg(port.to_string())
                .args(arguments),
        )
    }

    /// A coordinator with these arguments after its port.
    pub fn coordinator(arguments: &[&str]) -> Program {
        Program::start(
            Command::new(env!("CARGO_BIN_EXE_coordinator"))
                .arg("0")
                .args(arguments),
        )
    }

    /// A coordinator at a port, for one that was there before.
    pub fn coordinator_at(port: u16, arguments: &[&str]) -> Program {
        Program::start(
            Command::new(env!("CARGO_BIN_EXE_coordinator"))
                .arg(port.to_string())
                .args(arguments),
        )
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = clock::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            assert!(clock::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `python3` has these packages. Says how to install them if not; where peers are required, that is a failure.
pub fn has_python(packages: &[&str]) -> bool {
    let found = has_packages("python3", packages);
    if !found {
        let names = packages.join(" ").replace("sklearn", "scikit-learn");
        println!("skipped: python3 with {names}; `pip install {names}` installs them");
        let required = std::env::var("ROUNDTABLE_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "this peer is required");
    }
    found
}

/// Whether a Python has these packages. It does not import them, which can take seconds.
pub fn has_packages(python: &str, packages: &[&str]) -> bool {
    let look = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";
    Command::new(python)
        .args(["-c", look])
        .args(packages)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Writes a list of nodes.
pub fn write_list(path: &Path, nodes: &[SocketAddr]) {
    let lines: Vec<String> = nodes
        .iter()
        .map(|node| format!("{},{}", node.ip(), node.port()))
        .collect();
    std::fs::write(path, lines.join("\n")).expect("the list is written");
}

/// A client of a coordinator.
pub fn dial(program: &Program) -> Dialled<Coordinator> {
    let address: Address = program.address.into();
    dial::coordinator(&address, PATIENCE).expect("the coordinator answers")
}

/// Asks for a run and waits for its report.
pub fn train(client: &mut Dialled<Coordinator>, plan: Plan) -> Result<Report, String> {
    let request = RunRequest { plan };
    let deadline = clock::now() + PATIENCE;
    client
        .call("train", deadline, |client| client.train(&request))
        .map_err(|failed| failed.to_string())
}

/// Asks for the nodes until `found` says yes.
pub fn until_nodes(
    client: &mut Dialled<Coordinator>,
    found: impl Fn(&[NodeStatus]) -> bool,
) -> Vec<NodeStatus> {
    let deadline = clock::now() + PATIENCE;
    loop {
        let reply = client.call("nodes", deadline, |client| client.nodes(&NodesRequest {}));
        let nodes = reply.expect("the nodes").nodes;
        if found(&nodes) {
            return nodes;
        }
        assert!(clock::now() < deadline, "never so: {nodes:?}");
        std::thread::yield_now();
    }
}
