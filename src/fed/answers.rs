//! What attempts bring, and what it means for their run.

use std::time::Duration;

use super::audit::Testimony;
use super::event::{Answer, Command, Trained, Work};
use super::federation::Federation;
use super::run::{Ending, Run, RunId};
use crate::cluster::{AttemptId, Failure, FailureKind, Outcome, TaskId, Time};

/// Rows that a node can hold out of a shard. What it claims is merged, and the sum over the shards must
/// not overflow.
const MOST_EVALUATED: u64 = 1 << 40;

/// What an attempt brought of a training task.
pub(super) struct Brought<'a> {
    pub(super) run: &'a RunId,
    pub(super) attempt: AttemptId,
    pub(super) round: u32,
    pub(super) shards: &'a [u32],
    trained: &'a [Trained],
}

impl Brought<'_> {
    /// The same task once more.
    pub(super) fn work(&self) -> Work {
        let (round, shards) = (self.round, self.shards.into());
        Work::Train { round, shards }
    }
}

impl Federation {
    pub(super) fn answered(&mut self, now: Time, attempt: AttemptId, answer: Answer) {
        let task = self.cluster.task_of(attempt);
        let work = task.and_then(|task| self.tasks.get(&task).cloned());
        let audited = task.is_some_and(|task| self.audits.contains_key(&task));
        let node = self.cluster.node_of(attempt);
        let incarnation = node.and_then(|node| Some(node.greeting.as_ref()?.incarnation));
        let address = node.map_or(String::new(), |node| node.address.clone());
        if let Some((id, work)) = &work
            && let Err(reason) = self.fits(id, work, audited, &answer)
        {
            self.commands.push(Command::Discard(attempt));
            let failure = Failure::new(FailureKind::Invalid, reason);
            return self.cluster.failed(now, attempt, failure);
        }
        let held = self.cluster.held(now, attempt);
        let Some(task) = self.cluster.answered(now, attempt) else {
            return self.commands.push(Command::Discard(attempt));
        };
        self.tasks.remove(&task);
        let audit = self.audits.remove(&task);
        let Some((id, work)) = work else {
            return self.commands.push(Command::Discard(attempt));
        };
        if let Some(run) = self.runs.get_mut(&id) {
            run.stirred = now;
            run.said = None;
            if let (Answer::Update(trained, _), Some(round)) = (&answer, run.training()) {
                round.nodes.of(&address).trained(trained, held);
            }
        }
        match (work, answer) {
            (Work::Train { round, shards }, Answer::Update(trained, fingerprint)) => {
                let brought = Brought {
                    run: &id,
                    attempt,
                    round,
                    shards: &shards,
                    trained: &trained,
                };
                match (audit, fingerprint) {
                    (Some(audit), Some(fingerprint)) => {
                        let by = Testimony {
                            address,
                            incarnation: incarnation.unwrap_or_default(),
                            fingerprint,
                        };
                        self.hear(now, audit, by, &brought);
                    }
                    _ => self.count(now, &brought, Some(&address)),
                }
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
    fn fits(&self, id: &RunId, work: &Work, audited: bool, answer: &Answer) -> Result<(), String> {
        let run = self.runs.get(id).ok_or("the run is gone")?;
        match (work, answer) {
            (Work::Train { .. }, Answer::Update(_, None)) if audited => {
                Err("it brought no fingerprint".to_owned())
            }
            (Work::Train { shards, .. }, Answer::Update(trained, _)) => {
                if shards.len() != trained.len() {
                    let (asked, found) = (shards.len(), trained.len());
                    return Err(format!("it trained {found} shards; asked were {asked}"));
                }
                for (&shard, &Trained { rows, loss }) in shards.iter().zip(trained) {
                    // The owner of private rows may hold some out; of others it is known how many there are.
                    let known = &run.shards[shard as usize];
                    let fewer = known.private && rows > 0 && rows < known.rows;
                    if rows != known.rows && !fewer {
                        let most = known.rows;
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

    /// Counts what came from one node `alone`, or from two that brought the same.
    pub(super) fn count(&mut self, now: Time, brought: &Brought, alone: Option<&str>) {
        let (id, attempt) = (brought.run, brought.attempt);
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let strategy = run.plan.strategy;
        let needs_singles = run.plan.needs_singles();
        let Some(round) = run.training() else {
            return self.commands.push(Command::Discard(attempt));
        };
        let weight = round.count(brought.shards, brought.trained, strategy, alone);
        let Some(weight) = weight else {
            return self.commands.push(Command::Discard(attempt));
        };
        let fold = Command::Fold {
            run: id.clone(),
            round: round.number,
            attempt,
            weight,
            single: match (brought.shards, brought.trained) {
                ([shard], [trained]) if needs_singles => Some((*shard, trained.rows)),
                _ => None,
            },
        };
        self.commands.push(fold);
        self.close_round_if_done(now, id);
    }

    pub(super) fn count_refusal(&mut self, task: TaskId, address: &str) {
        if let Some((id, _)) = self.tasks.get(&task)
            && let Some(round) = self.runs.get_mut(id).and_then(Run::training)
        {
            round.refusals += 1;
            round.nodes.of(address).refusals += 1;
        }
    }

    pub(super) fn take_outcome(&mut self, now: Time, outcome: Outcome) {
        match outcome {
            Outcome::Failed {
                task,
                address,
                held,
                failure,
            } => self.attempt_failed(task, &address, held, &failure),
            Outcome::GaveUp { task, failures } => self.gave_up(now, task, failures),
            Outcome::Deserted { nodes } => self.deserted(&nodes),
        }
    }

    /// One attempt failed; the cluster deals with it, whoever watches is told.
    fn attempt_failed(&mut self, task: TaskId, address: &str, held: Duration, failure: &Failure) {
        let Some((id, work)) = self.tasks.get(&task).cloned() else {
            return;
        };
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if let Some(round) = run.training() {
            round.retries += 1;
            let did = round.nodes.of(address);
            did.failures += 1;
            did.busy += held;
        }
        let notice = match work {
            Work::Train { round, shards } => {
                let shards = self.named(&id, &shards);
                format!("round {round}: shard {shards} failed at {address}: {failure}")
            }
            Work::Evaluate { round, shard } => {
                let shard = self.named(&id, &[shard]);
                format!("round {round}: evaluating shard {shard} failed at {address}: {failure}")
            }
            Work::Initialise => format!("first parameters: {address} failed: {failure}"),
        };
        self.notice(&id, notice);
    }

    /// Shards for people: the name of the first, and how many more there are.
    pub(super) fn named(&self, id: &RunId, shards: &[u32]) -> String {
        let first = shards.first().zip(self.run(id));
        let first = first.and_then(|(&shard, run)| run.shards.get(shard as usize));
        let name = first.map_or("", |shard| &shard.name);
        match shards.len() {
            0 | 1 => format!("`{name}`"),
            many => format!("`{name}` and {} more", many - 1),
        }
    }

    pub(super) fn gave_up(&mut self, now: Time, task: TaskId, failures: Vec<String>) {
        let Some((id, work)) = self.tasks.remove(&task) else {
            return;
        };
        let reason = one_after_the_other(&failures);
        if let (Some(audit), Work::Train { round, shards }) = (self.audits.remove(&task), &work)
            && self.not_compared(now, (&id, *round, shards), &audit, &reason)
        {
            return;
        }
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

/// What failed, in this order; what repeats is said once, with how often.
fn one_after_the_other(failures: &[String]) -> String {
    let runs = failures.chunk_by(|one, next| one == next);
    let told = runs.map(|run| match run.len() {
        1 => run[0].clone(),
        times => format!("{} ({times} times)", run[0]),
    });
    told.collect::<Vec<_>>().join(", then ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_said_once() {
        let told = |failures: &[&str]| {
            let failures: Vec<String> = failures.iter().map(|&text| text.to_owned()).collect();
            one_after_the_other(&failures)
        };
        assert_eq!(told(&["a: cut"]), "a: cut");
        assert_eq!(
            told(&["a: cut", "b: slow", "b: slow", "a: cut"]),
            "a: cut, then b: slow (2 times), then a: cut"
        );
        assert_eq!(told(&[]), "");
    }
}
