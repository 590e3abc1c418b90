//! The folder of a run: its journal, and the parameters after its newest rounds and its best.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::checkpoint::{self, Checkpoint};
use super::files::{StateError, sync_folder, sync_folder_of, temporary};
use super::journal;
use super::ledger::Ledger;
use super::names::{REMEMBERED, ROUND, file_name, names, round_in};
use super::record::{Record, What};
use super::remembered::{Found, Recalled, Remembered};
use super::safetensors::About;
use crate::fed::RoundReport;
use crate::ml::layout::Layout;

pub(super) const JOURNAL: &str = "journal";

/// Parameters to keep: of which round, and their pieces.
pub struct Snapshot<P> {
    /// The round; 0 for those a run begins with.
    pub round: u32,
    /// Names and shapes.
    pub layout: Arc<Layout>,
    /// What the file says of itself.
    pub about: About,
    /// The values.
    pub pieces: P,
    /// What the strategy remembers beside them.
    pub remembered: Remembered,
}

/// See the module.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    journal: File,
    /// Bytes of the journal that are durable.
    length: u64,
    /// Whether more may follow: the torn tail of a write that nobody was told of.
    torn: bool,
    /// Number of the newest record.
    newest: u64,
    /// How many of the newest rounds keep their parameters.
    keep: usize,
    rounds: BTreeSet<u32>,
    best: Option<(f64, u32)>,
    /// Files of what is remembered.
    ledger: Ledger,
}

impl Folder {
    /// Makes the folder of a new run, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, or is there already ([`StateError::exists`]).
    pub fn create(
        path: &Path,
        keep: usize,
        accepted: &Record,
        first: Option<Snapshot<impl Iterator<Item = io::Result<Bytes>>>>,
    ) -> Result<Folder, StateError> {
        let building = temporary(path);
        let _ = fs::remove_dir_all(&building);
        fs::create_dir(&building).map_err(StateError::new("make", path))?;
        let made = Folder::fill(&building, keep, accepted, first);
        let named = made.and_then(|folder| {
            // A folder is never put in the place of one that has something in it.
            fs::rename(&building, path).map_err(StateError::new("make", path))?;
            sync_folder_of(path)?;
            Ok(Folder {
                path: path.to_owned(),
                ..folder
            })
        });
        if named.is_err() {
            let _ = fs::remove_dir_all(&building);
        }
        named
    }

    fn fill(
        path: &Path,
        keep: usize,
        accepted: &Record,
        first: Option<Snapshot<impl Iterator<Item = io::Result<Bytes>>>>,
    ) -> Result<Folder, StateError> {
        let name = path.join(JOURNAL);
        let cannot = || StateError::new("make", &name);
        let options = File::options().read(true).write(true).create(true).clone();
        let journal = options.open(&name).map_err(cannot())?;
        let mut folder = Folder::at(path, journal, keep);
        let heading = journal::heading();
        let written = folder.journal.write_all_at(heading.as_bytes(), 0);
        written.map_err(cannot())?;
        folder.length = heading.len() as u64;
        if let What::Accepted(plan, _) = &accepted.what {
            folder.look_back(plan.looks_back());
        }
        folder.save(std::slice::from_ref(accepted), first)?;
        sync_folder(path)?;
        Ok(folder)
    }

    pub(super) fn at(path: &Path, journal: File, keep: usize) -> Folder {
        Folder {
            path: path.to_owned(),
            journal,
            length: 0,
            torn: true,
            newest: 0,
            keep: keep.max(1),
            rounds: BTreeSet::new(),
            best: None,
            ledger: Ledger::default(),
        }
    }

    /// Keeps so many rounds before the newest at least: what goes on from there may need them.
    pub(super) fn look_back(&mut self, rounds: u32) {
        if rounds > 0 {
            self.keep = self.keep.max(rounds as usize + 2);
        }
    }

    /// Takes up what was found on the disk.
    pub(super) fn found(&mut self, length: u64, records: &[Record], rounds: BTreeSet<u32>) {
        self.length = length;
        self.newest = records.last().map_or(0, |record| record.number);
        self.rounds = rounds;
        for record in records {
            if let What::Round(report) = &record.what
                && self.rounds.contains(&report.round)
            {
                self.judge(report);
            }
        }
    }

    /// Number of the newest record that is durable.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether a round is better than all whose parameters are kept.
    pub fn is_best(&self, report: &RoundReport) -> bool {
        match (&report.metrics, self.best) {
            (Some(metrics), Some((best, _))) => metrics.merit() > best,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Makes parameters and then records durable.
    ///
    /// # Errors
    /// When any of it fails; then none of the records is there.
    pub fn save(
        &mut self,
        records: &[Record],
        kept: impl IntoIterator<Item = Snapshot<impl Iterator<Item = io::Result<Bytes>>>>,
    ) -> Result<(), StateError> {
        // A file counts when its round is recorded: after a failure what was remembered since the round before is
        // written again.
        let mut ledger = self.ledger.clone();
        for kept in kept {
            let path = self.checkpoint(kept.round);
            if !kept.remembered.is_empty() {
                let shards = kept.remembered.shards.iter().map(|(shard, _)| *shard);
                let shards: BTreeSet<u32> = shards.collect();
                let needs = ledger.needed_beside(kept.round, shards.clone());
                let path = self.remembered(kept.round);
                kept.remembered.write(&path, kept.round, &needs)?;
                ledger.add(kept.round, shards.into_iter());
            }
            checkpoint::write(&path, &kept.layout, &kept.about, kept.pieces)?;
            self.rounds.insert(kept.round);
        }
        self.append(records)?;
        self.ledger = ledger;
        for record in records {
            if let What::Round(report) = &record.what
                && self.rounds.contains(&report.round)
            {
                self.judge(report);
            }
        }
        self.remove_old();
        Ok(())
    }

    fn append(&mut self, records: &[Record]) -> Result<(), StateError> {
        let lines: String = records.iter().map(journal::encode).collect();
        let written = self.write(lines.as_bytes());
        self.torn = written.is_err();
        if let Err(error) = written {
            return Err(StateError::new("write", &self.path.join(JOURNAL))(error));
        }
        self.length += lines.len() as u64;
        self.newest = records.last().map_or(self.newest, |record| record.number);
        Ok(())
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.journal.set_len(self.length)?;
        }
        self.journal.write_all_at(lines, self.length)?;
        self.journal.sync_data()
    }

    fn judge(&mut self, report: &RoundReport) {
        if let Some(metrics) = &report.metrics
            && self.is_best(report)
        {
            self.best = Some((metrics.merit(), report.round));
        }
    }

    /// Removes the parameters of rounds that are neither among the newest nor the best. What a run began with stays.
    fn remove_old(&mut self) {
        let best = self.best.map(|(_, round)| round);
        let newest = self.rounds.iter().rev().skip(self.keep).copied();
        let old: Vec<u32> = newest
            .filter(|&round| round > 0 && Some(round) != best)
            .collect();
        for round in old {
            // A file that stays costs room, nothing else.
            let _ = fs::remove_file(self.checkpoint(round));
            self.rounds.remove(&round);
        }
        for round in self.ledger.take_unneeded(&self.rounds) {
            let _ = fs::remove_file(self.remembered(round));
        }
    }

    /// The newest round after which something was remembered that is in a file; what is newer is to be written.
    pub fn remembered_until(&self) -> u32 {
        self.ledger.newest()
    }

    /// What was remembered after a round.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn recall(&self, round: u32) -> Result<Recalled, String> {
        let newest = Found::open(&self.remembered(round))?;
        let mut recalled = Recalled::default();
        for &older in &newest.needs {
            let found = Found::open(&self.remembered(older))?;
            let shards = found
                .shards()
                .map(|(shard, values)| (shard, (older, values)));
            recalled.shards.extend(shards);
        }
        let shards = newest
            .shards()
            .map(|(shard, values)| (shard, (round, values)));
        recalled.shards.extend(shards);
        recalled.server.extend(newest.server());
        Ok(recalled)
    }

    /// Takes up the files of what was remembered up to a round, which is where the run goes on.
    pub(super) fn recollect(&mut self, upto: u32) {
        for name in names(&self.path) {
            if let Some(round) = round_in(&name, REMEMBERED).filter(|&round| round <= upto)
                && let Ok(found) = Checkpoint::open(&self.remembered(round))
            {
                let tensors = found.header.layout.tensors().iter();
                let shards = tensors.filter_map(|t| t.name.strip_prefix("shard.")?.parse().ok());
                self.ledger.add(round, shards);
            }
        }
    }

    /// Rounds whose parameters are kept, ascending.
    pub fn rounds(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.rounds.iter().copied()
    }

    /// The best of them, by [`Metrics::merit`](crate::ml::metrics::Metrics::merit).
    pub fn best(&self) -> Option<u32> {
        self.best.map(|(_, round)| round)
    }

    /// The parameters after a round.
    ///
    /// # Errors
    /// When they are not there, or damaged.
    pub fn open_checkpoint(&self, round: u32) -> Result<Checkpoint, String> {
        Checkpoint::open(&self.checkpoint(round))
    }

    pub(super) fn checkpoint(&self, round: u32) -> PathBuf {
        self.path.join(file_name(ROUND, round))
    }

    fn remembered(&self, round: u32) -> PathBuf {
        self.path.join(file_name(REMEMBERED, round))
    }

    /// No longer counts these parameters among those that are there.
    pub(super) fn lose(&mut self, round: u32) {
        self.rounds.remove(&round);
        if self.best.is_some_and(|(_, best)| best == round) {
            self.best = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::layout::{DType, Tensor};
    use crate::store::Pieces;

    struct One(f32);

    impl Pieces for One {
        fn length(&self) -> usize {
            4
        }

        fn count(&self) -> usize {
            1
        }

        fn piece(&self, _: usize) -> io::Result<Bytes> {
            Ok(Bytes::copy_from_slice(&self.0.to_le_bytes()))
        }
    }

    /// Parameters after a round in which this shard took part.
    fn snapshot(round: u32, shard: u32) -> Snapshot<impl Iterator<Item = io::Result<Bytes>>> {
        let tensor = Tensor::new("w", vec![1]);
        Snapshot {
            round,
            layout: Arc::new(Layout::new(DType::F32, vec![tensor]).unwrap()),
            about: About::new(),
            pieces: [One(0.5).piece(0)].into_iter(),
            remembered: Remembered {
                dtype: DType::F32,
                server: Vec::new(),
                shards: vec![(shard, Box::new(One(1.5)))],
            },
        }
    }

    #[test]
    fn what_is_not_recorded_does_not_count_as_remembered() {
        let place = tempfile::tempdir().unwrap();
        let notice = |number| Record {
            number,
            what: What::Notice("so it is".to_owned()),
        };
        let path = place.path().join("run");
        let none = None::<Snapshot<std::iter::Empty<io::Result<Bytes>>>>;
        let mut folder = Folder::create(&path, 3, &notice(1), none).unwrap();
        folder.save(&[notice(2)], [snapshot(1, 7)]).unwrap();
        assert_eq!(folder.remembered_until(), 1);
        // A journal that cannot be written.
        let journal = File::open(path.join(JOURNAL)).unwrap();
        let journal = std::mem::replace(&mut folder.journal, journal);
        assert!(folder.save(&[notice(3)], [snapshot(2, 8)]).is_err());
        assert_eq!(
            folder.remembered_until(),
            1,
            "shard 8 is to be written again"
        );
        folder.journal = journal;
        folder.save(&[notice(3)], [snapshot(3, 8)]).unwrap();
        assert_eq!(folder.remembered_until(), 3);
        let shards = folder.recall(3).unwrap().shards;
        assert_eq!(shards.into_keys().collect::<Vec<_>>(), [7, 8]);
    }
}
