//! What the core asks for, carried out.
//!
//! Nothing here takes long: calls to nodes run on the threads of their links, opening data and large
//! numerics on threads of the workshop.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::attempts::{Attempts, Said};
use super::board::Board;
use super::keeping::keeper::Keeper;
use super::nodes::greetings::Greetings;
use super::nodes::hosts::Hosts;
use super::nodes::job::Job;
use super::nodes::link::Link;
use super::nodes::pulse::Heard;
use super::nodes::pulse::Question;
use super::reporter::Reporter;
use super::runs::workshop::{Begun, Workshop};
use super::worklog::{self, Line, WorkLog};
use crate::app::clock::Clock;
use crate::cluster::{AttemptId, Failure, FailureKind, NodeId, Roster, Time};
use crate::fed::{Command, Entry, Event, Federation, RunEvent, RunId};
use crate::net::Address;

/// When the loop ends, nodes are told what is called off; no longer than this.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything the loop works with.
pub(super) struct Driver {
    pub(super) federation: Arc<Mutex<Federation>>,
    pub(super) reporter: Reporter,
    pub(super) workshop: Arc<Workshop>,
    /// None where nothing outlives the coordinator.
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) board: Arc<Board>,
    /// None where nobody reads it.
    pub(super) worklog: Option<WorkLog>,
    /// None where nobody looks on.
    pub(super) attempts: Option<Arc<Attempts>>,
    pub(super) hosts: Hosts,
    pub(super) greetings: Greetings,
    pub(super) clock: Clock,
    /// How long a greeting or heartbeat may take.
    pub(super) heartbeat_timeout: Duration,
    pub(super) links: BTreeMap<NodeId, Link>,
    /// Every link's thread holds the first; the second tells when all have ended.
    pub(super) alive: (Sender<()>, Receiver<()>),
}

impl Driver {
    /// Takes in a fact and carries out what follows from it.
    pub(super) fn take(&mut self, fact: Event) {
        // Facts that arise from carrying out come before those that wait in the queue.
        let mut own = VecDeque::from([fact]);
        while let Some(fact) = own.pop_front() {
            let (said, heard_of) = (Said::of(&fact), worklog::heard_of(&fact));
            let mut federation = lock(&self.federation);
            let now = self.clock.now();
            let commands = federation.handle(now, fact);
            let untried = federation.cluster().roster().untried();
            let roster = federation.cluster().roster();
            let log = self.worklog.as_mut();
            let lines = log.map(|log| log.note(now, &said, heard_of, &commands, roster));
            if let Some(attempts) = &self.attempts {
                note(attempts, now, said, &commands, roster);
            }
            drop(federation);
            lines.iter().flatten().for_each(Line::write);
            for command in commands {
                own.extend(self.carry_out(command));
            }
            self.hosts.set_untried(untried);
        }
    }

    /// When to take a [`Event::Tick`] if nothing else comes.
    pub(super) fn next_wake(&self) -> Option<Time> {
        lock(&self.federation).next_wake()
    }

    /// Closes everything that is open to nodes, when they were told what is called off.
    pub(super) fn part(&mut self) {
        let (mine, _) = crossbeam_channel::bounded(0);
        drop(std::mem::replace(&mut self.alive.0, mine));
        self.links.clear();
        // Nothing is ever sent: it returns when the last link's thread has ended.
        let _ = self.alive.1.recv_timeout(FAREWELL);
    }

    /// Carries out one command; a fact that arises at once is returned.
    fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Greet(node, beat) => {
                let timeout = self.heartbeat_timeout;
                self.link(node)?.ask(Question::Greet(node, beat, timeout));
            }
            Command::Beat(node, beat) => {
                let timeout = self.heartbeat_timeout;
                self.link(node)?.ask(Question::Beat(node, beat, timeout));
            }
            Command::Dispatch {
                attempt,
                node,
                run,
                work,
                may_refuse,
                audited,
                limit,
            } => {
                let job = self.workshop.job(&run, attempt, &work, may_refuse, limit);
                let Some(job) = job else {
                    return Some(failed(attempt, "the run's data is gone"));
                };
                let job = Job { audited, ..job };
                let at = self.link(node)?.address().to_string();
                if let Some(log) = &mut self.worklog {
                    log.sent(&run, &work, &job, node, at);
                }
                if let Err(error) = self.link(node)?.dispatch(job) {
                    let reason = format!("cannot start a thread for the call: {error}");
                    return Some(failed(attempt, &reason));
                }
            }
            Command::Cancel(attempt, node) => {
                if let Some(link) = self.links.get(&node) {
                    link.abandon(attempt);
                }
            }
            Command::Part(node) => {
                self.links.remove(&node);
                self.hosts.forget(node);
                self.greetings.forget(node);
            }
            Command::Prepare(run) => self.prepare(run),
            Command::Discard(attempt) => drop(self.reporter.take(attempt)),
            Command::Record(run, entry) => return self.record(run, entry),
            Command::Publish(run, entry) => self.publish(&run, entry),
            Command::Forget(run) => {
                self.workshop.forget(&run);
                self.board.forget(&run);
            }
            Command::Open { ref run, .. }
            | Command::Fold { ref run, .. }
            | Command::Step { ref run, .. }
            | Command::Adopt(ref run, _)
            | Command::Evaluate(ref run, _)
            | Command::Release(ref run) => {
                let run = run.clone();
                return self.workshop.carry_out(&run, command);
            }
        }
        None
    }

    fn prepare(&self, run: RunId) {
        let federation = lock(&self.federation);
        let plan = federation.plan_of(&run).map(|(plan, _)| plan.clone());
        let begun = Begun {
            hosted: federation.hosted_of(&run),
            rounds: federation.finished(&run),
        };
        drop(federation);
        if let Some(plan) = plan {
            self.workshop.prepare(run, plan, begun);
        }
    }

    fn record(&self, run: RunId, entry: Entry) -> Option<Event> {
        let Some(keeper) = &self.keeper else {
            return Some(Event::Recorded(run, entry.number, Ok(())));
        };
        let finished = match &entry.event {
            RunEvent::Round(report) => self.workshop.finished(&run, report.round),
            _ => None,
        };
        let number = entry.number;
        let taken = keeper.record(&run, entry, finished);
        taken
            .err()
            .map(|reason| Event::Recorded(run, number, Err(reason)))
    }

    fn publish(&self, run: &RunId, entry: Entry) {
        worklog::published(self.worklog.as_ref(), run, &entry);
        self.board.post(run, entry);
    }

    /// The connections to a node, opened when first needed.
    fn link(&mut self, node: NodeId) -> Option<&mut Link> {
        if !self.links.contains_key(&node) {
            let federation = self
                .federation
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let address = federation.cluster().roster().get(node)?.address.clone();
            drop(federation);
            let address: Address = address.parse().ok()?;
            self.hosts.expect(node);
            let heard = Heard {
                hosts: self.hosts.clone(),
                greetings: self.greetings.clone(),
                abilities: Arc::default(),
            };
            match Link::new(address, self.reporter.clone(), heard, self.alive.0.clone()) {
                Ok(link) => {
                    self.links.insert(node, link);
                }
                Err(error) => {
                    log::error!("cannot start a thread for a node: {error}");
                    return None;
                }
            }
        }
        self.links.get_mut(&node)
    }
}

/// Tells whoever looks on what became of attempts.
fn note(attempts: &Attempts, now: Time, said: Said, commands: &[Command], roster: &Roster) {
    let failed = |node| {
        let (at, failure) = roster.get(node)?.last_failure.as_ref()?;
        (*at == now).then(|| failure.reason.as_str().into())
    };
    let address = |node| roster.get(node).map_or("", |node| &node.address).into();
    attempts.note(now, said, commands, failed, address);
}

fn lock(federation: &Mutex<Federation>) -> MutexGuard<'_, Federation> {
    federation.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(attempt: AttemptId, reason: &str) -> Event {
    Event::Failed(attempt, Failure::new(FailureKind::Reported, reason))
}
