//! Files for the readers of data, in memory where the system has such a file system.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::GzEncoder;
use roundtable::ml::data::{DataError, Dataset, Request, Root, Source, decode, encode};
use roundtable::seed::Seed;
use tempfile::TempDir;

static PLACE: Mutex<Option<Place>> = Mutex::new(None);

/// How the bytes of an input become a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Plain,
    /// Packed here, so that the reader gets to see them.
    Packed,
    /// As they are, under the name of a packed file.
    Foreign,
}

impl Packing {
    /// By a number of an input: mostly plain, because packing takes long.
    pub fn of(number: u8) -> Packing {
        match number % 8 {
            1 => Packing::Packed,
            2 => Packing::Foreign,
            _ => Packing::Plain,
        }
    }

    /// Most memory a reader may take. No byte of a packed file stands for more than 1,032; a class and a
    /// feature of two bytes each become four and four, and tables grow by doubling.
    pub fn memory(length: usize) -> usize {
        (2 << 20) + 8 * 1_032 * length
    }
}

/// Writes files and opens `path:SPEC` there; all rows of it. `SPEC` starts with the name of the first file.
pub fn open(
    files: &[(&str, &[u8])],
    packing: Packing,
    options: &str,
) -> Result<Dataset, DataError> {
    let mut place = PLACE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = place.get_or_insert_with(Place::new);
    // One folder for each way to read, whose files are always the same ones: none has to be removed.
    let folder = format!("{}{packing:?}", files.len());
    let mut first = None;
    for (name, bytes) in files {
        let name = match packing {
            Packing::Plain => format!("{folder}/{name}"),
            _ => format!("{folder}/{name}.gz"),
        };
        let packed = (packing == Packing::Packed).then(|| packed(bytes));
        place.write(&folder, &name, packed.as_deref().unwrap_or(bytes));
        first.get_or_insert(name);
    }
    let request = Request {
        spec: format!("path:{}{options}", first.unwrap_or_default()),
        partition: None,
        shards: Some(1),
        seed: Seed(1),
        held_out: 0.0,
    };
    let rows = Source::open(&request, &place.root)?.shard(0)?;
    // What columns are called does not travel with them.
    let sent = decode(&encode(&rows)).map(|sent| sent.with_names(rows.names().clone()));
    assert_eq!(sent.as_ref(), Ok(&*rows));
    Ok(rows.as_ref().clone())
}

/// A temporary folder.
struct Place {
    folder: TempDir,
    root: Root,
}

impl Place {
    fn new() -> Place {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        };
        let folder = made.expect("a temporary folder");
        let root = Root::new(folder.path()).expect("the folder is there");
        Place { folder, root }
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) {
        let file = self.folder.path().join(name);
        if fs::write(&file, bytes).is_err() {
            let made = fs::create_dir(self.folder.path().join(folder));
            made.and_then(|()| fs::write(file, bytes))
                .expect("room for a file");
        }
    }
}

/// Removes the folder.
pub fn clear() {
    PLACE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .take();
}

/// Bytes packed by gzip.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes everything")
}

/// Splits an input into its options and up to two files: a byte, the length of the second, both.
pub fn two(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[options, low, high], rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let (second, first) = rest.split_at(length);
    Some((options, first, second))
}

/// An input for [`two`].
pub fn join(options: u8, first: &[u8], second: &[u8]) -> Vec<u8> {
    let [low, high] = (second.len() as u16).to_le_bytes();
    [&[options, low, high][..], second, first].concat()
}
