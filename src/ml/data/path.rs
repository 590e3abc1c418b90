//! Rows from files below the data root: one file, or a directory of shards.

use std::cmp::Ordering;
use std::fs;
use std::io::Read;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::csv::{Format, Label, read};
use super::standard::Standard;
use super::table::{Table, assemble};
use super::{DataError, Dataset, Opened, Origin, Root};
use super::{idx, npy};
use crate::seed::Seed;
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// Most files of a directory that are read.
const MAX_FILES: usize = 10_000;

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "path",
    aliases: &[],
    value: "FILE|DIRECTORY",
    help: "a CSV or NPY file, images in IDX files (.gz too), or a directory of them: each train*.txt|csv|npy is a \
           shard, validate* evaluates; of IDX files, train-* is cut into shards and t10k-* evaluates",
    options: &[
        OptionHelp {
            key: "header",
            value: "auto|yes|no",
            help: "whether the first line holds names; auto: if none of it is a number",
        },
        OptionHelp {
            key: "label",
            value: "last|NUMBER|NAME",
            help: "column of the class, counted from 1 or named; last",
        },
        OptionHelp {
            key: "scale",
            value: "NUMBER",
            help: "what features are divided by; 1",
        },
        OptionHelp {
            key: "standardise",
            value: "no|yes",
            help: "features get mean 0 and deviation 1 over the training rows",
        },
    ],
    build: |arguments| {
        let path = arguments
            .required_value("a file or directory below the data root")?
            .to_owned();
        Ok(Arc::new(Files {
            path,
            format: format(arguments)?,
            standardise: arguments.choice("standardise", &[("no", false), ("yes", true)])?,
        }))
    },
};

fn format(arguments: &mut Arguments) -> Result<Format, SpecError> {
    let headers = [("auto", None), ("yes", Some(true)), ("no", Some(false))];
    let header = arguments.choice("header", &headers)?;
    let label = match arguments.text("label") {
        None | Some("last") => Label::Last,
        Some(text) => match text.parse() {
            Ok(position) => Label::Position(position),
            Err(_) => Label::Named(text.to_owned()),
        },
    };
    if let (Label::Named(name), Some(false)) = (&label, header) {
        return Err(arguments.invalid(format!("column `{name}` cannot be found with header=no")));
    }
    let allowed = "a number above 0";
    let scale = arguments.number("scale", 1.0, f32::MIN_POSITIVE..=f32::MAX, allowed)?;
    Ok(Format {
        header,
        label,
        scale,
    })
}

struct Files {
    path: String,
    format: Format,
    standardise: bool,
}

impl Origin for Files {
    fn open(&self, root: &Root, _: Seed) -> Result<Opened, DataError> {
        if !root.resolve(&self.path)?.is_dir() {
            let rows = assemble(vec![self.read(root, &self.path)?])?.swap_remove(0);
            return Ok(self.pool(rows, None));
        }
        match self.images(root)? {
            Some(train) => self.open_images(root, &train),
            None => self.open_directory(root),
        }
    }
}

impl Files {
    fn read(&self, root: &Root, path: &str) -> Result<Table, DataError> {
        if idx::is_images(path) {
            return idx::read(root, path, self.format.scale);
        }
        let file = root.open(path, MAX_FILE)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE)
            .read_to_end(&mut bytes)
            .map_err(|error| DataError::file(path, error))?;
        if path.ends_with(".npy") {
            npy::read(path, &bytes, &self.format)
        } else {
            read(path, &bytes, &self.format)
        }
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.path.trim_end_matches('/'))
    }

    /// The training images of a directory of IDX files, if it is one.
    fn images(&self, root: &Root) -> Result<Option<String>, DataError> {
        let names = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"];
        let there = |name: &&str| {
            let path = root.resolve(&self.below(name));
            path.is_ok_and(|path| path.is_file())
        };
        Ok(names.into_iter().find(there).map(|name| self.below(name)))
    }

    fn open_images(&self, root: &Root, train: &str) -> Result<Opened, DataError> {
        let mut tables = vec![self.read(root, train)?];
        for name in ["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"] {
            let path = self.below(name);
            if tables.len() == 1 && root.resolve(&path).is_ok_and(|path| path.is_file()) {
                tables.push(self.read(root, &path)?);
            }
        }
        let mut all = assemble(tables)?.into_iter();
        match (all.next(), all.next()) {
            (Some(rows), held_out) => Ok(self.pool(rows, held_out)),
            (None, _) => Err(DataError::file(train, "no rows")),
        }
    }

    fn pool(&self, rows: Dataset, held_out: Option<Dataset>) -> Opened {
        let (rows, held_out) = if self.standardise {
            let standard = Standard::of(&[&rows]);
            let held_out = held_out.map(|data| standard.apply(data));
            (standard.apply(rows), held_out)
        } else {
            (rows, held_out)
        };
        Opened::Pool {
            rows: Box::new(rows),
            held_out,
        }
    }

    /// All files are read at once, because only together they say how many classes there are.
    fn open_directory(&self, root: &Root) -> Result<Opened, DataError> {
        let names = self.names(root)?;
        let tables = self.read_all(root, &names)?;
        let all: Vec<(String, Dataset)> = names.into_iter().zip(assemble(tables)?).collect();
        let (mut shards, mut held_out): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(name, _)| name.starts_with("train"));
        if shards.is_empty() {
            let reason = "no file of it is named train*.txt, train*.csv or train*.npy";
            return Err(DataError::file(&self.path, reason));
        }
        if self.standardise {
            let train: Vec<&Dataset> = shards.iter().map(|(_, data)| data).collect();
            let standard = Standard::of(&train);
            let apply = |(name, data)| (name, standard.apply(data));
            shards = shards.into_iter().map(apply).collect();
            held_out = held_out.into_iter().map(apply).collect();
        }
        let held_out: Vec<&Dataset> = held_out.iter().map(|(_, data)| data).collect();
        let held_out = match held_out[..] {
            [] => None,
            _ => Some(Dataset::concatenate(&held_out)?),
        };
        let shards = shards
            .into_iter()
            .map(|(name, data)| (name, Arc::new(data)))
            .collect();
        Ok(Opened::Parts { shards, held_out })
    }

    /// Reads files side by side, one thread a core. Of several errors, that of the first file counts.
    fn read_all(&self, root: &Root, names: &[String]) -> Result<Vec<Table>, DataError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let read_some = || {
            let mut tables = Vec::new();
            loop {
                let number = next.fetch_add(1, Relaxed);
                let Some(name) = names.get(number) else {
                    return tables;
                };
                tables.push((number, self.read(root, &self.below(name))));
            }
        };
        let mut tables: Vec<(usize, Result<Table, DataError>)> = thread::scope(|scope| {
            let threads: Vec<_> = (1..cores.min(names.len()))
                .map(|_| scope.spawn(read_some))
                .collect();
            let mut tables = read_some();
            for thread in threads {
                // A panic there goes on here.
                tables.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            tables
        });
        tables.sort_by_key(|(number, _)| *number);
        tables.into_iter().map(|(_, table)| table).collect()
    }

    /// The files of a directory that hold data, in natural order.
    fn names(&self, root: &Root) -> Result<Vec<String>, DataError> {
        let failed = |error: std::io::Error| DataError::file(&self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(root.resolve(&self.path)?).map_err(failed)? {
            // A name that is not UTF-8 is not one of ours.
            let Ok(name) = entry.map_err(failed)?.file_name().into_string() else {
                continue;
            };
            let kind = name.starts_with("train") || name.starts_with("validate");
            let format = [".txt", ".csv", ".npy"];
            if kind && format.iter().any(|ending| name.ends_with(ending)) {
                names.push(name);
            }
        }
        if names.len() > MAX_FILES {
            let count = names.len();
            let reason = format!("{count} files to read; at most {MAX_FILES} are");
            return Err(DataError::file(&self.path, reason));
        }
        names.sort_by(|left, right| natural(left, right));
        Ok(names)
    }
}

/// Order in which numbers inside names count as numbers: `train2` before `train10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    while let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (first, second) = (take_digits(&mut a), take_digits(&mut b));
            let (first, second) = (
                first.trim_start_matches('0'),
                second.trim_start_matches('0'),
            );
            first
                .len()
                .cmp(&second.len())
                .then_with(|| first.cmp(second))
        } else {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // Names that differ in leading zeros only, or of which one starts the other.
    a.len().cmp(&b.len()).then_with(|| left.cmp(right))
}

/// Takes the digits off the front of a text.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::DATA;
    use super::*;
    use std::path::Path;

    /// A directory with files, gone when dropped.
    pub struct Folder(tempfile::TempDir);

    impl Folder {
        pub fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Folder(folder)
        }

        pub fn path(&self) -> &Path {
            self.0.path()
        }
    }

    fn open(folder: &Folder, spec: &str) -> Result<Opened, String> {
        let origin = DATA.build(spec).map_err(|error| error.to_string())?;
        let root = Root::new(folder.path()).unwrap();
        origin
            .open(&root, Seed(0))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_directory_is_shards_in_natural_order() {
        let files = [
            ("d/train10.txt", "1,2,0"),
            ("d/train2.txt", "3,4,1\n5,6,5"),
            ("d/train1.csv", "7,8,0"),
            ("d/validate.txt", "9,9,1"),
            ("d/notes.txt", "hello"),
            ("d/train3.zip", "not read"),
        ];
        let folder = Folder::new(&files);
        let Ok(Opened::Parts { shards, held_out }) = open(&folder, "path:d/,scale=2") else {
            panic!("a directory brings its shards")
        };
        let names: Vec<&str> = shards.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["train1.csv", "train2.txt", "train10.txt"]);
        assert!(shards.iter().all(|(_, data)| data.classes() == 6));
        assert_eq!(shards[1].1.row(1), [2.5, 3.0]);
        assert_eq!(held_out.unwrap().row(0), [4.5, 4.5]);
    }

    #[test]
    fn a_file_is_a_pool() {
        let folder = Folder::new(&[("all.csv", "kind,a\nx,1\ny,2\n")]);
        let Ok(Opened::Pool { rows: pool, .. }) = open(&folder, "path:all.csv,label=kind") else {
            panic!("a file is one pool")
        };
        assert_eq!((pool.rows(), pool.features(), pool.classes()), (2, 1, 2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let files = [
            ("d/train1.txt", "1,0\n2,x"),
            ("e/other.txt", "1,2"),
            ("f/train.txt", ""),
        ];
        let folder = Folder::new(&files);
        let error = |spec| open(&folder, spec).err().unwrap();
        let text = "d/train1.txt:2:2: \"x\" is not a number, as the classes before it are";
        assert_eq!(error("path:d"), text);
        assert!(error("path:e").contains("train*.txt"));
        assert_eq!(error("path:f"), "f/train.txt: it is empty");
        assert!(error("path:../d").contains("may not be read"));
        assert!(error("path").contains("below the data root"));
        assert!(error("path:d,scale=0").contains("above 0"));
        assert!(error("path:d,header=no,label=kind").contains("header=no"));
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["a10", "a9b", "a", "a09", "b1", "a9", "10", "9"];
        names.sort_by(|left, right| natural(left, right));
        assert_eq!(names, ["9", "10", "a", "a09", "a9", "a9b", "a10", "b1"]);
    }
}
