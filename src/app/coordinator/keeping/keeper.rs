//! Keeps what runs tell: journals and checkpoints are written on a thread of their own, so that neither training nor
//! heartbeats wait for the disk.
//!
//! Whatever has gathered while the thread was syncing is made durable together, with the newest parameters; those in
//! between were never needed.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use log::Level;

use super::book::{Batch, Book, Finished, Saved};
use super::model_file::about;
use crate::app::coordinator::parameters::current::{Current, Encoder};
use crate::app::coordinator::parameters::memories::Memories;
use crate::app::coordinator::reporter::Reporter;
use crate::app::held::{Collector, Held};
use crate::app::logs::About;
use crate::clock;
use crate::fed::{Entry, Event, Plan, RunId};
use crate::store::{Folder, Recalled, Recollection, Record, Recovered, State, What};
use crate::wire::convert::Initial;

/// Looks for a model file, until it is said that there is none.
const LOOKS: usize = 5;

/// A model file, its round and its model, or why there is none.
pub type Found = Result<(Held, u32, String), String>;

/// Parameters to go on with, and older ones by their rounds.
pub type Loaded = (Arc<Current>, BTreeMap<u32, Arc<Current>>);

/// Which parameters of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Newest,
    Best,
    Round(u32),
}

/// See the module.
pub struct Keeper {
    state: State,
    reporter: Reporter,
    books: Mutex<Books>,
    bell: Condvar,
}

#[derive(Default)]
struct Books {
    /// Runs under way.
    runs: BTreeMap<RunId, Book>,
    closing: bool,
}

impl Books {
    /// The next run with something to be made durable, after the one that was served last: a run whose rounds are
    /// shorter than a write keeps nobody waiting.
    fn next(&self, last: Option<&RunId>) -> Option<RunId> {
        let after = last.map_or(Unbounded, Excluded);
        let later = self.runs.range::<RunId, _>((after, Unbounded));
        let mut round = later.chain(&self.runs);
        round
            .find(|(_, book)| book.ready() > 0)
            .map(|(run, _)| run.clone())
    }
}

impl Keeper {
    /// Starts the thread.
    pub fn start(state: State, reporter: Reporter) -> io::Result<(Arc<Keeper>, JoinHandle<()>)> {
        let keeper = Arc::new(Keeper {
            state,
            reporter,
            books: Mutex::default(),
            bell: Condvar::new(),
        });
        let working = Arc::clone(&keeper);
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || working.work())?;
        Ok((keeper, thread))
    }

    /// All runs of former lives, in the order in which they were accepted.
    pub fn restore(&self) -> Vec<(RunId, Recovered)> {
        let found = self.state.runs().into_iter();
        let taken = found.filter_map(|(run, taken)| {
            let cannot = |reason| {
                About::run(&run.0).log(Level::Error, format_args!("cannot be taken up: {reason}"));
            };
            let (folder, recovered) = taken.map_err(cannot).ok()?;
            Some((run.clone(), self.take(&run, folder, recovered)))
        });
        taken.collect()
    }

    /// A run that ended and was forgotten, but is on the disk.
    pub fn recall(&self, run: &RunId) -> Option<Recovered> {
        let (_, recovered) = self.state.take_up(run)?.ok()?;
        recovered.history.ending.is_some().then_some(recovered)
    }

    /// Why a run whose folder is there cannot be taken up, if so.
    pub fn cannot_take_up(&self, run: &RunId) -> Option<String> {
        if self.keeps(run) {
            return None;
        }
        self.state.take_up(run)?.err()
    }

    /// Whether the journal of this run is open: it goes on, or is about to.
    pub fn keeps(&self, run: &RunId) -> bool {
        self.lock().runs.contains_key(run)
    }

    fn take(&self, run: &RunId, folder: Folder, recovered: Recovered) -> Recovered {
        for damage in &recovered.damage {
            About::run(&run.0).log(Level::Warn, format_args!("{damage}"));
        }
        if recovered.history.ending.is_none() {
            let book = Book::new(folder, recovered.plan.clone());
            self.lock().runs.insert(run.clone(), book);
        }
        recovered
    }

    /// Makes the folder of a new run, before anybody is told that it is accepted. False if there is one already.
    pub fn accept(
        &self,
        run: &RunId,
        plan: &Plan,
        initial: Option<&Initial>,
    ) -> Result<bool, String> {
        let accepted = Record {
            number: 1,
            what: What::Accepted(Box::new(plan.clone()), clock::unix_micros() / 1000),
        };
        let first = initial.map(|initial| Current::of(&initial.parameters, 0));
        let first = first.transpose()?;
        let first = first.map(|current| {
            let about = about(run, &plan.model, plan, &current, None);
            Saved::first(Arc::new(current), about).snapshot()
        });
        match self.state.create(run, &accepted, first) {
            Ok(folder) => {
                let book = Book::new(folder, plan.clone());
                self.lock().runs.insert(run.clone(), book);
                Ok(true)
            }
            Err(error) if error.exists() => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Parameters to go on with, and older ones from which shards may still train, if the run of a former life got
    /// so far.
    pub fn load(&self, run: &RunId) -> Option<Result<Loaded, String>> {
        let (folder, recovered) = match self.state.take_up(run)? {
            Ok(taken) => taken,
            Err(reason) => return Some(Err(reason)),
        };
        let round = recovered.history.rounds;
        folder.rounds().find(|&kept| kept == round)?;
        let oldest = round - recovered.plan.looks_back().min(round);
        let older = folder
            .rounds()
            .filter(|older| (oldest..round).contains(older));
        let older: Result<BTreeMap<u32, Arc<Current>>, String> = older
            .map(|older| Ok((older, Arc::new(parameters(&folder, older)?))))
            .collect();
        let current = parameters(&folder, round).and_then(|current| {
            let plan = &recovered.plan;
            if !plan.remembers() || round == 0 {
                return Ok(current);
            }
            recalled(current, &plan.server_state(), &folder.recall(round)?)
        });
        Some(current.and_then(|current| {
            let (current, mut versions) = (Arc::new(current), older?);
            if recovered.plan.looks_back() > 0 {
                versions.insert(round, Arc::clone(&current));
            }
            Ok((current, versions))
        }))
    }

    /// The model file of a run that is kept, its round and its model.
    pub fn model_file(&self, run: &RunId, which: Which) -> Option<Found> {
        let mut found = self.look_for_model(run, which)?;
        for _ in 1..LOOKS {
            // It may have been removed between the look and the opening, when the run is under way.
            if found.is_ok() {
                break;
            }
            found = self.look_for_model(run, which)?;
        }
        Some(found)
    }

    fn look_for_model(&self, run: &RunId, which: Which) -> Option<Found> {
        let folder = self.state.take_up(run)?;
        Some(folder.and_then(|(folder, recovered)| {
            let finished = recovered.history.rounds;
            let newest = || folder.rounds().rfind(|&round| round <= finished);
            let round = match which {
                Which::Newest => newest(),
                Which::Best => folder.best().or_else(newest),
                Which::Round(round) => folder.rounds().find(|&kept| kept == round),
            };
            let round = round.ok_or_else(|| {
                let kept: Vec<String> = folder.rounds().map(|round| round.to_string()).collect();
                format!(
                    "the parameters asked for are not kept; those of rounds {} are",
                    kept.join(", ")
                )
            })?;
            let checkpoint = folder.open_checkpoint(round)?;
            let model = checkpoint.header.about.get("model").cloned();
            let length = usize::try_from(checkpoint.length).map_err(|error| error.to_string())?;
            Ok((
                Held::of_file(checkpoint.file, length),
                round,
                model.unwrap_or_default(),
            ))
        }))
    }

    /// Takes an entry in. It is durable when the core is told [`Event::Recorded`].
    ///
    /// # Errors
    /// When it cannot be made so now.
    pub fn record(
        &self,
        run: &RunId,
        entry: Entry,
        finished: Option<Finished>,
    ) -> Result<(), String> {
        let mut books = self.lock();
        if !books.runs.contains_key(run) {
            // It had ended, and is resumed.
            let gone = || Err("its folder is gone".to_owned());
            match self.state.take_up(run).unwrap_or_else(gone) {
                Ok((folder, recovered)) => {
                    let book = Book::new(folder, recovered.plan);
                    books.runs.insert(run.clone(), book);
                }
                Err(reason) => {
                    drop(books);
                    About::run(&run.0).log(Level::Error, format_args!("waits: {reason}"));
                    return Err(reason);
                }
            }
        }
        let Some(book) = books.runs.get_mut(run) else {
            return Ok(());
        };
        // After a failure entries come again from the first that is not durable; others have to wait for it.
        if entry.number == book.newest + 1 {
            book.newest = entry.number;
            book.add(entry, finished);
        }
        drop(books);
        self.bell.notify_one();
        Ok(())
    }

    /// Makes durable what was taken in, and ends the thread.
    pub fn close(&self) {
        self.lock().closing = true;
        self.bell.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut books = self.lock();
        let mut last = None;
        loop {
            let Some(run) = books.next(last.as_ref()) else {
                if books.closing {
                    return;
                }
                books = self
                    .bell
                    .wait(books)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            last = Some(run.clone());
            let batch = books.runs.get_mut(&run).and_then(|book| book.take(&run));
            drop(books);
            let event = batch.map(|batch| self.save(&run, batch));
            if let Some(event) = event {
                self.reporter.report(event);
            }
            books = self.lock();
        }
    }

    /// Writes a batch, and puts the folder back.
    fn save(&self, run: &RunId, mut batch: Batch) -> Event {
        let snapshots = batch.snapshots.drain(..);
        let snapshots = snapshots.map(Saved::snapshot);
        let saved = batch.folder.save(&batch.records, snapshots);
        let mut books = self.lock();
        let ended = matches!(batch.records.last().map(|r| &r.what), Some(What::Ended(_)));
        if let Some(book) = books.runs.get_mut(run) {
            if saved.is_err() {
                book.newest = batch.folder.newest();
                book.open.clear();
            }
            let over = ended && saved.is_ok() && book.open.is_empty();
            book.folder = Some(batch.folder);
            if over {
                books.runs.remove(run);
            }
        }
        drop(books);
        let saved = saved.map_err(|error| error.to_string());
        if let Err(reason) = &saved {
            About::run(&run.0).log(Level::Error, format_args!("waits: {reason}"));
        }
        Event::Recorded(run.clone(), batch.upto, saved)
    }
}

/// Parameters with what was remembered beside them.
fn recalled(current: Current, names: &[&str], found: &Recalled) -> Result<Current, String> {
    let held = |values: &Recollection| -> io::Result<Held> {
        let mut collector = Collector::new(values.length())?;
        values.values(|part| collector.push(part))?;
        Ok(collector.finish())
    };
    let whole = |values: &Recollection| {
        let held = held(values).map_err(|error| error.to_string())?;
        if held.len() == current.bytes.len() {
            return Ok(held);
        }
        Err("what was remembered has another length than the parameters".to_owned())
    };
    let server: Result<Vec<Held>, String> = names
        .iter()
        .map(|name| {
            let values = found.server.get(*name);
            whole(values.ok_or_else(|| format!("the server's `{name}` was not remembered"))?)
        })
        .collect();
    let server = server?;
    let mut memories = Memories::default();
    for (shard, (round, values)) in &found.shards {
        memories.set(*shard, *round, whole(values)?);
    }
    Ok(current.with_state(server, memories))
}

/// The parameters after a round, from its checkpoint.
fn parameters(folder: &Folder, round: u32) -> Result<Current, String> {
    let checkpoint = folder.open_checkpoint(round)?;
    let mut encoder = Encoder::new(Arc::clone(&checkpoint.header.layout), round)?;
    let mut failed = None;
    let read = checkpoint.values(|part| {
        failed = failed.take().or(encoder.push(part).err());
        Ok(())
    });
    read.map_err(|error| format!("the parameters after round {round} cannot be read: {error}"))?;
    failed.map_or_else(|| encoder.finish(), Err)
}
