//! Taking up the folder of a run that an earlier life of the coordinator left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::folder::{Folder, JOURNAL};
use super::journal;
use super::names::{names, round_of};
use super::plan::read_plan;
use super::record::{Record, What};
use crate::fed::{Ending, Entry, History, Plan, RoundReport, RunEvent};

/// What the folder of a run says.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// What was to be trained.
    pub plan: Plan,
    /// When it was accepted, in milliseconds since 1970; 0 if that is lost.
    pub at: u64,
    /// How far it got.
    pub history: History,
    /// Its log.
    pub entries: Vec<Entry>,
    /// What was damaged, and stepped over.
    pub damage: Vec<String>,
}

impl Recovered {
    /// The same, but a run that was cut off counts as stopped: it is looked at and does not go on.
    pub fn held(mut self) -> Recovered {
        let cut_off = || Ending::Stopped("it was cut off; `resume` goes on with it".to_owned());
        self.history.ending.get_or_insert_with(cut_off);
        self
    }
}

impl Folder {
    /// Opens the folder of a run. Nothing in it is changed: it may be one that is being written to.
    ///
    /// # Errors
    /// When nothing in it says what was to be trained, or it is of a format this program does not know.
    pub fn open(path: &Path, keep: usize) -> Result<(Folder, Recovered), String> {
        let name = path.join(JOURNAL);
        let cannot = |error| format!("cannot open `{}`: {error}", name.display());
        let journal = File::options().read(true).write(true).open(&name);
        let journal = journal.map_err(cannot)?;
        let bytes = fs::read(&name).map_err(cannot)?;
        let found = journal::read(&bytes).map_err(|why| format!("`{}`: {why}", name.display()))?;
        let mut folder = Folder::at(path, journal, keep);
        folder.found(found.length as u64, &found.records, rounds(path));
        let damage = found.damage.iter().map(|damage| {
            let (line, reason) = (damage.line, &damage.reason);
            format!("`{}`, line {line}: {reason}", name.display())
        });
        let mut damage: Vec<String> = damage.collect();
        let (plan, at) = plan(&folder, &found.records).ok_or_else(|| {
            format!(
                "nothing in `{}` says what was to be trained",
                path.display()
            )
        })?;
        folder.look_back(plan.looks_back());
        let history = history(&mut folder, &found.records, &plan, &mut damage);
        let entries = found.records.into_iter().map(entry).collect();
        let recovered = Recovered {
            plan,
            at,
            history,
            entries,
            damage,
        };
        Ok((folder, recovered))
    }
}

/// The rounds whose parameters are there.
fn rounds(path: &Path) -> BTreeSet<u32> {
    names(path).filter_map(|name| round_of(&name)).collect()
}

/// The plan: from the journal, or, if its first record is damaged, from a model file.
fn plan(folder: &Folder, records: &[Record]) -> Option<(Plan, u64)> {
    for record in records {
        if let What::Accepted(plan, at) = &record.what {
            return Some((Plan::clone(plan), *at));
        }
    }
    folder.rounds().rev().find_map(|round| {
        let checkpoint = folder.open_checkpoint(round).ok()?;
        let plan = read_plan(checkpoint.header.about.get("plan")?).ok()?;
        Some((plan, 0))
    })
}

/// How far the run got: to the newest round that is recorded and whose parameters are undamaged.
fn history(
    folder: &mut Folder,
    records: &[Record],
    plan: &Plan,
    damage: &mut Vec<String>,
) -> History {
    let mut told: BTreeMap<u32, &RoundReport> = BTreeMap::new();
    for record in records {
        if let What::Round(report) = &record.what {
            told.insert(report.round, report);
        }
    }
    let ending = match records.last().map(|record| &record.what) {
        Some(What::Ended(ending)) => Some(ending.clone()),
        _ => None,
    };
    // What will not go on need not be looked through.
    let goes_on = matches!(ending, None | Some(Ending::Stopped(_)));
    let newest = told.keys().next_back().copied().unwrap_or(0);
    let rounds = if goes_on {
        newest_whole(folder, &told, plan, damage)
    } else {
        newest
    };
    if rounds < newest {
        damage.push(format!(
            "rounds {} to {newest} are done again: their parameters are not there",
            rounds + 1
        ));
    }
    let took = told.range(..=rounds).map(|(_, report)| report.took);
    History {
        rounds,
        last: told.get(&rounds).map(|report| RoundReport::clone(report)),
        took: took.sum::<Duration>(),
        entries: records.last().map_or(0, |record| record.number),
        ending,
        hosted: records.iter().find_map(|record| match &record.what {
            What::Hosted(hosted) => Some(Arc::clone(hosted)),
            _ => None,
        }),
    }
}

fn newest_whole(
    folder: &mut Folder,
    told: &BTreeMap<u32, &RoundReport>,
    plan: &Plan,
    damage: &mut Vec<String>,
) -> u32 {
    let there: Vec<u32> = folder.rounds().rev().collect();
    for round in there {
        if round == 0 {
            continue; // what a client brought
        }
        if !told.contains_key(&round) {
            // Its record was not written any more, and the round is done again. Counted among the newest, it would have
            // one removed that is recorded.
            folder.lose(round);
            continue;
        }
        match whole(folder, told, plan, round) {
            Ok(()) => {
                folder.recollect(round);
                return round;
            }
            Err(reason) => damage.push(reason),
        }
        folder.lose(round);
    }
    0
}

/// Whether everything that a run needs to go on after a round is there: the parameters, older ones if it looks back to
/// them, and what its strategy remembers.
fn whole(
    folder: &Folder,
    told: &BTreeMap<u32, &RoundReport>,
    plan: &Plan,
    round: u32,
) -> Result<(), String> {
    let oldest = round.saturating_sub(plan.looks_back());
    for (&round, report) in told.range(oldest..=round) {
        let checkpoint = folder.open_checkpoint(round)?;
        let digest = checkpoint.digest().map_err(|error| error.to_string())?;
        if digest != report.digest {
            return Err(format!(
                "`{}`: its values are not those of round {round}",
                folder.checkpoint(round).display()
            ));
        }
    }
    if plan.remembers() {
        folder.recall(round)?;
    }
    Ok(())
}

fn entry(record: Record) -> Entry {
    Entry {
        number: record.number,
        event: match record.what {
            What::Accepted(..) => RunEvent::Started,
            What::Hosted(hosted) => RunEvent::Hosted(hosted),
            What::Round(report) => RunEvent::Round(report),
            What::Notice(text) => RunEvent::Notice(text),
            What::Ended(ending) => RunEvent::Ended(ending),
        },
    }
}
