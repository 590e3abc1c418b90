//! Rows from files below the data root: one file, or a directory of shards or of IDX files.

use std::fs;
use std::sync::Arc;

use super::csv::{Format, Label};
use super::file::{self, Kind};
use super::natural::natural;
use super::standard::Standard;
use super::table::{Table, assemble};
use super::{DataError, Dataset, Opened, Origin, Root, idx, npy, parallel};
use crate::seed::Seed;
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

/// Most files of a directory that are read.
const MAX_FILES: usize = 10_000;

pub(super) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "path",
    aliases: &[],
    value: "FILE|DIRECTORY",
    help: "a file (CSV, NPY, IDX; also .gz); or a directory: each train*.txt|csv|npy is a shard and \
           validate* evaluates, or train-images-idx* are cut into shards and t10k-images-idx* evaluate",
    options: &[
        OptionHelp {
            key: "header",
            value: "auto|yes|no",
            help: "whether the first line holds names; auto: if none of it is a number",
        },
        OptionHelp {
            key: "label",
            value: "last|NUMBER|NAME",
            help: "column of the class, counted from 1 or named; last, or NAME-labels.npy beside NAME.npy",
        },
        OptionHelp {
            key: "scale",
            value: "NUMBER",
            help: "what features are divided by; 1, for bytes of NPY and IDX 255",
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
    let scale = match arguments.text("scale") {
        None => None,
        Some(_) => Some(arguments.number("scale", 1.0, f32::MIN_POSITIVE..=f32::MAX, allowed)?),
    };
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
        if root.resolve(&self.path)?.is_dir() {
            return self.open_directory(root);
        }
        let table = file::read(root, &self.path, &self.format)?;
        let mut rows = assemble(vec![table])?.swap_remove(0);
        if self.standardise {
            rows = Standard::of(&[&rows]).apply(rows);
        }
        let pool = Box::new(rows);
        Ok(Opened::Pool {
            pool,
            held_out: None,
        })
    }
}

impl Files {
    /// All files are read at once, because only together they say how many classes there are.
    fn open_directory(&self, root: &Root) -> Result<Opened, DataError> {
        let names = self.names(root)?;
        let is_idx = names.iter().any(|name| Kind::of(name) == Kind::Idx);
        if is_idx && names.iter().any(|name| Kind::of(name) != Kind::Idx) {
            let reason = "it holds both IDX files and other files of rows; keep them apart";
            return Err(DataError::file(&self.path, reason));
        }
        let folder = self.path.trim_end_matches('/');
        let below = |name: &String| file::read(root, &format!("{folder}/{name}"), &self.format);
        let tables: Result<Vec<Table>, DataError> =
            parallel::map(&names, below).into_iter().collect();
        let all: Vec<(String, Dataset)> = names.into_iter().zip(assemble(tables?)?).collect();
        let (mut train, mut held_out): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(name, _)| name.starts_with("train"));
        if self.standardise && !train.is_empty() {
            let rows: Vec<&Dataset> = train.iter().map(|(_, data)| data).collect();
            let standard = Standard::of(&rows);
            let apply = |(name, data)| (name, standard.apply(data));
            train = train.into_iter().map(apply).collect();
            held_out = held_out.into_iter().map(apply).collect();
        }
        if train.is_empty() {
            let reason = "no file of it is named train*.txt, train*.csv, train*.npy or \
                          train-images-idx3-ubyte";
            return Err(DataError::file(&self.path, reason));
        }
        let held_out = match held_out.len() {
            0 => None,
            _ => Some(joined(held_out)?),
        };
        if is_idx {
            let pool = Box::new(joined(train)?);
            return Ok(Opened::Pool { pool, held_out });
        }
        let shards = train
            .into_iter()
            .map(|(name, data)| (name, Arc::new(data)))
            .collect();
        Ok(Opened::Parts { shards, held_out })
    }

    /// The files of a directory that hold rows, in natural order.
    fn names(&self, root: &Root) -> Result<Vec<String>, DataError> {
        let failed = |error: std::io::Error| DataError::file(&self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(root.resolve(&self.path)?).map_err(failed)? {
            // A name that is not UTF-8 is not one of ours.
            let Ok(name) = entry.map_err(failed)?.file_name().into_string() else {
                continue;
            };
            if holds_rows(&name) {
                names.push(name);
            }
        }
        if names.len() > MAX_FILES {
            let count = names.len();
            let reason = format!("{count} files to read; at most {MAX_FILES} are");
            return Err(DataError::file(&self.path, reason));
        }
        names.sort_by(|left, right| natural(left, right));
        // A packed file beside the same one unpacked is not read again; it comes right after it.
        names.dedup_by(|packed, plain| packed.strip_suffix(".gz") == Some(plain));
        Ok(names)
    }
}

/// Whether a file of this name, in a directory, holds rows to train on or to evaluate with.
fn holds_rows(name: &str) -> bool {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let starts = |starts: &[&str]| starts.iter().any(|start| plain.starts_with(start));
    match Kind::of(name) {
        Kind::Idx => starts(&["train", "validate", "t10k", "test"]) && idx::is_images(plain),
        Kind::Npy => starts(&["train", "validate"]) && !npy::is_labels(plain),
        Kind::Text => {
            starts(&["train", "validate"]) && (plain.ends_with(".txt") || plain.ends_with(".csv"))
        }
    }
}

/// All rows together. One data set alone is not copied.
fn joined(mut all: Vec<(String, Dataset)>) -> Result<Dataset, DataError> {
    if all.len() == 1 {
        return Ok(all.swap_remove(0).1);
    }
    let all: Vec<&Dataset> = all.iter().map(|(_, data)| data).collect();
    Ok(Dataset::concatenate(&all)?)
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
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (*path, text.as_bytes()))
                .collect();
            Folder::of(&files)
        }

        pub fn of(files: &[(&str, &[u8])]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, bytes) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
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
        let Ok(Opened::Pool { pool, .. }) = open(&folder, "path:all.csv,label=kind") else {
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
}
