//! What a dashboard sees of the coordinator, and the little it may do: snapshots, logs, attempts; cancel and resume.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, TryLockError};
use std::time::{Duration, Instant};

use super::attempts::{Attempt, Attempts, Tally};
use super::desk::Desk;
use crate::clock;
use crate::cluster::policy::POLICIES;
use crate::cluster::{Counts, Health, Time};
use crate::fed::{Entry, Federation, RunId, RunStatus};
use crate::net::{self, Server};
use crate::sync::{Mutex, lock};
use crate::wire::stubs::types::{Fault, FaultCode};

/// A snapshot is shown again for so long, however many look.
const FRESH: Duration = Duration::from_millis(150);
/// Runs of a snapshot: the newest.
const RUNS: usize = 50;
/// Nodes of a snapshot.
const NODES: usize = 500;

/// What is known of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// `host:port`.
    pub address: String,
    /// Where it stands.
    pub health: Health,
    /// 0 idle to 1 fully busy.
    pub load: f64,
    /// Tasks in hand, and how many it takes.
    pub in_hand: u32,
    /// See `in_hand`.
    pub slots: u32,
    /// Private shards it hosts.
    pub hosted: usize,
    /// Rows a second, by its own benchmark.
    pub speed: Option<f64>,
    /// Attempts it answered, failed and refused.
    pub completed: u64,
    /// See `completed`.
    pub failed: u64,
    /// See `completed`.
    pub refused: u64,
    /// Why it last failed or is barred, and when it failed.
    pub failure: Option<(String, Option<Time>)>,
}

/// The coordinator at one instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When.
    pub now: Time,
    /// Its nodes; of very many those that are not up first.
    pub nodes: Vec<NodeFacts>,
    /// How many nodes stand where, all of them counted.
    pub states: Vec<(Health, usize)>,
    /// How many nodes are known.
    pub known: usize,
    /// How many of them are up.
    pub up: usize,
    /// The newest runs, newest first.
    pub runs: Vec<RunStatus>,
}

/// Counts over the life of the coordinator.
#[derive(Clone, Debug)]
pub struct Totals {
    /// What the cluster counts.
    pub cluster: Counts,
    /// Attempts under way.
    pub out: usize,
    /// How attempts ended.
    pub attempts: Tally,
    /// What its port for clients and nodes has seen.
    pub calls: net::Counts,
    /// All runs it remembers.
    pub runs: Vec<RunStatus>,
}

/// See the module.
pub struct Window {
    desk: Arc<Desk>,
    attempts: Arc<Attempts>,
    calls: Box<dyn Fn() -> net::Counts + Send + Sync>,
    last: Mutex<Option<(Instant, Arc<Snapshot>)>>,
    /// Where clients and nodes find the coordinator.
    pub address: SocketAddr,
    /// When the coordinator began, in microseconds since 1970.
    pub began: u64,
}

impl Window {
    pub(super) fn new(desk: Arc<Desk>, attempts: Arc<Attempts>, server: &Server) -> Window {
        Window {
            desk,
            attempts,
            calls: Box::new(server.counter()),
            last: Mutex::default(),
            address: server.address(),
            began: clock::unix_micros(),
        }
    }

    /// Name of the scheduling policy.
    pub fn policy(&self) -> &str {
        let row = POLICIES.row(&self.desk.policy);
        row.map_or(&self.desk.policy, |row| row.name)
    }

    /// The coordinator now, or a moment ago.
    pub fn look(&self) -> Arc<Snapshot> {
        let mut last = lock(&self.last);
        let now = clock::now();
        if let Some((at, known)) = &*last
            && now.saturating_duration_since(*at) < FRESH
        {
            return known.clone();
        }
        let snapshot = Arc::new(self.snapshot());
        *last = Some((now, snapshot.clone()));
        snapshot
    }

    fn snapshot(&self) -> Snapshot {
        let federation = self.desk.lock();
        let now = self.desk.clock.now();
        let roster = federation.cluster().roster();
        Snapshot {
            now,
            nodes: nodes(&federation),
            states: states(&federation),
            known: roster.len(),
            up: roster.up(),
            runs: federation.statuses(now, RUNS),
        }
    }

    /// Counts so far.
    pub fn totals(&self) -> Totals {
        let federation = self.desk.lock();
        let now = self.desk.clock.now();
        Totals {
            cluster: federation.cluster().counts(),
            out: federation.cluster().attempts_out(),
            attempts: self.attempts.tally(),
            calls: (self.calls)(),
            runs: federation.statuses(now, usize::MAX),
        }
    }

    /// The entries of a run's log after this one, at most so many.
    pub fn entries(&self, run: &RunId, after: u64, most: usize) -> Vec<Entry> {
        self.desk
            .board
            .read(run, after, most, Duration::ZERO, || true)
    }

    /// See [`Attempts::since`].
    pub fn attempts(&self, run: &RunId, after: u64, most: usize) -> (Vec<Attempt>, u64) {
        self.attempts.since(run, after, most)
    }

    /// Why it could not train anything now, if so: the core is waited for no longer than this.
    pub fn unready(&self, patience: Duration) -> Option<String> {
        if self.desk.closing.load(Ordering::SeqCst) {
            return Some("the coordinator is stopping".to_owned());
        }
        let deadline = clock::now() + patience;
        let nobody = crossbeam_channel::never::<()>();
        loop {
            let federation = match self.desk.federation.try_lock() {
                Ok(federation) => federation,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if clock::now() < deadline => {
                    let _ = nobody.recv_timeout(Duration::from_millis(1));
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    return Some(format!("the core did not answer within {patience:?}"));
                }
            };
            let roster = federation.cluster().roster();
            return match (roster.up(), roster.len()) {
                (0, 0) => Some("no compute node is known".to_owned()),
                (0, known) => Some(format!("none of {known} compute nodes is up")),
                _ => None,
            };
        }
    }

    /// Calls a run off.
    ///
    /// # Errors
    /// When it cannot be done: a status of HTTP and the reason.
    pub fn cancel(&self, run: &RunId) -> Result<(), (u16, String)> {
        self.desk.cancel(run).map(drop).map_err(in_http)
    }

    /// Goes on with a stopped run.
    ///
    /// # Errors
    /// When it cannot be done: a status of HTTP and the reason.
    pub fn resume(&self, run: &RunId) -> Result<(), (u16, String)> {
        self.desk.resume(run).map(drop).map_err(in_http)
    }
}

fn in_http(fault: Fault) -> (u16, String) {
    let status = match fault.code {
        FaultCode::NOT_FOUND => 404,
        FaultCode::CONFLICT => 409,
        _ => 503,
    };
    (status, fault.message)
}

fn states(federation: &Federation) -> Vec<(Health, usize)> {
    let all = [
        Health::New,
        Health::Up,
        Health::Down,
        Health::Leaving,
        Health::Barred,
    ];
    let count = |state| {
        let nodes = federation.cluster().roster().iter();
        nodes.filter(|(_, node)| node.health == state).count()
    };
    all.into_iter().map(|state| (state, count(state))).collect()
}

fn nodes(federation: &Federation) -> Vec<NodeFacts> {
    let mut nodes: Vec<_> = federation.cluster().roster().iter().collect();
    if nodes.len() > NODES {
        nodes.sort_by_key(|(id, node)| (node.health == Health::Up, *id));
        nodes.truncate(NODES);
        nodes.sort_by_key(|(id, _)| *id);
    }
    let facts = nodes.into_iter().map(|(_, node)| {
        let failure = node.last_failure.as_ref();
        let failure = failure.map(|(at, failure)| (failure.reason.clone(), Some(*at)));
        let barred = node.barred.clone().map(|reason| (reason, None));
        let greeting = node.greeting.as_ref();
        NodeFacts {
            address: node.address.clone(),
            health: node.health,
            load: node.load,
            in_hand: node.in_hand,
            slots: node.slots(),
            hosted: greeting.map_or(0, |greeting| greeting.hosted.len()),
            speed: greeting.and_then(|greeting| greeting.speed),
            completed: node.completed,
            failed: node.failed,
            refused: node.refused,
            failure: barred.or(failure),
        }
    });
    facts.collect()
}
