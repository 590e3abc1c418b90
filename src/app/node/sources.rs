//! Opened data and the rows of their shards, kept from task to task within bounds. Nodes of one process share them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::ml::data::{DataError, Dataset, Request, Root, Source};

/// Sources kept open; the one longest unused gives way.
const SOURCES: usize = 8;
/// Bytes of rows that are kept, unless told otherwise.
pub const ROWS: usize = 1 << 30;

/// When and how large the files of a source were: another stamp, and they are read anew.
pub(super) type Stamp = Option<(SystemTime, u64)>;
/// What was opened, once for all who ask at the same time.
type Opening = Arc<OnceLock<Result<Arc<OpenSource>, DataError>>>;

/// Data that were opened, with a number that no others of this process have.
pub(super) struct OpenSource {
    id: u64,
    source: Source,
}

impl OpenSource {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Deref for OpenSource {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.source
    }
}

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A shard of a source.
    Shard(u64, usize),
    /// A shard that was sent.
    Blob(Bytes),
}

/// Opened data and rows of their shards.
pub struct Sources {
    next: AtomicU64,
    open: Mutex<VecDeque<(Request, Stamp, Opening)>>,
    rows: Mutex<Kept>,
}

/// Rows in the order in which they were made.
#[derive(Debug)]
struct Kept {
    most: usize,
    size: usize,
    order: VecDeque<Key>,
    rows: BTreeMap<Key, Arc<Dataset>>,
}

impl Sources {
    /// Keeps so many bytes of rows at most.
    pub fn new(most: usize) -> Sources {
        Sources {
            next: AtomicU64::new(0),
            open: Mutex::default(),
            rows: Mutex::new(Kept {
                most,
                size: 0,
                order: VecDeque::new(),
                rows: BTreeMap::new(),
            }),
        }
    }

    /// Opens data, unless they are open already.
    pub(super) fn open(
        &self,
        request: &Request,
        stamp: Stamp,
        root: &Root,
    ) -> Result<Arc<OpenSource>, DataError> {
        let opening = self.opening(request, stamp);
        let opened = opening.get_or_init(|| {
            let source = Source::open(request, root)?;
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::new(OpenSource { id, source }))
        });
        if let Err(DataError::File { .. }) = opened {
            // It may be made readable without a trace in its stamp.
            lock(&self.open).retain(|(.., other)| !Arc::ptr_eq(other, &opening));
        }
        opened.clone()
    }

    fn opening(&self, request: &Request, stamp: Stamp) -> Opening {
        let mut open = lock(&self.open);
        let same = |(known, at, _): &(Request, Stamp, Opening)| known == request && *at == stamp;
        let known = open.iter().position(same).and_then(|at| open.remove(at));
        let entry = known.unwrap_or_else(|| (request.clone(), stamp, Opening::default()));
        let opening = entry.2.clone();
        open.push_back(entry);
        if open.len() > SOURCES {
            open.pop_front();
        }
        opening
    }

    /// Rows that are kept, or made now. Those made first give way first: a round takes shards in an order of
    /// its own, so the last use says nothing of the next.
    pub(super) fn rows<E>(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<Dataset, E>,
    ) -> Result<Arc<Dataset>, E> {
        if let Some(rows) = lock(&self.rows).rows.get(&key) {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(make()?);
        lock(&self.rows).keep(key, &rows);
        Ok(rows)
    }
}

impl Default for Sources {
    fn default() -> Sources {
        Sources::new(ROWS)
    }
}

impl Kept {
    fn keep(&mut self, key: Key, rows: &Arc<Dataset>) {
        let size = bytes_of(rows);
        if size > self.most || self.rows.contains_key(&key) {
            return;
        }
        while self.size + size > self.most {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            let gone = self.rows.remove(&oldest);
            self.size -= gone.map_or(0, |gone| bytes_of(&gone));
        }
        self.size += size;
        self.order.push_back(key.clone());
        self.rows.insert(key, Arc::clone(rows));
    }
}

fn bytes_of(rows: &Dataset) -> usize {
    // Features and the label of each row, and what keeping them takes.
    rows.rows() * (rows.width() + 1) * 4 + 256
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn rows(count: usize) -> Result<Dataset, ()> {
        Dataset::new(Array2::zeros((count, 3)), vec![0; count], 1).map_err(|_| ())
    }

    #[test]
    fn rows_are_made_once_and_the_first_made_give_way() {
        let sources = Sources::new(2 * (10 * 16 + 256));
        let ask = |shard, count| {
            let mut made = false;
            let found = sources.rows(Key::Shard(0, shard), || {
                made = true;
                rows(count)
            });
            assert_eq!(found.unwrap().rows(), count);
            made
        };
        assert!(ask(0, 10) && ask(1, 10));
        assert!(!ask(0, 10) && !ask(1, 10));
        assert!(ask(2, 10), "there is room for two");
        assert!(!ask(1, 10) && ask(0, 10));
        assert!(ask(7, 1_000) && ask(7, 1_000), "too large to keep");
        let failed = sources.rows(Key::Shard(1, 0), || Err(()));
        assert!(failed.is_err());
    }

    #[test]
    fn files_that_cannot_be_read_are_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        let request = Request {
            spec: "path:rows.csv".to_owned(),
            partition: None,
            shards: Some(1),
            seed: crate::seed::Seed(1),
            held_out: 0.0,
        };
        let sources = Sources::default();
        assert!(sources.open(&request, None, &root).is_err());
        std::fs::write(folder.path().join("rows.csv"), "1,0\n2,1\n").unwrap();
        assert!(sources.open(&request, None, &root).is_ok());
    }

    #[test]
    fn data_are_opened_once_for_each_stamp() {
        let sources = Sources::default();
        let root = Root::new("/").unwrap();
        let request = Request {
            spec: "builtin:digits".to_owned(),
            partition: None,
            shards: None,
            seed: crate::seed::Seed(1),
            held_out: 0.0,
        };
        let id = |stamp| sources.open(&request, stamp, &root).unwrap().id();
        let later = Some((SystemTime::UNIX_EPOCH, 5));
        assert_eq!(id(None), id(None));
        assert_ne!(id(None), id(later));
    }
}
