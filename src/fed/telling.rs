//! What runs tell: recorded first, told afterwards.

use super::event::Command;
use super::federation::Federation;
use super::report::{Entry, RunEvent};
use super::run::{Phase, RunId};
use crate::cluster::Time;

impl Federation {
    /// Adds to a run's log. It is told at once where nothing is recorded, otherwise when it is durable.
    pub(super) fn tell(&mut self, id: &RunId, event: RunEvent) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let number = run.log.add(event);
        if self.records {
            return self.have_recorded(id);
        }
        let (told, _) = run.log.recorded(number);
        self.publish(id, told);
    }

    /// The shell made entries durable, or could not.
    pub(super) fn recorded(&mut self, now: Time, id: &RunId, upto: u64, done: Result<(), String>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if let Err(reason) = done {
            return run.log.failed(now, upto, reason);
        }
        let (told, over) = run.log.recorded(upto);
        // Nothing follows the entry that says how a run ended.
        let over = over.filter(|_| !run.is_over());
        self.publish(id, told);
        if let Some(trouble) = over {
            let notice = format!(
                "recorded again after {} failures: {}",
                trouble.failures, trouble.reason
            );
            self.notice(id, notice);
        }
        self.have_recorded(id);
        self.go_on_if_recorded(now, id);
    }

    /// Asks once more for what could not be recorded, when it is time.
    pub(super) fn record_again(&mut self, now: Time) {
        let again = self.runs.values_mut().filter_map(|run| {
            let again = run.log.try_again(now);
            again.then(|| run.id.clone())
        });
        for id in again.collect::<Vec<RunId>>() {
            self.have_recorded(&id);
        }
    }

    fn have_recorded(&mut self, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let entries = run.log.take_new().into_iter();
        self.commands
            .extend(entries.map(|entry| Command::Record(id.clone(), entry)));
    }

    fn publish(&mut self, id: &RunId, told: Vec<Entry>) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        for entry in told {
            match &entry.event {
                RunEvent::Round(report) => run.told = Some(report.clone()),
                RunEvent::Ended(ending) => run.phase = Phase::Ended(ending.clone()),
                RunEvent::Started | RunEvent::Hosted(_) | RunEvent::Notice(_) => {}
            }
            self.commands.push(Command::Publish(id.clone(), entry));
        }
    }
}
