//! Log lines about attempts and nodes. Each line about an attempt names run, round, shards, attempt and node.
//!
//! It learns as [`Attempts`](super::attempts::Attempts) does: from what was said, and what the core made of it. Lines
//! are made while the core is looked at and written when it is not: whoever reads the log may be slow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use log::Level;

use super::attempts::Said;
use super::nodes::job::{Job, Request};
use crate::app::logs::{About, listed};
use crate::cluster::{AttemptId, Health, Node, NodeId, Roster, Time};
use crate::fed::{Command, Ending, Entry, Event, RunEvent, RunId, Work};
use crate::wire::stubs::types::ShardRef;

/// Failures remembered, so that a notice about one is not a second warning.
const REMEMBERED: usize = 64;

/// An attempt that a node has in hand.
#[derive(Clone, Debug)]
struct Errand {
    run: RunId,
    round: u32,
    /// Names of its shards.
    shards: String,
    /// The number of the first of them.
    first: Option<u32>,
    node: NodeId,
    address: String,
}

/// A line to be written.
#[derive(Debug)]
pub(super) struct Line {
    level: Level,
    message: String,
    attempt: Option<(AttemptId, Errand)>,
    node: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct WorkLog {
    open: BTreeMap<AttemptId, Errand>,
    /// What failed, as it may be tried again: run, round, first shard.
    failed: BTreeSet<(RunId, u32, Option<u32>)>,
    /// Address and reason of the newest failures.
    told: VecDeque<(String, String)>,
    /// Nodes that were said to be down.
    down: BTreeSet<NodeId>,
}

impl WorkLog {
    /// None where nobody reads it.
    pub(super) fn new() -> Option<WorkLog> {
        shows(Level::Warn).then(WorkLog::default)
    }

    /// An attempt goes out.
    pub(super) fn sent(&mut self, run: &RunId, work: &Work, job: &Job, node: NodeId, at: String) {
        let (round, first) = match work {
            Work::Train { round, shards } => (*round, shards.first().copied()),
            Work::Evaluate { round, shard } => (*round, Some(*shard)),
            Work::Initialise => (0, None),
        };
        let errand = Errand {
            run: run.clone(),
            round,
            shards: names(&job.request),
            first,
            node,
            address: at,
        };
        let (level, message) = match self.failed.contains(&(run.clone(), round, first)) {
            true => (Level::Warn, "tried again"),
            false => (Level::Debug, "sent"),
        };
        if shows(level) {
            Line::of(level, message.to_owned(), job.attempt, errand.clone()).write();
        }
        self.open.insert(job.attempt, errand);
    }

    /// What a fact and the commands that followed from it did to attempts and nodes.
    pub(super) fn note(
        &mut self,
        now: Time,
        said: &Said,
        heard_of: Option<NodeId>,
        commands: &[Command],
        roster: &Roster,
    ) -> Vec<Line> {
        let said = match said {
            Said::Answered(id) => Some((*id, "answered", None)),
            Said::Refused(id) => Some((*id, "refused", None)),
            Said::Failed(id, reason) => Some((*id, "failed", Some(&**reason))),
            Said::Nothing => None,
        };
        let called_off = commands.iter().filter_map(|command| match command {
            Command::Cancel(id, _) => Some((*id, "called off", None)),
            _ => None,
        });
        let mut lines = Vec::new();
        let mut heard_of = heard_of;
        for (id, how, reason) in said.into_iter().chain(called_off) {
            let Some(errand) = self.open.remove(&id) else {
                continue;
            };
            let reason = reason.or_else(|| failed_now(now, roster.get(errand.node)?));
            match reason {
                Some(reason) => {
                    heard_of = heard_of.or(Some(errand.node));
                    self.remember(&errand, reason);
                    lines.push(Line::of(
                        Level::Warn,
                        format!("failed: {reason}"),
                        id,
                        errand,
                    ));
                }
                None if shows(Level::Debug) => {
                    lines.push(Line::of(Level::Debug, how.to_owned(), id, errand));
                }
                None => {}
            }
        }
        for command in commands {
            match command {
                Command::Part(node) => drop(self.down.remove(node)),
                // What failed in rounds before is not tried again.
                Command::Open { run, round, .. } => {
                    let stale = |of: &RunId, tried: u32| of == run && tried < *round;
                    self.failed.retain(|(of, tried, _)| !stale(of, *tried));
                }
                Command::Release(run) | Command::Forget(run) => {
                    self.failed.retain(|(of, ..)| of != run);
                    self.open.retain(|_, errand| errand.run != *run);
                }
                _ => {}
            }
        }
        lines.extend(heard_of.and_then(|node| self.health(node, roster)));
        lines
    }

    fn remember(&mut self, errand: &Errand, reason: &str) {
        let (run, round) = (errand.run.clone(), errand.round);
        self.failed.insert((run, round, errand.first));
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        let address = errand.address.clone();
        self.told.push_back((address, reason.to_owned()));
    }

    /// A line if the node went down or came back.
    fn health(&mut self, node: NodeId, roster: &Roster) -> Option<Line> {
        let known = roster.get(node)?;
        let line = |level, message: String| Line {
            level,
            message,
            attempt: None,
            node: Some(known.address.clone()),
        };
        match known.health {
            Health::Down if self.down.insert(node) => {
                let failure = known.last_failure.as_ref();
                let reason = failure.map_or("", |(_, failure)| &failure.reason);
                Some(line(Level::Warn, format!("node is down: {reason}")))
            }
            Health::Up if self.down.remove(&node) => {
                Some(line(Level::Info, "node is back".to_owned()))
            }
            _ => None,
        }
    }

    /// Whether a notice says of a failure what its own line said, with more.
    fn is_told(&self, notice: &str) -> bool {
        let says = |(address, reason): &(String, String)| {
            notice.ends_with(reason.as_str()) && notice.contains(address.as_str())
        };
        self.told.iter().any(says)
    }
}

/// Logs what a run tells.
pub(super) fn published(log: Option<&WorkLog>, run: &RunId, entry: &Entry) {
    let about = About::run(&run.0);
    match &entry.event {
        RunEvent::Started => about.log(Level::Info, format_args!("run begins")),
        RunEvent::Hosted(hosted) => about.log(Level::Info, format_args!("{hosted}")),
        RunEvent::Round(report) => {
            let about = about.round(report.round);
            about.log(Level::Debug, format_args!("round finished"));
        }
        RunEvent::Notice(text) => {
            let repeated = log.is_some_and(|log| log.is_told(text));
            let level = match repeated {
                true => Level::Debug,
                false => Level::Warn,
            };
            about.log(level, format_args!("{text}"));
        }
        RunEvent::Ended(ending) => {
            let level = match ending {
                Ending::Succeeded(_) | Ending::Cancelled => Level::Info,
                Ending::Failed(_) | Ending::Stopped(_) => Level::Warn,
            };
            about.log(level, format_args!("run {ending}"));
        }
    }
}

/// Whether lines of this level are written. Most attempts have none, and cost nothing.
fn shows(level: Level) -> bool {
    log::log_enabled!(target: "roundtable", level)
}

/// Why the node failed in this very moment, if it did.
fn failed_now(now: Time, node: &Node) -> Option<&str> {
    let (at, failure) = node.last_failure.as_ref()?;
    (*at == now).then_some(&failure.reason)
}

/// The node that a fact is a sign of life of, or the lack of one.
pub(super) fn heard_of(fact: &Event) -> Option<NodeId> {
    match fact {
        Event::Greeted(node, ..) | Event::Pulsed(node, ..) => Some(*node),
        _ => None,
    }
}

impl Line {
    fn of(level: Level, message: String, attempt: AttemptId, errand: Errand) -> Line {
        Line {
            level,
            message,
            attempt: Some((attempt, errand)),
            node: None,
        }
    }

    /// Writes it.
    pub(super) fn write(&self) {
        let mut about = About {
            node: self.node.as_deref(),
            ..About::default()
        };
        if let Some((attempt, errand)) = &self.attempt {
            about = About {
                run: Some(&errand.run.0),
                round: (errand.round > 0).then_some(errand.round),
                shards: (!errand.shards.is_empty()).then_some(&errand.shards),
                attempt: Some(attempt.0),
                node: Some(&errand.address),
            };
        }
        about.log(self.level, format_args!("{}", self.message));
    }
}

fn names(request: &Request) -> String {
    let of = |shards: &[ShardRef]| listed(shards.iter().map(|shard| shard.name.as_str()));
    match request {
        Request::Train(request, _) => of(&request.shards),
        Request::Evaluate(request, _) => of(&request.shards),
        Request::Initialise(_) => String::new(),
    }
}
