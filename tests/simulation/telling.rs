//! The witness of what is told: durable first, in order, the same in every life of the coordinator.

use std::time::Duration;

use roundtable::cluster::Time;
use roundtable::fed::{Ending, Entry, RunEvent, RunId};

use crate::checker::{Checker, Kept};

/// Nobody gives up all nodes sooner: three attempts to reach any, with 0.5 and 1 second between them.
const SOONEST: Duration = Duration::from_millis(1_500);

impl Checker {
    /// The coordinator ended without a word: nodes and attempts are those of a former life.
    pub fn crashed(&mut self) {
        self.out.clear();
        self.slots.clear();
        self.unreachable.clear();
        self.asked.clear();
        self.answer = None;
        self.halted = false;
        for book in self.runs.values_mut() {
            book.rounds.clear();
        }
    }

    /// A run is taken up as the disk kept it: nothing that was told is lost.
    pub fn restored(&mut self, now: Time, run: &RunId, kept: &Kept) {
        self.greeted = now;
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let lost = book
            .told
            .iter()
            .find(|(number, entry)| kept.entries.get(*number) != Some(entry));
        let lost = lost.map(|(number, _)| *number);
        let rounds = (book.finished, kept.history.rounds);
        book.told.clone_from(kept.entries);
        book.next = kept.history.entries + 1;
        book.finished = kept.history.rounds;
        book.stepped = kept.history.rounds;
        book.ended = kept.history.ending.is_some();
        book.over = book.ended;
        if let Some(number) = lost {
            self.wrong(now, format!("{run}: entry {number} was told and is lost"));
        }
        if rounds.1 < rounds.0 {
            let text = format!("{run}: round {} was told, {} are kept", rounds.0, rounds.1);
            self.wrong(now, text);
        }
    }

    /// An entry is told; the disk says what it has under its number, and whether the parameters of its round are there.
    pub fn published(
        &mut self,
        now: Time,
        run: &RunId,
        entry: &Entry,
        durable: Option<&Entry>,
        parameters: bool,
    ) {
        if durable != Some(entry) {
            self.wrong(
                now,
                format!("{run}: {entry:?} is told before it is durable"),
            );
        }
        if !parameters {
            self.wrong(
                now,
                format!("{run}: the parameters of {entry:?} are not there"),
            );
        }
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let next = book.next;
        book.next = entry.number + 1;
        let before = book.told.insert(entry.number, entry.clone());
        if entry.number != next || before.is_some() {
            self.wrong(now, format!("{run} tells {entry:?}; entry {next} is due"));
        }
        self.meaning(now, run, &entry.event);
    }

    fn meaning(&mut self, now: Time, run: &RunId, event: &RunEvent) {
        let Some(book) = self.runs.get_mut(run) else {
            return;
        };
        let was_over = book.ended;
        let finished = book.finished;
        let after = book.after;
        match event {
            RunEvent::Round(report) => {
                book.finished = report.round;
                let round = book.rounds.get(&report.round).cloned().unwrap_or_default();
                self.reported(now, run, finished, report, &round);
            }
            RunEvent::Ended(ending) => {
                book.ended = true;
                let rounds = matches!(ending, Ending::Succeeded(r) if r.rounds != finished);
                let hasty = is_deserted(ending) && after < SOONEST;
                if rounds {
                    self.wrong(
                        now,
                        format!("{run} has finished {finished} rounds: {ending:?}"),
                    );
                }
                if hasty {
                    self.wrong(
                        now,
                        format!("{run} gives up {after:?} after a node was there"),
                    );
                }
            }
            RunEvent::Started | RunEvent::Hosted(_) | RunEvent::Notice(_) => {}
        }
        if was_over {
            self.wrong(now, format!("{run} has ended and tells {event:?}"));
        }
    }
}

/// Whether a run was stopped because no node was left. Below quorum nodes may be there, but not those that are needed.
pub fn is_deserted(ending: &Ending) -> bool {
    matches!(ending, Ending::Stopped(why) if !why.contains("below quorum"))
}
