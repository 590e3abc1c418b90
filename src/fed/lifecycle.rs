//! Runs come and go: taken in, prepared, ended, forgotten.

use std::sync::Arc;

use super::event::{Command, Evaluation, History, Prepared, Work};
use super::federation::Federation;
use super::log::Log;
use super::plan::Plan;
use super::report::{Entry, RunEvent};
use super::run::{Ending, Phase, Run, RunId};
use crate::cluster::{GroupId, Time};

/// Ended runs remembered; the oldest are forgotten first.
const MOST_ENDED: usize = 256;

impl Federation {
    pub(super) fn submitted(&mut self, now: Time, id: RunId, plan: Plan) {
        if self.runs.contains_key(&id) {
            return;
        }
        // The shell recorded it before it told the core.
        let history = History {
            entries: 1,
            ..History::default()
        };
        self.take_in(now, &id, plan, history);
        let (number, event) = (1, RunEvent::Started);
        self.commands
            .push(Command::Publish(id.clone(), Entry { number, event }));
        self.commands.push(Command::Prepare(id));
        self.forget_old();
    }

    /// A run of a former life of the coordinator: if it had not ended, it goes on.
    pub(super) fn restored(&mut self, now: Time, id: RunId, plan: Plan, history: History) {
        if self.runs.contains_key(&id) {
            return;
        }
        let (rounds, over) = (history.rounds, history.ending.is_some());
        self.take_in(now, &id, plan, history);
        if over {
            return self.forget_old();
        }
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        run.again = true;
        // Nothing is left to do if the last round was finished and only the end was not recorded.
        if run.finished >= run.plan.rounds {
            let ending = Ending::Succeeded(run.report(now));
            return self.end(&id, ending);
        }
        let notice = format!("the coordinator is back; going on after round {rounds}");
        self.notice(&id, notice);
        self.commands.push(Command::Prepare(id));
    }

    fn take_in(&mut self, now: Time, id: &RunId, plan: Plan, history: History) {
        let group = GroupId(self.next_group);
        self.next_group += 1;
        self.groups.insert(group, id.clone());
        let run = Run {
            id: id.clone(),
            group,
            quorum: plan.quorum.unwrap_or(self.quorum),
            plan,
            phase: history.ending.map_or(Phase::Preparing, Phase::Ended),
            shards: Vec::new(),
            hosted: history.hosted,
            again: false,
            evaluation: Evaluation::Central,
            course: None,
            finished: history.rounds,
            last: history.last.clone(),
            told: history.last,
            log: Log::of(history.entries),
            started: now,
            before: history.took,
            stirred: now,
            said: None,
            said_unaudited: false,
        };
        self.runs.insert(id.clone(), run);
        self.order.push(id.clone());
    }

    pub(super) fn resumed(&mut self, now: Time, id: &RunId) {
        if self.resumable(id).is_err() {
            return;
        }
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        // The time in which it was stopped does not count.
        run.before += run.stirred.since(run.started);
        run.started = now;
        run.stirred = now;
        run.said = None;
        run.again = true;
        let notice = format!("resumed after round {}", run.finished);
        self.notice(id, notice);
        self.set_phase(id, Phase::Preparing);
        self.commands.push(Command::Prepare(id.clone()));
    }

    pub(super) fn prepared(&mut self, now: Time, id: &RunId, found: Result<Prepared, String>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if !matches!(run.phase, Phase::Preparing | Phase::Initialising) {
            return;
        }
        run.stirred = now;
        match found {
            Err(reason) => {
                let ending = run.unable(reason);
                self.end(id, ending);
            }
            Ok(found) if found.shards.is_empty() => {
                let reason = "the data has no shards: no rows, or no node that hosts any";
                let ending = run.unable(reason.to_owned());
                self.end(id, ending);
            }
            Ok(found) => {
                if run.hosted.is_none()
                    && let Some(hosted) = found.hosted().map(Arc::new)
                {
                    run.hosted = Some(Arc::clone(&hosted));
                    self.tell(id, RunEvent::Hosted(hosted));
                }
                let Some(run) = self.runs.get_mut(id) else {
                    return;
                };
                run.course = run.plan.course(found.shards.len());
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

    /// The run is over: nothing of it stays with the nodes.
    pub(super) fn end(&mut self, id: &RunId, ending: Ending) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if run.is_over() {
            return;
        }
        run.phase = Phase::Ending(ending.clone());
        self.withdraw(id);
        self.tell(id, RunEvent::Ended(ending));
        self.commands.push(Command::Release(id.clone()));
    }

    /// Nodes let go of what they have in hand. Nothing is told: runs that are recorded go on in the next life.
    pub(super) fn halted(&mut self) {
        self.halted = true;
        let under_way = self.runs.values_mut().filter(|run| !run.is_over());
        let mut halted = Vec::new();
        for run in under_way {
            run.phase = Phase::Ending(Ending::Stopped("the coordinator is stopping".to_owned()));
            halted.push(run.id.clone());
        }
        for id in &halted {
            self.withdraw(id);
        }
    }

    /// Takes back all tasks of a run.
    pub(super) fn withdraw(&mut self, id: &RunId) {
        if let Some(run) = self.runs.get(id) {
            self.cluster.withdraw(run.group);
        }
        self.tasks.retain(|_, (owner, _)| owner != id);
        self.audits.retain(|task, _| self.tasks.contains_key(task));
    }

    pub(super) fn forget_old(&mut self) {
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
