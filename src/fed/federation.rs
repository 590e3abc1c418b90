//! The core of the coordinator: facts in, commands out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audit::{Audit, Draw};
use super::event::{Command, Event, Hosted, Work};
use super::plan::Plan;
use super::report::RunEvent;
use super::run::{Ending, Phase, Run, RunId};
use crate::cluster::{self, Cluster, GroupId, TaskId, Time};
use crate::seed::Seed;

/// Runs under way at once; one more is refused.
const MOST_ACTIVE: usize = 64;
/// A run in which nothing happened for this long says what it waits for.
const QUIET: std::time::Duration = std::time::Duration::from_secs(1);

/// Why a run cannot be taken in, called off or resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such run.
    Unknown,
    /// Too many are under way: so many.
    Busy(usize),
    /// Only a stopped run can be resumed; this one is not.
    NotStopped,
}

/// All runs and the cluster they share.
pub struct Federation {
    pub(super) cluster: Cluster,
    pub(super) quorum: f64,
    /// Whether entries of logs are recorded before they are told.
    pub(super) records: bool,
    /// Whether the coordinator is about to end.
    pub(super) halted: bool,
    pub(super) runs: BTreeMap<RunId, Run>,
    /// Oldest first.
    pub(super) order: Vec<RunId>,
    pub(super) groups: BTreeMap<GroupId, RunId>,
    pub(super) tasks: BTreeMap<TaskId, (RunId, Work)>,
    /// Those of them that are audited.
    pub(super) audits: BTreeMap<TaskId, Audit>,
    pub(super) draw: Draw,
    pub(super) next_group: u64,
    pub(super) next_task: u64,
    pub(super) commands: Vec<Command>,
}

impl Federation {
    /// A federation without runs. `quorum` is for plans that leave it to the coordinator.
    pub fn new(cluster: Cluster, quorum: f64) -> Federation {
        Federation {
            cluster,
            quorum,
            records: false,
            halted: false,
            runs: BTreeMap::new(),
            order: Vec::new(),
            groups: BTreeMap::new(),
            tasks: BTreeMap::new(),
            audits: BTreeMap::new(),
            draw: Draw {
                share: 0.0,
                seed: Seed(0),
            },
            next_group: 0,
            next_task: 0,
            commands: Vec::new(),
        }
    }

    /// The same with runs that are recorded: they tell nothing before it is durable, and outlive the coordinator.
    pub fn recording(self) -> Federation {
        Federation {
            records: true,
            ..self
        }
    }

    /// The nodes and what they have in hand.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(super) fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.get(id)
    }

    /// All runs, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &RunId> {
        self.order.iter().rev()
    }

    /// The plan of a run and its shards, as far as they are known.
    pub fn plan_of(&self, id: &RunId) -> Option<(&Plan, &[super::Shard])> {
        let run = self.runs.get(id)?;
        Some((&run.plan, &run.shards))
    }

    /// The private shards that a run began with, if it has any.
    pub fn hosted_of(&self, id: &RunId) -> Option<Arc<Hosted>> {
        self.runs.get(id)?.hosted.clone()
    }

    /// Rounds that a run has finished.
    pub fn finished(&self, id: &RunId) -> u32 {
        self.runs.get(id).map_or(0, |run| run.finished)
    }

    /// Whether one more run can be taken in.
    pub fn admits(&self) -> Result<(), Refused> {
        let active = self.runs.values().filter(|run| run.is_active()).count();
        if active >= MOST_ACTIVE {
            return Err(Refused::Busy(active));
        }
        Ok(())
    }

    /// Whether a run can be resumed.
    pub fn resumable(&self, id: &RunId) -> Result<(), Refused> {
        match self.runs.get(id).map(|run| &run.phase) {
            None => Err(Refused::Unknown),
            Some(Phase::Ended(Ending::Stopped(_))) => self.admits(),
            Some(_) => Err(Refused::NotStopped),
        }
    }

    /// Takes in a fact and says what to do.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Command> {
        self.record(now, event);
        loop {
            let (commands, outcomes) = self.cluster.decide(now);
            self.commands.extend(
                commands
                    .into_iter()
                    .filter_map(|c| translate(&self.tasks, &self.audits, c)),
            );
            if outcomes.is_empty() {
                break;
            }
            for outcome in outcomes {
                self.take_outcome(now, outcome);
            }
        }
        self.record_again(now);
        self.say_what_is_awaited(now);
        std::mem::take(&mut self.commands)
    }

    /// When to tick if nothing is heard until then.
    pub fn next_wake(&self) -> Option<Time> {
        let quiet = self
            .runs
            .values()
            .filter(|run| run.is_active())
            .map(|run| run.stirred + QUIET)
            .min();
        let again = self
            .runs
            .values()
            .filter_map(|run| run.log.trouble()?.again);
        let due = [self.cluster.next_wake(), quiet, again.min()];
        due.into_iter().flatten().min()
    }

    fn record(&mut self, now: Time, event: Event) {
        match event {
            // Nothing begins any more; what is recorded goes on in the next life.
            Event::Submitted(..) | Event::Restored(..) | Event::Resumed(_) if self.halted => {}
            Event::Listed(addresses) => self.cluster.listed(now, &addresses),
            Event::Joined(address) => self.cluster.joined(now, &address),
            Event::Left(address) => self.cluster.left(now, &address),
            Event::Greeted(node, beat, answer) => self.cluster.greeted(now, node, beat, answer),
            Event::Pulsed(node, beat, answer) => self.cluster.pulsed(now, node, beat, answer),
            Event::Answered(attempt, answer) => self.answered(now, attempt, answer),
            Event::Refused(attempt) => {
                let node = self.cluster.node_of(attempt);
                let address = node.map_or(String::new(), |node| node.address.clone());
                if let Some(task) = self.cluster.refused(now, attempt) {
                    self.count_refusal(task, &address);
                }
            }
            Event::Failed(attempt, failure) => self.cluster.failed(now, attempt, failure),
            Event::Submitted(id, plan) => self.submitted(now, id, plan),
            Event::Restored(id, plan, history) => self.restored(now, id, plan, *history),
            Event::Cancelled(id) => self.end(&id, Ending::Cancelled),
            Event::Resumed(id) => self.resumed(now, &id),
            Event::Prepared(id, found) => self.prepared(now, &id, found),
            Event::Stepped(id, round, stepped) => self.stepped(now, &id, round, stepped),
            Event::Evaluated(id, round, metrics) => self.evaluated(now, &id, round, metrics),
            Event::Recorded(id, upto, done) => self.recorded(now, &id, upto, done),
            Event::Halted => self.halted(),
            Event::Tick => {}
        }
    }

    pub(super) fn host_of(&self, id: &RunId, shard: u32) -> Option<String> {
        let shard = self.runs.get(id)?.shards.get(shard as usize)?;
        shard.private.then(|| shard.name.clone())
    }

    pub(super) fn submit_task(
        &mut self,
        now: Time,
        id: &RunId,
        work: Work,
        host: Option<String>,
    ) -> Option<TaskId> {
        let (task, group) = self.new_task(id, work)?;
        self.cluster.submit(now, task, group, host);
        Some(task)
    }

    /// Submits a task that is to be done by another node than these.
    pub(super) fn submit_elsewhere(
        &mut self,
        now: Time,
        id: &RunId,
        work: Work,
        avoid: BTreeSet<String>,
    ) -> Option<TaskId> {
        let (task, group) = self.new_task(id, work)?;
        self.cluster.submit_elsewhere(now, task, group, avoid);
        Some(task)
    }

    fn new_task(&mut self, id: &RunId, work: Work) -> Option<(TaskId, GroupId)> {
        let group = self.runs.get(id)?.group;
        let task = TaskId(self.next_task);
        self.next_task += 1;
        self.tasks.insert(task, (id.clone(), work));
        Some((task, group))
    }

    pub(super) fn set_phase(&mut self, id: &RunId, phase: Phase) {
        if let Some(run) = self.runs.get_mut(id) {
            run.phase = phase;
        }
    }

    pub(super) fn notice(&mut self, id: &RunId, text: String) {
        self.tell(id, RunEvent::Notice(text));
    }

    /// A run in which nothing happens says what it waits for, once for each reason.
    fn say_what_is_awaited(&mut self, now: Time) {
        let mut notices = Vec::new();
        for run in self.runs.values_mut() {
            if !run.is_active() || now < run.stirred + QUIET {
                continue;
            }
            run.stirred = now;
            let waiting = self.cluster.waiting(now, run.group);
            let kind = waiting.kind().to_owned();
            if waiting != cluster::Waiting::Nothing && run.said.as_ref() != Some(&kind) {
                run.said = Some(kind);
                notices.push((run.id.clone(), waiting.to_string()));
            }
        }
        for (id, text) in notices {
            self.notice(&id, text);
        }
    }
}

/// The cluster's command in the words of the federation, with what the task is about.
fn translate(
    tasks: &BTreeMap<TaskId, (RunId, Work)>,
    audits: &BTreeMap<TaskId, Audit>,
    command: cluster::Command,
) -> Option<Command> {
    Some(match command {
        cluster::Command::Greet { node, beat } => Command::Greet(node, beat),
        cluster::Command::Beat { node, beat } => Command::Beat(node, beat),
        cluster::Command::Cancel { attempt, node } => Command::Cancel(attempt, node),
        cluster::Command::Part { node } => Command::Part(node),
        cluster::Command::Dispatch {
            attempt,
            task,
            node,
            may_refuse,
            limit,
        } => {
            let (run, work) = tasks.get(&task)?.clone();
            Command::Dispatch {
                attempt,
                node,
                run,
                work,
                may_refuse,
                audited: audits.contains_key(&task),
                limit,
            }
        }
    })
}
