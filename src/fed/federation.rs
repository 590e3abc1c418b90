//! The core of the coordinator: facts in, commands out.

use std::collections::BTreeMap;

use super::cohort;
use super::event::{Answer, Command, Evaluation, Event, Finished, Prepared, Work};
use super::plan::Plan;
use super::report::RunEvent;
use super::round::{Round, Verdict};
use super::run::{Ending, Phase, Run, RunId};
use crate::cluster::{self, Cluster, Failure, FailureKind, GroupId, Outcome, TaskId, Time};
use crate::ml::metrics::Metrics;

/// Runs under way at once; one more is refused.
const MOST_ACTIVE: usize = 64;
/// Ended runs remembered; the oldest are forgotten first.
const MOST_ENDED: usize = 256;
/// Rows that a node can hold out of a shard. What it claims is merged, and the sum over the shards must not overflow.
const MOST_EVALUATED: u64 = 1 << 40;
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
    cluster: Cluster,
    quorum: f64,
    runs: BTreeMap<RunId, Run>,
    /// Oldest first.
    order: Vec<RunId>,
    groups: BTreeMap<GroupId, RunId>,
    tasks: BTreeMap<TaskId, (RunId, Work)>,
    next_group: u64,
    next_task: u64,
    commands: Vec<Command>,
}

impl Federation {
    /// A federation without runs. `quorum` is for plans that leave it to the coordinator.
    pub fn new(cluster: Cluster, quorum: f64) -> Federation {
        Federation {
            cluster,
            quorum,
            runs: BTreeMap::new(),
            order: Vec::new(),
            groups: BTreeMap::new(),
            tasks: BTreeMap::new(),
            next_group: 0,
            next_task: 0,
            commands: Vec::new(),
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
                    .filter_map(|c| translate(&self.tasks, c)),
            );
            if outcomes.is_empty() {
                break;
            }
            for outcome in outcomes {
                self.take_outcome(now, outcome);
            }
        }
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
        match (self.cluster.next_wake(), quiet) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn record(&mut self, now: Time, event: Event) {
        match event {
            Event::Listed(addresses) => self.cluster.listed(now, &addresses),
            Event::Joined(address) => self.cluster.joined(now, &address),
            Event::Left(address) => self.cluster.left(now, &address),
            Event::Greeted(node, beat, answer) => self.cluster.greeted(now, node, beat, answer),
            Event::Pulsed(node, beat, answer) => self.cluster.pulsed(now, node, beat, answer),
            Event::Answered(attempt, answer) => self.answered(now, attempt, answer),
            Event::Refused(attempt) => {
                if let Some(task) = self.cluster.refused(now, attempt) {
                    self.count_refusal(task);
                }
            }
            Event::Failed(attempt, failure) => self.cluster.failed(now, attempt, failure),
            Event::Submitted(id, plan) => self.submitted(now, id, plan),
            Event::Restored(id, plan, finished) => self.restored(now, id, plan, finished),
            Event::Cancelled(id) => self.end(&id, Ending::Cancelled),
            Event::Resumed(id) => self.resumed(now, &id),
            Event::Prepared(id, found) => self.prepared(now, &id, found),
            Event::Stepped(id, round, digest) => self.stepped(now, &id, round, digest),
            Event::Evaluated(id, round, metrics) => self.evaluated(now, &id, round, metrics),
            Event::Tick => {}
        }
    }

    fn submitted(&mut self, now: Time, id: RunId, plan: Plan) {
        if self.runs.contains_key(&id) {
            return;
        }
        self.take_in(now, &id, plan, Finished::default());
        self.commands
            .push(Command::Publish(id.clone(), RunEvent::Started));
        self.commands.push(Command::Prepare(id));
        self.forget_old();
    }

    fn restored(&mut self, now: Time, id: RunId, plan: Plan, finished: Finished) {
        if self.runs.contains_key(&id) {
            return;
        }
        let rounds = finished.rounds;
        self.take_in(now, &id, plan, finished);
        // Nothing is left to do if the last round was finished and only the end was not recorded.
        if let Some(run) = self.runs.get(&id)
            && run.finished >= run.plan.rounds
        {
            let ending = Ending::Succeeded(run.report(now));
            return self.end(&id, ending);
        }
        self.notice(
            &id,
            format!("the coordinator is back; going on after round {rounds}"),
        );
        self.commands.push(Command::Prepare(id));
    }

    fn take_in(&mut self, now: Time, id: &RunId, plan: Plan, finished: Finished) {
        let group = GroupId(self.next_group);
        self.next_group += 1;
        self.groups.insert(group, id.clone());
        let run = Run {
            id: id.clone(),
            group,
            quorum: plan.quorum.unwrap_or(self.quorum),
            plan,
            phase: Phase::Preparing,
            shards: Vec::new(),
            evaluation: Evaluation::Central,
            finished: finished.rounds,
            last: finished.last,
            started: now,
            stirred: now,
            said: None,
        };
        self.runs.insert(id.clone(), run);
        self.order.push(id.clone());
    }

    fn resumed(&mut self, now: Time, id: &RunId) {
        if self.resumable(id).is_err() {
            return;
        }
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        run.stirred = now;
        run.said = None;
        let notice = format!("resumed after round {}", run.finished);
        self.notice(id, notice);
        self.set_phase(id, Phase::Preparing);
        self.commands.push(Command::Prepare(id.clone()));
    }

    fn prepared(&mut self, now: Time, id: &RunId, found: Result<Prepared, String>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if !matches!(run.phase, Phase::Preparing | Phase::Initialising) {
            return;
        }
        run.stirred = now;
        match found {
            Err(reason) => self.end(id, Ending::Failed(reason)),
            Ok(found) if found.shards.is_empty() => {
                let reason = "the data has no shards: no rows, or no node that hosts any".into();
                self.end(id, Ending::Failed(reason));
            }
            Ok(found) => {
                run.shards = found.shards;
                run.evaluation = found.evaluation;
                if found.parameters {
                    self.start_round(now, id);
                } else {
                    run.phase = Phase::Initialising;
                    self.submit_task(now, id, Work::Initialise, None);
                }
            }
        }
    }

    fn start_round(&mut self, now: Time, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let number = run.finished + 1;
        let shards = u32::try_from(run.shards.len()).unwrap_or(u32::MAX);
        let cohort = cohort::sample(run.plan.seed, number, shards, run.plan.cohort);
        let weight_limit = run.weight_limit(&cohort);
        run.phase = Phase::Training(Round::new(number, now, cohort.clone()));
        self.commands.push(Command::Open {
            run: id.clone(),
            round: number,
            weight_limit,
        });
        self.ask(now, id, number, &cohort);
    }

    /// Submits a training task for each of these shards.
    fn ask(&mut self, now: Time, id: &RunId, round: u32, shards: &[u32]) {
        for &shard in shards {
            let host = self.host_of(id, shard);
            self.submit_task(now, id, Work::Train { round, shard }, host);
        }
    }

    fn host_of(&self, id: &RunId, shard: u32) -> Option<String> {
        let shard = self.runs.get(id)?.shards.get(shard as usize)?;
        shard.private.then(|| shard.name.clone())
    }

    fn submit_task(&mut self, now: Time, id: &RunId, work: Work, host: Option<String>) {
        let Some(run) = self.runs.get(id) else {
            return;
        };
        let task = TaskId(self.next_task);
        self.next_task += 1;
        self.cluster.submit(now, task, run.group, host);
        self.tasks.insert(task, (id.clone(), work));
    }

    fn answered(&mut self, now: Time, attempt: cluster::AttemptId, answer: Answer) {
        let work = self
            .cluster
            .task_of(attempt)
            .and_then(|task| self.tasks.get(&task).cloned());
        if let Some((id, work)) = &work
            && let Err(reason) = self.fits(id, *work, &answer)
        {
            self.commands.push(Command::Discard(attempt));
            let failure = Failure::new(FailureKind::Invalid, reason);
            return self.cluster.failed(now, attempt, failure);
        }
        let Some(task) = self.cluster.answered(now, attempt) else {
            return self.commands.push(Command::Discard(attempt));
        };
        self.tasks.remove(&task);
        let Some((id, work)) = work else {
            return self.commands.push(Command::Discard(attempt));
        };
        if let Some(run) = self.runs.get_mut(&id) {
            run.stirred = now;
            run.said = None;
        }
        match (work, answer) {
            (Work::Train { shard, .. }, Answer::Update { rows, loss }) => {
                self.count(now, &id, attempt, shard, rows, loss);
            }
            (Work::Evaluate { shard, .. }, Answer::Metrics(metrics)) => {
                self.node_evaluated(now, &id, shard, Some(metrics));
            }
            (Work::Initialise, Answer::Parameters) => {
                // The shell takes the parameters and reports the run as prepared.
                self.commands.push(Command::Adopt(id, attempt));
            }
            _ => self.commands.push(Command::Discard(attempt)),
        }
    }

    /// Whether an answer can be one to this work.
    fn fits(&self, id: &RunId, work: Work, answer: &Answer) -> Result<(), String> {
        let run = self.runs.get(id).ok_or("the run is gone")?;
        match (work, answer) {
            (Work::Train { shard, .. }, &Answer::Update { rows, loss }) => {
                let most = run.shards[shard as usize].rows;
                if rows == 0 || rows > most {
                    return Err(format!("claims {rows} rows of a shard that has {most}"));
                }
                if !loss.is_finite() {
                    return Err(format!("its loss is {loss}: the training diverged"));
                }
                Ok(())
            }
            (Work::Evaluate { .. }, Answer::Metrics(metrics)) if !metrics.loss.is_finite() => {
                Err(format!("its loss is {}", metrics.loss))
            }
            (Work::Evaluate { .. }, Answer::Metrics(metrics)) if metrics.rows > MOST_EVALUATED => {
                Err(format!("claims to have evaluated {} rows", metrics.rows))
            }
            (Work::Evaluate { .. }, Answer::Metrics(_))
            | (Work::Initialise, Answer::Parameters) => Ok(()),
            _ => Err("the answer is one to another question".to_owned()),
        }
    }

    fn count(
        &mut self,
        now: Time,
        id: &RunId,
        attempt: cluster::AttemptId,
        shard: u32,
        rows: u64,
        loss: f64,
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let weight = run.plan.strategy.weight(rows);
        let Some(round) = run.training() else {
            return self.commands.push(Command::Discard(attempt));
        };
        if !round.count(shard, rows, loss, weight) {
            return self.commands.push(Command::Discard(attempt));
        }
        let fold = Command::Fold {
            run: id.clone(),
            round: round.number,
            attempt,
            weight,
        };
        self.commands.push(fold);
        self.close_round_if_done(now, id);
    }

    fn close_round_if_done(&mut self, now: Time, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let quorum = run.quorum;
        let Some(round) = run.training() else {
            return;
        };
        let number = round.number;
        match round.verdict(quorum) {
            Verdict::Open => {}
            Verdict::Step { weight } => {
                let round = round.clone();
                run.phase = Phase::Stepping(round);
                self.commands.push(Command::Step {
                    run: id.clone(),
                    round: number,
                    weight,
                });
            }
            Verdict::AskAgain(shards) => {
                let notice = format!(
                    "round {number}: below quorum, asking again for {} shards",
                    shards.len()
                );
                self.notice(id, notice);
                self.ask(now, id, number, &shards);
            }
            Verdict::BelowQuorum { counted, needed } => {
                let round = round.clone();
                let reasons = round.reasons(&run.shards);
                let reason = format!(
                    "round {number} stayed below quorum: {counted} shards counted, {needed} needed; {reasons}"
                );
                self.end(id, Ending::Failed(reason));
            }
        }
    }

    fn stepped(&mut self, now: Time, id: &RunId, number: u32, digest: Result<[u8; 32], String>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Stepping(round) = &run.phase else {
            return;
        };
        if round.number != number {
            return;
        }
        run.stirred = now;
        let digest = match digest {
            Ok(digest) => digest,
            Err(reason) => return self.end(id, Ending::Failed(reason)),
        };
        let round = round.clone();
        if run.evaluation == Evaluation::Nowhere {
            return self.finish_round(now, id, &round, None, digest);
        }
        let cohort = round.cohort().to_vec();
        let awaited = cohort.len();
        run.phase = Phase::Evaluating {
            round,
            digest,
            metrics: BTreeMap::new(),
            awaited,
        };
        match run.evaluation {
            Evaluation::Nowhere => {}
            Evaluation::Central => self.commands.push(Command::Evaluate(id.clone(), number)),
            Evaluation::Nodes => {
                for shard in cohort {
                    let host = self.host_of(id, shard);
                    let round = number;
                    self.submit_task(now, id, Work::Evaluate { round, shard }, host);
                }
            }
        }
    }

    fn evaluated(&mut self, now: Time, id: &RunId, number: u32, found: Result<Metrics, String>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Evaluating { round, digest, .. } = &run.phase else {
            return;
        };
        if round.number != number {
            return;
        }
        let (round, digest) = (round.clone(), *digest);
        match found {
            Ok(metrics) => self.finish_round(now, id, &round, Some(metrics), digest),
            Err(reason) => self.end(id, Ending::Failed(reason)),
        }
    }

    /// A node evaluated on what it holds out of a shard, or no node could.
    fn node_evaluated(&mut self, now: Time, id: &RunId, shard: u32, found: Option<Metrics>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Evaluating {
            round,
            digest,
            metrics,
            awaited,
        } = &mut run.phase
        else {
            return;
        };
        *awaited = awaited.saturating_sub(1);
        if let Some(found) = found {
            metrics.insert(shard, found);
        }
        if *awaited > 0 {
            return;
        }
        // In the order of the shards, so that the digits do not depend on who answered first.
        let merged = metrics.values().copied().reduce(|a, b| a.merge(&b));
        let (round, digest) = (round.clone(), *digest);
        self.finish_round(now, id, &round, merged, digest);
    }

    fn finish_round(
        &mut self,
        now: Time,
        id: &RunId,
        round: &Round,
        metrics: Option<Metrics>,
        digest: [u8; 32],
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let report = round.report(now, &run.plan, &run.shards, metrics, digest);
        run.finished = round.number;
        run.stirred = now;
        run.last = Some(report.clone());
        let done = run.finished >= run.plan.rounds;
        let ending = done.then(|| Ending::Succeeded(run.report(now)));
        self.commands
            .push(Command::Publish(id.clone(), RunEvent::Round(report)));
        match ending {
            Some(ending) => self.end(id, ending),
            None => self.start_round(now, id),
        }
    }

    fn take_outcome(&mut self, now: Time, outcome: Outcome) {
        match outcome {
            Outcome::Failed {
                task,
                address,
                failure,
            } => self.attempt_failed(task, &address, &failure),
            Outcome::GaveUp { task, failures } => self.gave_up(now, task, failures),
            Outcome::Deserted { nodes } => self.deserted(&nodes),
        }
    }

    /// One attempt failed; the cluster deals with it, whoever watches is told.
    fn attempt_failed(&mut self, task: TaskId, address: &str, failure: &Failure) {
        let Some((id, work)) = self.tasks.get(&task).cloned() else {
            return;
        };
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if let Some(round) = run.training() {
            round.retries += 1;
        }
        let name = |shard: u32| run.shards[shard as usize].name.clone();
        let notice = match work {
            Work::Train { round, shard } => {
                format!(
                    "round {round}: shard `{}` failed at {address}: {failure}",
                    name(shard)
                )
            }
            Work::Evaluate { round, shard } => {
                format!(
                    "round {round}: evaluating shard `{}` failed at {address}: {failure}",
                    name(shard)
                )
            }
            Work::Initialise => format!("first parameters: {address} failed: {failure}"),
        };
        self.notice(&id, notice);
    }

    fn gave_up(&mut self, now: Time, task: TaskId, failures: Vec<String>) {
        let Some((id, work)) = self.tasks.remove(&task) else {
            return;
        };
        let reason = failures.join(", then ");
        match work {
            Work::Train { shard, .. } => {
                if let Some(round) = self.runs.get_mut(&id).and_then(Run::training) {
                    round.omit(shard, reason);
                }
                self.close_round_if_done(now, &id);
            }
            Work::Evaluate { shard, .. } => self.node_evaluated(now, &id, shard, None),
            Work::Initialise => {
                let reason = format!("no node could make the first parameters: {reason}");
                self.end(&id, Ending::Failed(reason));
            }
        }
    }

    fn deserted(&mut self, nodes: &[String]) {
        let waiting: Vec<RunId> = self
            .tasks
            .values()
            .map(|(id, _)| id.clone())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let reason = if nodes.is_empty() {
            "no compute node is known".to_owned()
        } else {
            format!("no compute node could be reached; {}", nodes.join("; "))
        };
        for id in waiting {
            self.end(&id, Ending::Stopped(reason.clone()));
        }
    }

    fn count_refusal(&mut self, task: TaskId) {
        if let Some((id, _)) = self.tasks.get(&task)
            && let Some(round) = self.runs.get_mut(id).and_then(Run::training)
        {
            round.refusals += 1;
        }
    }

    /// The run is over: nothing of it stays with the nodes.
    fn end(&mut self, id: &RunId, ending: Ending) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if !run.is_active() {
            return;
        }
        run.phase = Phase::Ended(ending.clone());
        let group = run.group;
        self.cluster.withdraw(group);
        self.tasks.retain(|_, (owner, _)| owner != id);
        self.commands
            .push(Command::Publish(id.clone(), RunEvent::Ended(ending)));
        self.commands.push(Command::Release(id.clone()));
    }

    fn set_phase(&mut self, id: &RunId, phase: Phase) {
        if let Some(run) = self.runs.get_mut(id) {
            run.phase = phase;
        }
    }

    fn notice(&mut self, id: &RunId, text: String) {
        self.commands
            .push(Command::Publish(id.clone(), RunEvent::Notice(text)));
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

    fn forget_old(&mut self) {
        let ended: Vec<RunId> = self
            .order
            .iter()
            .filter(|id| self.runs.get(id).is_some_and(|run| !run.is_active()))
            .cloned()
            .collect();
        for id in ended.iter().take(ended.len().saturating_sub(MOST_ENDED)) {
            if let Some(run) = self.runs.remove(id) {
                self.groups.remove(&run.group);
            }
            self.order.retain(|kept| kept != id);
            self.commands.push(Command::Forget(id.clone()));
        }
    }
}

/// The cluster's command in the words of the federation, with what the task is about.
fn translate(
    tasks: &BTreeMap<TaskId, (RunId, Work)>,
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
                limit,
            }
        }
    })
}
