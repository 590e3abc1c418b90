//! Where a run stands, for whoever asks.

use super::event::Evaluation;
use super::federation::Federation;
use super::plan::Plan;
use super::report::RoundReport;
use super::run::{Ending, Phase, Run, RunId};
use crate::cluster::Time;

/// Whether a run is under way, and if not how it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    /// Under way.
    Running,
    /// Over.
    Ended(Ending),
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStatus {
    /// Which run.
    pub run: RunId,
    /// Its plan.
    pub plan: Plan,
    /// Under way or over.
    pub state: RunState,
    /// Rounds finished.
    pub round: u32,
    /// The newest finished round.
    pub last: Option<RoundReport>,
    /// What it is doing, or what it waits for and why.
    pub activity: String,
}

impl Federation {
    /// Where a run stands.
    pub fn status(&self, now: Time, id: &RunId) -> Option<RunStatus> {
        let run = self.run(id)?;
        let state = match &run.phase {
            Phase::Ended(ending) => RunState::Ended(ending.clone()),
            _ => RunState::Running,
        };
        Some(RunStatus {
            run: id.clone(),
            plan: run.plan.clone(),
            state,
            round: run.told.as_ref().map_or(0, |told| told.round),
            last: run.told.clone(),
            activity: self.activity(now, id),
        })
    }

    /// Whether a run is under way, or its end is yet to be told.
    pub fn is_running(&self, id: &RunId) -> bool {
        self.run(id).is_some_and(Run::is_active)
    }

    /// Entries of a run's log, told or not; 0 of a run that is not known.
    pub fn entries(&self, id: &RunId) -> u64 {
        self.run(id).map_or(0, |run| run.log.newest())
    }

    /// Where the newest runs stand, newest first.
    pub fn statuses(&self, now: Time, most: usize) -> Vec<RunStatus> {
        self.newest_first()
            .take(most)
            .filter_map(|id| self.status(now, id))
            .collect()
    }

    fn activity(&self, now: Time, id: &RunId) -> String {
        let Some(run) = self.run(id) else {
            return String::new();
        };
        if let Some(trouble) = run.log.trouble() {
            let wait = trouble.again.map_or(0, |at| at.since(now).as_secs());
            return format!(
                "what is finished cannot be recorded, and the run waits: {}; trying again in {wait} s",
                trouble.reason
            );
        }
        let waiting = || self.cluster().waiting(now, run.group);
        match &run.phase {
            Phase::Preparing => "opening the data".to_owned(),
            Phase::Initialising => format!("asking for the first parameters: {}", waiting()),
            Phase::Training(round) => {
                let (asked, counted, _) = round.progress();
                format!(
                    "round {}: {counted} of {asked} shards; {}",
                    round.number,
                    waiting()
                )
            }
            Phase::Stepping(round) => format!("round {}: averaging", round.number),
            Phase::Evaluating { round, .. } if run.evaluation == Evaluation::Nodes => {
                format!("round {}: evaluating; {}", round.number, waiting())
            }
            Phase::Evaluating { round, .. } => format!("round {}: evaluating", round.number),
            Phase::Recording => format!("round {}: being recorded", run.finished),
            Phase::Ending(ending) => format!("{ending}; being recorded"),
            Phase::Ended(Ending::Succeeded(_)) => "finished".to_owned(),
            Phase::Ended(Ending::Cancelled) => "cancelled".to_owned(),
            Phase::Ended(Ending::Failed(reason) | Ending::Stopped(reason)) => reason.clone(),
        }
    }
}
