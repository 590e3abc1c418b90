//! A coordinator and nodes as processes, nodes that come back where they were, and runs followed to their end.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::never;
use roundtable::app::dial::{Coordinator, Dialled};
use roundtable::clock;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{
    EventKind, NodeState, NodeStatus, Plan, Report, RoundReport, RunState, SubmitRequest,
    WatchRequest,
};
use tempfile::TempDir;

use crate::effort::pick;
use crate::programs::{Program, dial, until_nodes, write_list};

/// No run here takes longer.
pub fn patience() -> Duration {
    pick(Duration::from_secs(120), Duration::from_secs(900))
}

/// A node that can be killed and comes back at the same address.
pub struct Member {
    pub program: Program,
    arguments: Vec<String>,
}

impl Member {
    /// Starts a node with these arguments after its port, at a loopback address that no other process listens on
    /// or calls from: its port is free when it comes back.
    pub fn start(arguments: &[&str]) -> Member {
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let host = format!("127.{}.{}.{}", 1 + high % 250, low, 1 + number % 250);
        let bind = ["--bind".to_owned(), host];
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .chain(bind)
            .collect();
        Member {
            program: start(0, &arguments),
            arguments,
        }
    }

    /// So many, all alike.
    pub fn start_all(count: usize, arguments: &[&str]) -> Vec<Member> {
        (0..count).map(|_| Member::start(arguments)).collect()
    }

    /// Where it listens, as the coordinator names it.
    pub fn at(&self) -> String {
        self.program.address.to_string()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts again where it was, after it was killed.
    pub fn restart(&mut self) {
        self.program = start(self.program.address.port(), &self.arguments);
    }

    /// The same, always idle and never slowed.
    pub fn restart_at_ease(&mut self) {
        self.arguments[0] = "0".to_owned();
        self.restart();
    }
}

fn start(port: u16, arguments: &[String]) -> Program {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Program::node_at(port, &arguments)
}

/// A coordinator with the list of its nodes.
pub struct Cluster {
    pub coordinator: Program,
    /// Holds the list, which the coordinator looks at again and again.
    _folder: TempDir,
}

impl Cluster {
    /// A coordinator for these nodes, with these arguments after its port.
    pub fn of(nodes: &[Member], arguments: &[&str]) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let list = listed(folder.path(), nodes);
        let arguments = [arguments, &["--nodes", &list]].concat();
        Cluster {
            coordinator: Program::coordinator(&arguments),
            _folder: folder,
        }
    }

    /// The same, started by a shell that does something first.
    pub fn started_by(shell: &str, nodes: &[Member], arguments: &[&str]) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let list = listed(folder.path(), nodes);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{shell} && exec \"$0\" \"$@\"")])
            .args([env!("CARGO_BIN_EXE_coordinator"), "0"])
            .args(arguments)
            .args(["--nodes", &list]);
        Cluster {
            coordinator: Program::start(&mut command),
            _folder: folder,
        }
    }

    pub fn dial(&self) -> Dialled<Coordinator> {
        dial(&self.coordinator)
    }
}

fn listed(folder: &Path, nodes: &[Member]) -> String {
    let list = folder.join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.program.address).collect();
    write_list(&list, &addresses);
    list.to_str().expect("a name").to_owned()
}

/// A run whose training takes no time: what is looked at is everything else.
pub fn light(rounds: i32) -> Plan {
    Plan {
        model: Some("softmax:64-10".to_owned()),
        rounds: Some(rounds),
        seed: Some(7),
        training: Some(Training {
            epochs: Some(1),
            learning_rate: 0.1,
            ..Training::default()
        }),
        ..Plan::default()
    }
}

/// Asks for a run that is taken in, and gives its id.
pub fn submit(client: &mut Dialled<Coordinator>, plan: Plan) -> String {
    try_submit(client, plan).expect("it is taken in")
}

/// Asks for a run.
pub fn try_submit(client: &mut Dialled<Coordinator>, plan: Plan) -> Result<String, String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let key = format!("survival {number} {}", clock::unix_micros());
    let request = SubmitRequest { key, plan };
    let deadline = clock::now() + patience();
    let reply = client.call("submit", deadline, |to| to.submit(&request));
    reply
        .map(|reply| reply.run)
        .map_err(|failed| failed.to_string())
}

/// What became of a run.
#[derive(Debug)]
pub struct Followed {
    pub report: Report,
    pub rounds: Vec<RoundReport>,
}

impl Followed {
    /// Every shard counted in every round.
    pub fn assert_nothing_lost(&self) {
        for round in &self.rounds {
            assert_eq!(round.counted, round.asked, "{round:?}");
            assert!(round.omitted.iter().flatten().next().is_none(), "{round:?}");
        }
        assert_eq!(self.report.rounds, Some(self.rounds.len() as i32));
    }
}

/// Follows a run to its end.
pub fn follow(client: &mut Dialled<Coordinator>, run: &str) -> Result<Followed, String> {
    let deadline = clock::now() + patience();
    let mut request = WatchRequest {
        run: run.to_owned(),
        after: Some(0),
        max_wait_ms: Some(2_000),
    };
    let mut rounds = Vec::new();
    loop {
        let reply = client.call("watch", deadline, |to| to.watch(&request));
        let reply = reply.map_err(|failed| failed.to_string())?;
        let ended = reply
            .events
            .iter()
            .any(|event| event.kind == EventKind::ENDED);
        for event in reply.events {
            request.after = Some(event.sequence);
            rounds.extend(event.round);
        }
        if ended {
            return match reply.status {
                status if status.state == RunState::SUCCEEDED => Ok(Followed {
                    report: status.report.expect("a report"),
                    rounds,
                }),
                status => Err(status
                    .error
                    .unwrap_or_else(|| format!("{:?}", status.state))),
            };
        }
    }
}

/// A run on an undisturbed cluster: what every other one has to give.
pub fn quiet(plan: Plan) -> Followed {
    let nodes = Member::start_all(2, &["0"]);
    let cluster = Cluster::of(&nodes, &["2"]);
    let mut client = cluster.dial();
    let run = submit(&mut client, plan);
    follow(&mut client, &run).expect("a quiet run succeeds")
}

/// Waits until the coordinator says this of a node; how long that took.
pub fn until(
    client: &mut Dialled<Coordinator>,
    node: &str,
    test: impl Fn(&NodeStatus) -> bool,
) -> Duration {
    let start = clock::now();
    until_nodes(client, |nodes| {
        nodes.iter().any(|it| it.address == node && test(it))
    });
    clock::now() - start
}

pub fn is_up(node: &NodeStatus) -> bool {
    node.state == NodeState::UP
}

pub fn is_down(node: &NodeStatus) -> bool {
    node.state == NodeState::DOWN
}

/// What the coordinator says of a node.
pub fn status(client: &mut Dialled<Coordinator>, node: &str) -> NodeStatus {
    let nodes = until_nodes(client, |_| true);
    let found = nodes.into_iter().find(|it| it.address == node);
    found.expect("it is listed")
}

/// Lets time pass until then.
pub fn wait_until(moment: Instant) {
    let _ = never::<()>().recv_deadline(moment);
}

/// Median and largest of some spans, for a figure.
pub fn median_and_most(spans: &mut [Duration]) -> String {
    spans.sort_unstable();
    match spans {
        [] => "none".to_owned(),
        spans => format!(
            "median {:.0?}, most {:.0?}",
            spans[spans.len() / 2],
            spans[spans.len() - 1]
        ),
    }
}
