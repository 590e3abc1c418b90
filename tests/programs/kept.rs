//! A coordinator whose runs are kept, and what is asked of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::never;
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{
    Plan, RunState, RunStatus, StatusRequest, SubmitRequest,
};

use super::{PATIENCE, Program, dial, train, write_list};

pub const ROUNDS: i32 = 30;

/// Nodes that take a while for each task, so that there is an instant to be killed at.
pub const SLOW: &[&str] = &["1", "--load-delay", "15ms"];

pub fn plan() -> Plan {
    Plan {
        rounds: Some(ROUNDS),
        seed: Some(7),
        ..Plan::default()
    }
}

/// A coordinator's folder: its state and its list of nodes.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new(nodes: &[Program]) -> Place {
        let place = Place {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
        write_list(&place.nodes(), &addresses);
        place
    }

    pub fn nodes(&self) -> PathBuf {
        self.folder.path().join("nodes.txt")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts a coordinator here.
    pub fn coordinator(&self, port: u16) -> Program {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Program::coordinator_at(port, &arguments)
    }

    /// What it is told after its port. Policy 1: slow nodes take every task.
    pub fn arguments(&self) -> Vec<String> {
        let (nodes, state) = (self.nodes(), self.state());
        let line = [
            "1",
            "--nodes",
            text(&nodes),
            "--state",
            text(&state),
            "--heartbeat",
            "100ms",
        ];
        line.map(str::to_owned).to_vec()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a name")
}

/// Lets so many milliseconds pass.
pub fn pass(millis: u64) {
    let _ = never::<()>().recv_timeout(Duration::from_millis(millis));
}

/// The digest of a run that nothing disturbs.
pub fn undisturbed() -> Vec<u8> {
    let nodes = [Program::node(&["0"])];
    let place = Place::new(&nodes);
    let coordinator = place.coordinator(0);
    let report = train(&mut dial(&coordinator), plan()).expect("a report");
    report.digest.expect("a digest").to_vec()
}

pub fn submit(coordinator: &Program, key: &str) -> String {
    submit_plan(coordinator, key, plan())
}

pub fn submit_plan(coordinator: &Program, key: &str, plan: Plan) -> String {
    let request = SubmitRequest {
        key: key.to_owned(),
        plan,
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dial(coordinator).call("submit", deadline, |to| to.submit(&request));
    reply.expect("the run is accepted").run
}

pub fn status(coordinator: &Program, run: &str) -> RunStatus {
    let request = StatusRequest {
        run: run.to_owned(),
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dial(coordinator).call("status", deadline, |to| to.status(&request));
    reply.expect("a status")
}

/// Waits until a run is over.
pub fn until_over(coordinator: &Program, run: &str) -> RunStatus {
    let deadline = clock::now() + PATIENCE;
    loop {
        let found = status(coordinator, run);
        if found.state != RunState::RUNNING {
            return found;
        }
        assert!(clock::now() < deadline, "it does not end: {found:?}");
        pass(20);
    }
}

pub fn digest(status: &RunStatus) -> Vec<u8> {
    let report = status.report.as_ref();
    let report = report.unwrap_or_else(|| panic!("no report: {status:?}"));
    report.digest.clone().expect("a digest").to_vec()
}
