//! What is to be made durable of a run: entries that wait, and which of them go to the disk together.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::model_file::about;
use crate::app::coordinator::parameters::current::Current;
use crate::app::held::Held;
use crate::fed::{Entry, Plan, RoundReport, RunEvent, RunId};
use crate::ml::metrics::Metrics;
use crate::store::safetensors::About;
use crate::store::{Folder, Pieces, Record, Remembered, Snapshot, What};

/// Parameters after a round, to be kept with its report.
#[derive(Clone)]
pub struct Finished {
    pub current: Arc<Current>,
    /// After the first round of those in which shards may train from older parameters, the ones it began with.
    pub first: Option<Arc<Current>>,
    pub model: String,
}

/// A run that is kept.
pub struct Book {
    /// None while it is being written to.
    pub folder: Option<Folder>,
    plan: Plan,
    /// Number of the newest entry that is durable or on its way.
    pub newest: u64,
    pub open: VecDeque<(Entry, Option<Finished>)>,
}

/// What is made durable together.
pub struct Batch {
    pub folder: Folder,
    pub records: Vec<Record>,
    pub snapshots: Vec<Saved>,
    pub upto: u64,
}

impl Book {
    pub fn new(folder: Folder, plan: Plan) -> Book {
        Book {
            newest: folder.newest(),
            folder: Some(folder),
            plan,
            open: VecDeque::new(),
        }
    }

    /// Adds an entry. Parameters that newer ones supersede are let go, unless they are the best.
    pub fn add(&mut self, entry: Entry, finished: Option<Finished>) {
        if finished.is_some() && self.plan.looks_back() == 0 {
            let best = self.best();
            for (number, (_, finished)) in self.open.iter_mut().enumerate() {
                if Some(number) != best {
                    *finished = None;
                }
            }
        }
        self.open.push_back((entry, finished));
    }

    /// Which of the waiting rounds is the best, if it is better than all that are kept.
    fn best(&self) -> Option<usize> {
        let merit = |report: &RoundReport| {
            let metrics = report.metrics.as_ref();
            metrics.map_or(f64::NEG_INFINITY, Metrics::merit)
        };
        let mut best: Option<(usize, f64)> = None;
        for (number, (entry, finished)) in self.open.iter().enumerate() {
            let (RunEvent::Round(report), Some(_)) = (&entry.event, finished) else {
                continue;
            };
            let is_best = self.folder.as_ref().is_none_or(|f| f.is_best(report));
            if is_best && best.is_none_or(|(_, than)| merit(report) > than) {
                best = Some((number, merit(report)));
            }
        }
        best.map(|(number, _)| number)
    }

    /// How many entries can be made durable: no round counts as finished before its parameters, or those of a later
    /// round, are there.
    pub fn ready(&self) -> usize {
        if self.folder.is_none() {
            return 0;
        }
        let is_round = |entry: &Entry| matches!(entry.event, RunEvent::Round(_));
        let kept = self
            .open
            .iter()
            .rposition(|(_, finished)| finished.is_some());
        let sure = kept.map_or(0, |kept| kept + 1);
        let rest = self.open.iter().skip(sure);
        sure + rest.take_while(|(entry, _)| !is_round(entry)).count()
    }

    pub fn take(&mut self, run: &RunId) -> Option<Batch> {
        let best = self.best();
        let count = self.ready();
        let folder = self.folder.take()?;
        let newest = self
            .open
            .iter()
            .rposition(|(_, finished)| finished.is_some());
        let mut batch = Batch {
            folder,
            records: Vec::with_capacity(count),
            snapshots: Vec::new(),
            upto: 0,
        };
        for (number, (entry, finished)) in self.open.drain(..count).enumerate() {
            if let (RunEvent::Round(report), Some(finished)) = (&entry.event, finished)
                && (Some(number) == best || Some(number) == newest || self.plan.looks_back() > 0)
            {
                // What a client brought is there already.
                let first = finished
                    .first
                    .filter(|first| !batch.folder.rounds().any(|kept| kept == first.round));
                let model = finished.model;
                if let Some(first) = first {
                    let about = about(run, &model, &self.plan, &first, None);
                    batch.snapshots.push(Saved::first(first, about));
                }
                let (current, metrics) = (finished.current, report.metrics.as_ref());
                let about = about(run, &model, &self.plan, &current, metrics);
                let since = batch
                    .snapshots
                    .last()
                    .map(|saved: &Saved| saved.current.round);
                batch.snapshots.push(Saved {
                    since: since.unwrap_or_else(|| batch.folder.remembered_until()),
                    names: self.plan.server_state(),
                    current,
                    about,
                });
            }
            batch.upto = entry.number;
            batch.records.extend(record(entry));
        }
        Some(batch)
    }
}

fn record(entry: Entry) -> Option<Record> {
    let what = match entry.event {
        RunEvent::Started => return None, // recorded when the run was accepted
        RunEvent::Hosted(hosted) => What::Hosted(hosted),
        RunEvent::Round(report) => What::Round(report),
        RunEvent::Notice(text) => What::Notice(text),
        RunEvent::Ended(ending) => What::Ended(ending),
    };
    let number = entry.number;
    Some(Record { number, what })
}

/// Parameters to be written, with what is remembered beside them.
pub struct Saved {
    pub current: Arc<Current>,
    pub about: About,
    /// Names of what the server's step remembers.
    pub names: Vec<&'static str>,
    /// What was remembered of shards up to this round is in files already.
    pub since: u32,
}

impl Saved {
    /// Those that a run begins with, beside which nothing is remembered yet.
    pub fn first(current: Arc<Current>, about: About) -> Saved {
        Saved {
            current,
            about,
            names: Vec::new(),
            since: 0,
        }
    }

    pub fn snapshot(self) -> Snapshot<impl Iterator<Item = io::Result<Bytes>>> {
        let current = self.current;
        let shards = current.memories.since(self.since);
        let server = self.names.iter().zip(&current.server);
        let remembered = Remembered {
            dtype: current.layout.dtype(),
            server: server.map(|(name, held)| (*name, pieces(held))).collect(),
            shards: shards.map(|(shard, held)| (shard, pieces(held))).collect(),
        };
        Snapshot {
            round: current.round,
            layout: Arc::clone(&current.layout),
            about: self.about,
            remembered,
            pieces: (0..current.bytes.pieces()).map(move |number| current.bytes.piece(number)),
        }
    }
}

fn pieces(held: &Held) -> Box<dyn Pieces> {
    Box::new(held.clone())
}

impl Pieces for Held {
    fn length(&self) -> usize {
        self.len()
    }

    fn count(&self) -> usize {
        self.pieces()
    }

    fn piece(&self, number: usize) -> io::Result<Bytes> {
        Held::piece(self, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::layout::{DType, Layout, Tensor};
    use crate::ml::parameters::Parameters;
    use crate::store::State;
    use crate::wire::convert::plan;
    use crate::wire::stubs::coordinator;
    use std::time::Duration;

    fn current(round: u32) -> Arc<Current> {
        let layout = Layout::new(DType::F32, vec![Tensor::new("w", vec![2])]).unwrap();
        let zeros = Parameters::zeros(Arc::new(layout));
        Arc::new(Current::of(&zeros, round).unwrap())
    }

    fn finished(round: u32) -> (Entry, Finished) {
        let report = RoundReport {
            round,
            metrics: None,
            training_loss: 0.5,
            asked: 1,
            counted: 1,
            omitted: Vec::new(),
            rows: 1,
            took: Duration::ZERO,
            retries: 0,
            refusals: 0,
            audited: 0,
            suspects: Vec::new(),
            nodes: Vec::new(),
            digest: [0; 32],
        };
        let entry = Entry {
            number: u64::from(round) + 1,
            event: RunEvent::Round(report),
        };
        let kept = Finished {
            current: current(round),
            first: (round == 1).then(|| current(0)),
            model: "trees:9".to_owned(),
        };
        (entry, kept)
    }

    /// Rounds whose parameters are written when each of two rounds is recorded.
    fn written(brought: bool) -> [Vec<u32>; 2] {
        let place = tempfile::tempdir().unwrap();
        let state = State::open(place.path(), 2).unwrap();
        let asked = coordinator::Plan {
            model: Some("trees:9".to_owned()),
            strategy: Some("fedbuff:buffer=2,concurrency=2,stale=3".to_owned()),
            ..Default::default()
        };
        let (plan, _) = plan::read(&asked).unwrap();
        let run = RunId("00000000aa".to_owned());
        let accepted = Record {
            number: 1,
            what: What::Accepted(Box::new(plan.clone()), 0),
        };
        let first = brought.then(|| Saved::first(current(0), About::new()).snapshot());
        let folder = state.create(&run, &accepted, first).unwrap();
        let mut book = Book::new(folder, plan);
        [1, 2].map(|round| {
            let (entry, kept) = finished(round);
            book.add(entry, Some(kept));
            let batch = book.take(&run).unwrap();
            let rounds = batch.snapshots.iter().map(|saved| saved.current.round);
            let rounds = rounds.collect();
            book.folder = Some(batch.folder);
            rounds
        })
    }

    #[test]
    fn what_shards_may_still_train_from_is_kept_with_the_first_round() {
        assert_eq!(written(false), [vec![0, 1], vec![2]]);
        assert_eq!(written(true), [vec![1], vec![2]], "it is there already");
    }
}
