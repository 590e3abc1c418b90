//! What attempts bring, and what it means for their run.

use super::event::{Answer, Command, Trained, Work};
use super::federation::Federation;
use super::run::{Ending, Run, RunId};
use crate::cluster::{AttemptId, Failure, FailureKind, Outcome, TaskId, Time};

/// Rows that a node can hold out of a shard. What it claims is merged, and the sum over the shards must
/// not overflow.
const MOST_EVALUATED: u64 = 1 << 40;

impl Federation {
    pub(super) fn answered(&mut self, now: Time, attempt: AttemptId, answer: Answer) {
        let work = self
            .cluster
            .task_of(attempt)
            .and_then(|task| self.tasks.get(&task).cloned());
        if let Some((id, work)) = &work
            && let Err(reason) = self.fits(id, work, &answer)
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
            (Work::Train { shards, .. }, Answer::Update(trained)) => {
                self.count(now, &id, attempt, &shards, &trained);
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
    pub(super) fn fits(&self, id: &RunId, work: &Work, answer: &Answer) -> Result<(), String> {
        let run = self.runs.get(id).ok_or("the run is gone")?;
        match (work, answer) {
            (Work::Train { shards, .. }, Answer::Update(trained)) => {
                if shards.len() != trained.len() {
                    let (asked, found) = (shards.len(), trained.len());
                    return Err(format!("it trained {found} shards; asked were {asked}"));
                }
                for (&shard, &Trained { rows, loss }) in shards.iter().zip(trained) {
                    let most = run.shards[shard as usize].rows;
                    if rows == 0 || rows > most {
                        return Err(format!("claims {rows} rows of a shard that has {most}"));
                    }
                    if !loss.is_finite() {
                        return Err(format!("its loss is {loss}: the training diverged"));
                    }
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

    pub(super) fn count(
        &mut self,
        now: Time,
        id: &RunId,
        attempt: AttemptId,
        shards: &[u32],
        trained: &[Trained],
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let strategy = run.plan.strategy;
        let Some(round) = run.training() else {
            return self.commands.push(Command::Discard(attempt));
        };
        let Some(weight) = round.count(shards, trained, strategy) else {
            return self.commands.push(Command::Discard(attempt));
        };
        let fold = Command::Fold {
            run: id.clone(),
            round: round.number,
            attempt,
            weight,
        };
        self.commands.push(fold);
        self.close_round_if_done(now, id);
    }

    pub(super) fn count_refusal(&mut self, task: TaskId) {
        if let Some((id, _)) = self.tasks.get(&task)
            && let Some(round) = self.runs.get_mut(id).and_then(Run::training)
        {
            round.refusals += 1;
        }
    }

    pub(super) fn take_outcome(&mut self, now: Time, outcome: Outcome) {
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
    pub(super) fn attempt_failed(&mut self, task: TaskId, address: &str, failure: &Failure) {
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
            Work::Train { round, shards } => {
                let more = match shards.len() {
                    1 => String::new(),
                    many => format!(" and {} more", many - 1),
                };
                format!(
                    "round {round}: shard `{}`{more} failed at {address}: {failure}",
                    name(shards[0])
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

    pub(super) fn gave_up(&mut self, now: Time, task: TaskId, failures: Vec<String>) {
        let Some((id, work)) = self.tasks.remove(&task) else {
            return;
        };
        let reason = failures.join(", then ");
        match work {
            // What fails together may succeed one by one; at least it is seen which shard it was.
            Work::Train { round, shards } if shards.len() > 1 => {
                for shard in shards.iter() {
                    self.ask_together(now, &id, round, &[*shard]);
                }
            }
            Work::Train { shards, .. } => {
                if let Some(round) = self.runs.get_mut(&id).and_then(Run::training) {
                    round.omit(shards[0], reason);
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

    pub(super) fn deserted(&mut self, nodes: &[String]) {
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
}
