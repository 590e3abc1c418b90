//! A coordinator and what it calls its nodes, some of them behind something that does harm.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use roundtable::app::dial::{Coordinator, Dialled};
use roundtable::clock;
use roundtable::wire::stubs::coordinator::{
    EventKind, NodeState, NodeStatus, NodesRequest, Plan, Report, RunState, RunsRequest,
    SubmitRequest, WatchRequest,
};
use roundtable::wire::stubs::types::DataRef;
use tempfile::TempDir;

use crate::programs::{PATIENCE, Program, dial, until_nodes, write_list};

/// A coordinator over nodes at these addresses.
pub struct Party {
    pub coordinator: Program,
    _folder: TempDir,
}

/// How a run went.
pub struct Outcome {
    pub report: Report,
    pub notices: Vec<String>,
    pub nodes: Vec<NodeStatus>,
    pub omitted: usize,
    pub retries: i32,
}

static RUNS: AtomicU32 = AtomicU32::new(0);

/// A run on the digits, in tasks of one shard each.
pub fn plan(rounds: i32, shards: i32) -> Plan {
    Plan {
        rounds: Some(rounds),
        seed: Some(7),
        data: Some(DataRef {
            spec: "builtin:digits".to_owned(),
            shards: Some(shards),
            ..DataRef::default()
        }),
        ..Plan::default()
    }
}

impl Party {
    /// Starts a coordinator that gives each node its turn.
    pub fn of(nodes: &[SocketAddr], arguments: &[&str]) -> Party {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("nodes.txt");
        write_list(&list, nodes);
        let mut all = vec!["round-robin", "--nodes", list.to_str().expect("a name")];
        all.extend(arguments);
        let coordinator = Program::coordinator(&all);
        Party {
            coordinator,
            _folder: folder,
        }
    }

    /// Waits until so many nodes were greeted.
    pub fn until_up(&self, count: usize) {
        let up = |nodes: &[NodeStatus]| {
            let up = nodes.iter().filter(|node| node.state == NodeState::UP);
            up.count() == count
        };
        until_nodes(&mut dial(&self.coordinator), up);
    }

    /// How many runs the coordinator knows.
    pub fn runs(&self) -> usize {
        let deadline = clock::now() + PATIENCE;
        let mut client = dial(&self.coordinator);
        let runs = client.call("runs", deadline, |to| to.runs(&RunsRequest::default()));
        runs.expect("its runs").runs.len()
    }

    pub fn run(&self, plan: Plan) -> Outcome {
        follow(&mut dial(&self.coordinator), plan)
    }
}

/// Asks for a run and watches it to its end, which must be a good one.
pub fn follow(client: &mut Dialled<Coordinator>, plan: Plan) -> Outcome {
    let deadline = clock::now() + 3 * PATIENCE;
    let request = SubmitRequest {
        key: format!("run {}", RUNS.fetch_add(1, Ordering::Relaxed)),
        plan,
    };
    let run = client.call("submit", deadline, |to| to.submit(&request));
    let mut watch = WatchRequest {
        run: run.expect("it is taken").run,
        after: Some(0),
        max_wait_ms: Some(2_000),
    };
    let (mut notices, mut omitted, mut retries) = (Vec::new(), 0, 0);
    let status = loop {
        assert!(clock::now() < deadline, "no end of it: {notices:?}");
        let reply = client.call("watch", deadline, |to| to.watch(&watch));
        let reply = reply.expect("its events");
        watch.after = reply
            .events
            .last()
            .map(|last| last.sequence)
            .or(watch.after);
        for event in &reply.events {
            notices.extend(event.message.clone());
            if let Some(round) = &event.round {
                omitted += round.omitted.as_ref().map_or(0, Vec::len);
                retries += round.retries.unwrap_or(0);
            }
        }
        let last = reply.events.last();
        let ended = last.is_none_or(|last| last.kind == EventKind::ENDED);
        if ended && reply.status.state != RunState::RUNNING {
            break reply.status;
        }
    };
    let why = format!("{:?}: {:?}; {notices:?}", status.state, status.error);
    assert_eq!(status.state, RunState::SUCCEEDED, "{why}");
    let nodes = client.call("nodes", deadline, |to| to.nodes(&NodesRequest {}));
    Outcome {
        report: status.report.expect("a report"),
        notices,
        nodes: nodes.expect("the nodes").nodes,
        omitted,
        retries,
    }
}

/// What comes of this plan where nothing is in the way.
pub fn undisturbed(plan: Plan) -> Report {
    let node = Program::node(&["0"]);
    let party = Party::of(&[node.address], &[]);
    let outcome = party.run(plan);
    assert_eq!(outcome.notices, Vec::<String>::new());
    outcome.report
}

impl Outcome {
    /// Same bits, and no shard left out.
    pub fn must_equal(&self, calm: &Report) {
        let last: Vec<&String> = self.notices.iter().rev().take(5).collect();
        assert_eq!(self.omitted, 0, "{last:?}");
        assert_eq!(self.report.digest, calm.digest, "{last:?}");
        assert_eq!(self.report.accuracy, calm.accuracy);
    }

    /// The failure that the coordinator shows of a node.
    pub fn failure_of(&self, node: SocketAddr) -> &str {
        let address = node.to_string();
        let found = self.nodes.iter().find(|node| node.address == address);
        let found = found.and_then(|node| node.failure.as_deref());
        found.unwrap_or_else(|| panic!("no failure of {address} in {:?}", self.nodes))
    }

    /// Different reasons in the notices that name this node.
    pub fn reasons_of(&self, node: SocketAddr) -> BTreeSet<&str> {
        let marker = format!("failed at {node}: ");
        let split = |notice: &'_ String| notice.find(&marker).map(|at| at + marker.len());
        self.notices
            .iter()
            .filter_map(|notice| split(notice).map(|at| &notice[at..]))
            .collect()
    }
}
