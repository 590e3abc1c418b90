//! The state of a coordinator: a folder with the folders of its runs, which one process at a time may use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::files::{StateError, TEMPORARY};
use super::folder::{Folder, Snapshot};
use super::record::Record;
use super::recovery::Recovered;
use crate::fed::RunId;

const RUNS: &str = "runs";
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug)]
pub struct State {
    runs: PathBuf,
    keep: usize,
    /// Locked as long as this is open.
    _lock: File,
}

/// A run as it was found, or why it cannot be taken up.
pub type Taken = Result<(Folder, Recovered), String>;

impl State {
    /// Opens the folder, and makes it if it is not there. `keep` is how many of the newest rounds of a run keep
    /// their parameters.
    ///
    /// # Errors
    /// When it cannot be written, or another process uses it.
    pub fn open(path: &Path, keep: usize) -> Result<State, String> {
        let runs = path.join(RUNS);
        let cannot = |error: io::Error| StateError::new("use", path)(error).to_string();
        fs::create_dir_all(&runs).map_err(cannot)?;
        let lock = File::create(path.join(LOCK)).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "another coordinator uses the state in `{}`; stop it, or choose another folder with --state",
                    path.display()
                ));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        fs::read_dir(&runs).map_err(cannot)?;
        Ok(State {
            runs,
            keep,
            _lock: lock,
        })
    }

    /// All runs in it, in the order in which they were accepted.
    /// What was not whole when an earlier life ended is removed.
    pub fn runs(&self) -> Vec<(RunId, Taken)> {
        let mut runs = Vec::new();
        for folder in fs::read_dir(&self.runs).into_iter().flatten().flatten() {
            let name = folder.file_name().to_string_lossy().into_owned();
            if name.ends_with(TEMPORARY) {
                let _ = fs::remove_dir_all(folder.path());
                continue;
            }
            remove_unfinished(&folder.path());
            let id = RunId(name);
            if let Some(taken) = self.take_up(&id) {
                runs.push((id, taken));
            }
        }
        let at = |taken: &Taken| taken.as_ref().map_or(0, |(_, recovered)| recovered.at);
        runs.sort_by(|(a, x), (b, y)| (at(x), a).cmp(&(at(y), b)));
        runs
    }

    /// The run of this id, if it is there.
    pub fn take_up(&self, run: &RunId) -> Option<Taken> {
        let path = self.folder(run)?;
        path.is_dir().then(|| Folder::open(&path, self.keep))
    }

    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// When it cannot be written, or is there already ([`StateError::exists`]).
    pub fn create(
        &self,
        run: &RunId,
        accepted: &Record,
        first: Option<Snapshot<impl Iterator<Item = io::Result<Bytes>>>>,
    ) -> Result<Folder, StateError> {
        let path = self.folder(run).ok_or_else(|| {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "no name of a run");
            StateError::new("make", Path::new(&run.0))(reason)
        })?;
        Folder::create(&path, self.keep, accepted, first)
    }

    /// Ids come from clients too: none of them may lead out of the folder.
    fn folder(&self, run: &RunId) -> Option<PathBuf> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_name = (1..=64).contains(&run.0.len()) && run.0.bytes().all(plain);
        is_name.then(|| self.runs.join(&run.0))
    }
}

fn remove_unfinished(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().ends_with(TEMPORARY) {
            let _ = fs::remove_file(file.path());
        }
    }
}
