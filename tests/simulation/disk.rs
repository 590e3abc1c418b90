//! A simulated disk: what is written and what is durable are two things, and a power cut shows the difference.
//!
//! The journal is real bytes in the real format; a file of parameters is there or not, because it is renamed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use roundtable::fed::{Ending, Entry, Event, History, Plan, RoundReport, RunEvent, RunId};
use roundtable::seed::Stream;
use roundtable::store::{Record, What, encode, read};

use crate::arithmetic::digest;

const HEADING: &str = "roundtable-journal 1\n";
/// What a disk writes at once.
const BLOCK: usize = 64;

/// How a life of the coordinator ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// What was written is there.
    Kill,
    /// What was not synced may be there, in parts.
    PowerCut,
}

/// A file, as it is surely on the disk and as it is seen.
#[derive(Clone, Debug, Default)]
struct SimFile {
    synced: Vec<u8>,
    seen: Vec<u8>,
}

impl SimFile {
    /// Of the blocks that differ, any may be old, new, empty or garbled.
    fn cut_power(&mut self, stream: &mut Stream) {
        let same = |(a, b): &(&u8, &u8)| a == b;
        let common = self.synced.iter().zip(&self.seen).take_while(same).count();
        let longest = self.synced.len().max(self.seen.len());
        let mut left = self.seen[..common].to_vec();
        let end = common + stream.below((longest - common) as u64 + 1) as usize;
        for start in (common..end).step_by(BLOCK) {
            let way = stream.below(8);
            for at in start..end.min(start + BLOCK) {
                let old = self.synced.get(at).copied().unwrap_or(0);
                left.push(match way {
                    0..=4 => self.seen.get(at).copied().unwrap_or(0),
                    5 => old,
                    6 => 0,
                    _ => stream.below(256) as u8,
                });
            }
        }
        self.seen = left;
    }
}

/// Parameters, and the round they are of.
type Model = (u32, Vec<f32>);

/// What is written together.
#[derive(Clone, Debug)]
struct Batch {
    entries: Vec<Entry>,
    models: Vec<Model>,
    appended: bool,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct SimFolder {
    journal: SimFile,
    /// Bytes of the journal that count.
    length: usize,
    /// Number of the newest entry that is durable, and of the newest that was taken in.
    newest: u64,
    taken: u64,
    waiting: VecDeque<(Entry, Option<Model>)>,
    writing: Option<Batch>,
    checkpoints: BTreeMap<u32, Vec<f32>>,
    /// How many rounds before the newest are needed, too.
    looks_back: u32,
    /// What surely outlives a power cut.
    pub durable: BTreeMap<u64, Entry>,
}

/// What was found of a run after a crash.
pub struct Found {
    pub plan: Plan,
    pub history: History,
    pub entries: BTreeMap<u64, Entry>,
    pub torn: bool,
    /// Entries are missing between others.
    pub hole: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Disk {
    folders: BTreeMap<RunId, SimFolder>,
    /// Runs in the order in which they were accepted.
    pub order: Vec<RunId>,
    /// Rounds whose parameters are kept.
    keep: usize,
    writing: Option<RunId>,
}

impl Disk {
    pub fn new(keep: usize) -> Disk {
        Disk {
            folders: BTreeMap::new(),
            order: Vec::new(),
            keep,
            writing: None,
        }
    }

    /// Makes the folder of a run, whole.
    pub fn accept(&mut self, run: &RunId, plan: &Plan, at: u64) {
        let what = What::Accepted(Box::new(plan.clone()), at);
        let line = encode(&Record { number: 1, what });
        let bytes = [HEADING.as_bytes(), line.as_bytes()].concat();
        let (number, event) = (1, RunEvent::Started);
        let looks_back = plan.looks_back();
        let folder = SimFolder {
            length: bytes.len(),
            journal: SimFile {
                synced: bytes.clone(),
                seen: bytes,
            },
            newest: 1,
            taken: 1,
            waiting: VecDeque::new(),
            writing: None,
            checkpoints: BTreeMap::new(),
            looks_back,
            durable: BTreeMap::from([(1, Entry { number, event })]),
        };
        self.folders.insert(run.clone(), folder);
        self.order.push(run.clone());
    }

    pub fn folder(&self, run: &RunId) -> Option<&SimFolder> {
        self.folders.get(run)
    }

    /// Takes an entry in, with the parameters of its round if they are at hand.
    pub fn record(&mut self, run: &RunId, entry: Entry, model: Option<Model>) {
        if let Some(folder) = self.folders.get_mut(run)
            && entry.number == folder.taken + 1
        {
            folder.taken += 1;
            folder.waiting.push_back((entry, model));
        }
    }

    /// Begins to write what has gathered of some run, if nothing is being written.
    pub fn begin(&mut self) -> bool {
        if self.writing.is_some() {
            return false;
        }
        let next = self.folders.iter().find(|(_, folder)| folder.ready() > 0);
        let Some(run) = next.map(|(run, _)| run.clone()) else {
            return false;
        };
        if let Some(folder) = self.folders.get_mut(&run) {
            let count = folder.ready();
            let taken: Vec<_> = folder.waiting.drain(..count).collect();
            let mut models: Vec<Model> = taken.iter().filter_map(|(_, m)| m.clone()).collect();
            if folder.looks_back == 0 {
                models.drain(..models.len().saturating_sub(1));
            }
            folder.writing = Some(Batch {
                entries: taken.into_iter().map(|(entry, _)| entry).collect(),
                models,
                appended: false,
            });
        }
        self.writing = Some(run);
        true
    }

    fn at_work(&mut self) -> Option<(RunId, &mut SimFolder)> {
        let run = self.writing.clone()?;
        let folder = self.folders.get_mut(&run)?;
        Some((run, folder))
    }

    /// Parameters are durable, records are written.
    pub fn append(&mut self) {
        if let Some((_, folder)) = self.at_work() {
            folder.append();
        }
    }

    /// What was written is durable.
    pub fn sync(&mut self) -> Option<Event> {
        let keep = self.keep;
        let (run, folder) = self.at_work()?;
        let upto = folder.sync(keep)?;
        self.writing = None;
        Some(Event::Recorded(run, upto, Ok(())))
    }

    /// What was being written could not be.
    pub fn fail(&mut self, reason: &str) -> Option<Event> {
        let (run, folder) = self.at_work()?;
        let upto = folder.writing.take()?.entries.last()?.number;
        folder.taken = folder.newest;
        folder.waiting.clear();
        self.writing = None;
        Some(Event::Recorded(run, upto, Err(reason.to_owned())))
    }

    /// What is left when a life of the coordinator has ended.
    pub fn crash(&mut self, death: Death, stream: &mut Stream) {
        self.writing = None;
        for folder in self.folders.values_mut() {
            folder.waiting.clear();
            if let Some(batch) = folder.writing.take()
                && !batch.appended
            {
                // They are written one after the other.
                let written = batch.models.into_iter().take_while(|_| stream.chance(0.5));
                folder.checkpoints.extend(written);
            }
            if death == Death::PowerCut {
                folder.journal.cut_power(stream);
            }
            folder.journal.synced = folder.journal.seen.clone();
        }
    }

    /// Takes up a run in a new life.
    pub fn recover(&mut self, run: &RunId) -> Result<Found, String> {
        let folder = self.folders.get_mut(run).ok_or("its folder is gone")?;
        folder.recover()
    }

    /// Parameters of rounds before this one that may be needed.
    pub fn before(&self, run: &RunId, round: u32) -> BTreeMap<u32, Vec<f32>> {
        let Some(folder) = self.folders.get(run) else {
            return BTreeMap::new();
        };
        let oldest = round.saturating_sub(folder.looks_back);
        let before = folder.checkpoints.range(oldest..round);
        before
            .map(|(round, model)| (*round, model.clone()))
            .collect()
    }

    /// The parameters after a round.
    pub fn checkpoint(&self, run: &RunId, round: u32) -> Option<&Vec<f32>> {
        self.folders.get(run)?.checkpoints.get(&round)
    }
}

impl SimFolder {
    /// How many entries can be written: no round before its parameters, or those of a later round, are at hand.
    fn ready(&self) -> usize {
        let is_round = |entry: &Entry| matches!(entry.event, RunEvent::Round(_));
        let kept = self.waiting.iter().rposition(|(_, model)| model.is_some());
        let sure = kept.map_or(0, |kept| kept + 1);
        let rest = self.waiting.iter().skip(sure);
        sure + rest.take_while(|(entry, _)| !is_round(entry)).count()
    }

    fn append(&mut self) {
        let Some(batch) = &mut self.writing else {
            return;
        };
        batch.appended = true;
        self.checkpoints.extend(batch.models.iter().cloned());
        // What was torn is cut off before anything follows.
        self.journal.seen.truncate(self.length);
        for entry in &batch.entries {
            let line = encode(&record(entry));
            self.journal.seen.extend_from_slice(line.as_bytes());
        }
    }

    fn sync(&mut self, keep: usize) -> Option<u64> {
        let batch = self.writing.take()?;
        self.journal.synced = self.journal.seen.clone();
        self.length = self.journal.seen.len();
        self.newest = batch.entries.last()?.number;
        let numbered = batch.entries.into_iter().map(|entry| (entry.number, entry));
        self.durable.extend(numbered);
        while self.checkpoints.len() > keep + self.looks_back as usize {
            self.checkpoints.pop_first();
        }
        Some(self.newest)
    }

    /// Whether parameters of this round, or of a later one that is recorded, are there.
    pub fn keeps(&self, round: u32) -> bool {
        let recorded = |kept: &u32| {
            let is_it =
                |entry: &Entry| matches!(&entry.event, RunEvent::Round(r) if r.round == *kept);
            self.durable.values().rev().any(is_it)
        };
        self.checkpoints
            .range(round..)
            .any(|(kept, _)| recorded(kept))
    }

    fn recover(&mut self) -> Result<Found, String> {
        let found = read(&self.journal.seen)?;
        let plan = found.records.iter().find_map(|record| match &record.what {
            What::Accepted(plan, _) => Some(Plan::clone(plan)),
            _ => None,
        });
        let numbered = found.records.into_iter().map(|r| (r.number, entry(r)));
        let entries: BTreeMap<u64, Entry> = numbered.collect();
        let newest = entries.keys().next_back().copied().unwrap_or(0);
        let history = self.history(&entries, newest);
        self.length = found.length;
        (self.newest, self.taken) = (newest, newest);
        self.durable = entries.clone();
        Ok(Found {
            plan: plan.ok_or("its plan is gone")?,
            history,
            torn: !found.damage.is_empty(),
            hole: entries.len() as u64 != newest,
            entries,
        })
    }

    fn history(&mut self, entries: &BTreeMap<u64, Entry>, newest: u64) -> History {
        let mut rounds: BTreeMap<u32, RoundReport> = BTreeMap::new();
        let mut ending: Option<Ending> = None;
        let mut hosted = None;
        for entry in entries.values() {
            ending = None;
            match &entry.event {
                RunEvent::Round(report) => drop(rounds.insert(report.round, report.clone())),
                RunEvent::Ended(how) => ending = Some(how.clone()),
                RunEvent::Hosted(shards) => hosted = Some(shards.clone()),
                RunEvent::Started | RunEvent::Notice(_) => {}
            }
        }
        // Parameters whose round was not recorded any more are not counted among those that are kept.
        self.checkpoints
            .retain(|round, _| rounds.contains_key(round));
        let is_right = |(round, report): (&u32, &RoundReport)| {
            let model = self.checkpoints.get(round);
            model.is_some_and(|model| report.digest == digest(model))
        };
        let whole = |round: &&u32| {
            let oldest = round.saturating_sub(self.looks_back);
            rounds.contains_key(round) && rounds.range(oldest..=**round).all(is_right)
        };
        let kept = self.checkpoints.keys().rev().find(whole).copied();
        let kept = kept.unwrap_or(0);
        let took = rounds.range(..=kept).map(|(_, report)| report.took);
        History {
            rounds: kept,
            last: rounds.get(&kept).cloned(),
            took: took.sum::<Duration>(),
            entries: newest,
            ending,
            hosted,
        }
    }
}

fn record(entry: &Entry) -> Record {
    let what = match entry.event.clone() {
        RunEvent::Hosted(hosted) => What::Hosted(hosted),
        RunEvent::Round(report) => What::Round(report),
        RunEvent::Notice(text) => What::Notice(text),
        RunEvent::Ended(ending) => What::Ended(ending),
        RunEvent::Started => What::Notice("started".to_owned()),
    };
    let number = entry.number;
    Record { number, what }
}

fn entry(record: Record) -> Entry {
    let event = match record.what {
        What::Accepted(..) => RunEvent::Started,
        What::Hosted(hosted) => RunEvent::Hosted(hosted),
        What::Round(report) => RunEvent::Round(report),
        What::Notice(text) => RunEvent::Notice(text),
        What::Ended(ending) => RunEvent::Ended(ending),
    };
    let number = record.number;
    Entry { number, event }
}
