//! The rows a node trains on: opened sources, shipped shards, and the private ones it was started with.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::sources::{Key, OpenSource, Sources, Stamp};
use crate::ml::data::{DataError, Dataset, Request, Root, Source, beside, decode};
use crate::ml::partition::hold_out;
use crate::seed::Seed;
use crate::spec::Spec;
use crate::wire::convert::{columns, count, fault, small};
use crate::wire::request::invalid;
use crate::wire::stubs::compute_node::{Columns, HostedShard};
use crate::wire::stubs::types::{Fault, FaultCode};

/// Rows and the name they are known by.
type Named = (String, Arc<Dataset>);

/// Which rows of a shard evaluate.
pub(super) enum Evaluating {
    /// Those that train: none were to be held out, or who asks says which shards they are.
    All,
    Held(Dataset),
    /// Rows were to be held out of a single one.
    Nothing,
}

/// The rows at hand.
pub(super) struct Shards {
    root: Root,
    private: Vec<Named>,
    /// Where the private rows lie: no run opens them by path.
    private_path: Option<PathBuf>,
    sources: Arc<Sources>,
}

impl Shards {
    /// Reads the private rows, if there are any: a file, or a directory of `train*` files.
    pub(super) fn new(
        root: Root,
        private: Option<&str>,
        sources: Arc<Sources>,
    ) -> Result<Shards, String> {
        let (private, private_path) = match private {
            Some(spec) => {
                let (rows, path) = read_private(spec)?;
                (rows, Some(path))
            }
            None => (Vec::new(), None),
        };
        Ok(Shards {
            root,
            private,
            private_path,
            sources,
        })
    }

    /// What is told of the private shards.
    pub(super) fn hosted(&self) -> Vec<HostedShard> {
        let describe = |(name, rows): &Named| HostedShard {
            name: name.clone(),
            rows: count(rows.rows()),
            features: Some(small(rows.width())),
            classes: Some(small(rows.classes())),
        };
        self.private.iter().map(describe).collect()
    }

    /// What the columns of the private shards are called; all were read alike.
    pub(super) fn columns(&self) -> Option<Columns> {
        let (_, rows) = self.private.first()?;
        columns::write(rows.names())
    }

    /// Data that every program can open.
    pub(super) fn open(&self, request: &Request) -> Result<Arc<OpenSource>, Fault> {
        self.keep_private(&request.spec)?;
        let stamp = self.stamp(&request.spec);
        let opened = self.sources.open(request, stamp, &self.root);
        opened.map_err(|error| {
            // Another node may have the file that this one lacks.
            let code = match error {
                DataError::File { .. } => FaultCode::NOT_FOUND,
                _ => FaultCode::INVALID,
            };
            let hint = "is the node's --data-root right?";
            Fault {
                code,
                ..invalid("data.spec", error, hint)
            }
        })
    }

    /// The rows of a shard of opened data.
    pub(super) fn rows(&self, source: &OpenSource, shard: usize) -> Result<Arc<Dataset>, Fault> {
        let make = |error| invalid("shards.index", error, "");
        if !source.selects() {
            return source.shard(shard).map_err(make);
        }
        self.sources.rows(Key::Shard(source.id(), shard), || {
            let rows = source.shard(shard).map_err(make)?;
            Ok(Arc::unwrap_or_clone(rows))
        })
    }

    /// A private shard by its name, parted into rows to train on and rows to evaluate with.
    pub(super) fn private(
        &self,
        name: &str,
        held_out: f64,
        seed: Seed,
    ) -> Result<(Arc<Dataset>, Evaluating), Fault> {
        let found = self.private.iter().find(|(known, _)| known == name);
        let (_, rows) = found.ok_or_else(|| {
            fault(
                FaultCode::NOT_FOUND,
                format!("this node hosts no shard `{name}`"),
            )
        })?;
        // By the name, so that training and evaluation part the rows alike whatever a run numbers them.
        let digest = Sha256::digest(name.as_bytes());
        let part = digest
            .iter()
            .take(8)
            .fold(0, |part, &byte| part << 8 | u64::from(byte));
        let (train, held) = hold_out(rows.rows(), held_out, seed, part);
        let Some((train, held)) = rows.select(&train).zip(rows.select(&held)) else {
            let evaluating = match held_out > 0.0 {
                true => Evaluating::Nothing,
                false => Evaluating::All,
            };
            return Ok((Arc::clone(rows), evaluating));
        };
        Ok((Arc::new(train), Evaluating::Held(held)))
    }

    /// A shipped shard from its bytes.
    pub(super) fn shipped(
        &self,
        digest: &Bytes,
        bytes: impl FnOnce() -> Result<Bytes, Fault>,
    ) -> Result<Arc<Dataset>, Fault> {
        self.sources.rows(Key::Blob(digest.clone()), || {
            let decoded = decode(&bytes()?);
            decoded.map_err(|error| invalid("shards.digest", error, ""))
        })
    }

    /// Refuses a path by which private rows could be read under another name.
    fn keep_private(&self, spec: &str) -> Result<(), Fault> {
        let (Some(private), Some(asked)) = (&self.private_path, self.path_of(spec)) else {
            return Ok(());
        };
        let asked = asked.canonicalize().unwrap_or(asked);
        if private.starts_with(&asked) || asked.starts_with(private) {
            let message = "that path holds rows that are private to this node";
            return Err(Fault {
                hint: Some("train on them with `private:`".to_owned()),
                ..fault(FaultCode::DENIED, message)
            });
        }
        Ok(())
    }

    /// What a `path:` spec names below the data root.
    fn path_of(&self, spec: &str) -> Option<PathBuf> {
        let spec: Spec = spec.parse().ok()?;
        if spec.name() != "path" {
            return None;
        }
        self.root.resolve(spec.value()?).ok()
    }

    /// The newest change of what a `path:` spec names and of the files beside it that may hold its targets, or below it,
    /// and the bytes of all files there.
    pub(super) fn stamp(&self, spec: &str) -> Stamp {
        let path = self.path_of(spec)?;
        let files: Vec<PathBuf> = match path.is_dir() {
            true => {
                let entries = std::fs::read_dir(&path).ok()?;
                entries.flatten().map(|entry| entry.path()).collect()
            }
            false => {
                let beside = beside(path.to_str()?).into_iter().map(PathBuf::from);
                iter::once(path).chain(beside).collect()
            }
        };
        let stamps = files.iter().filter_map(|file| stamp_of(file));
        stamps.reduce(|a, b| (a.0.max(b.0), a.1 + b.1))
    }
}

fn stamp_of(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// Reads private rows: the operator's own word, so any path will do. A directory's files keep their names, as
/// do shards that a column names; another file is one shard by its name. Classes that are texts have to be named, because
/// no site knows those of the others.
fn read_private(spec: &str) -> Result<(Vec<Named>, PathBuf), String> {
    let spec: Spec = format!("path:{}", spec.strip_prefix("path:").unwrap_or(spec))
        .parse()
        .map_err(|error: crate::spec::SpecError| error.to_string())?;
    let given = spec.value().unwrap_or_default();
    let path = Path::new(given)
        .canonicalize()
        .map_err(|error| format!("cannot read the private rows at {given}: {error}"))?;
    let mut options: String = spec.options().map(|(k, v)| format!(",{k}={v}")).collect();
    if !spec.options().any(|(key, _)| key == "classes") {
        options.push_str(",classes=numbers");
    }
    let is_directory = path.is_dir();
    let brings_shards = is_directory || spec.options().any(|(key, _)| key == "by");
    let file = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (folder, name) = match path.parent() {
        Some(parent) if !is_directory => (parent, file.as_str()),
        _ => (path.as_path(), "."),
    };
    let root = Root::new(folder).map_err(|error| error.to_string())?;
    let request = Request {
        spec: format!("path:{name}{options}"),
        partition: None,
        shards: (!brings_shards).then_some(1),
        seed: Seed(0),
        held_out: 0.0,
    };
    let source = Source::open(&request, &root).map_err(|error| error.to_string())?;
    let shards: Result<Vec<Named>, String> = (0..source.shards())
        .map(|index| {
            let name = source.name(index).filter(|_| brings_shards);
            let rows = source.shard(index).map_err(|error| error.to_string())?;
            Ok((name.unwrap_or_else(|| file.clone()), rows))
        })
        .collect();
    Ok((shards?, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(folder: &Path, private: Option<&str>) -> Result<Shards, String> {
        let private = private.map(|file| folder.join(file).to_str().unwrap().to_owned());
        let root = Root::new(folder).unwrap();
        Shards::new(root, private.as_deref(), Arc::new(Sources::default()))
    }

    #[test]
    fn private_classes_are_numbers_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("text.csv", "1,malignant\n2,malignant\n");
        write("numbers.csv", "1,0\n2,1\n");
        write("values.csv", "1,0.5\n2,1.5\n");
        let error = node(folder.path(), Some("text.csv")).err().unwrap();
        assert!(error.contains("as in classes=benign/malignant"), "{error}");
        let named = node(folder.path(), Some("text.csv,classes=benign/malignant")).unwrap();
        let (_, rows) = &named.private[0];
        assert_eq!((rows.labels(), rows.classes()), (&[1, 1][..], 2));
        assert!(node(folder.path(), Some("numbers.csv")).is_ok());
        assert!(node(folder.path(), Some("values.csv,target=last")).is_ok());
    }

    #[test]
    fn a_single_row_that_trains_does_not_evaluate() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("one.csv", "1,0\n");
        write("four.csv", "1,0\n2,1\n3,0\n4,1\n");
        let parted = |file, held_out| {
            let shards = node(folder.path(), Some(file)).unwrap();
            let (rows, evaluating) = shards.private(file, held_out, Seed(1)).unwrap();
            let evaluating = match evaluating {
                Evaluating::All => Some(rows.rows()),
                Evaluating::Held(held) => Some(held.rows()),
                Evaluating::Nothing => None,
            };
            (rows.rows(), evaluating)
        };
        assert_eq!(parted("one.csv", 0.5), (1, None));
        assert_eq!(parted("one.csv", 0.0), (1, Some(1)));
        assert_eq!(parted("four.csv", 0.5), (2, Some(2)));
    }

    #[test]
    fn targets_beside_a_file_belong_to_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.npy", "rows");
        write("other.npy", "rows");
        let shards = node(folder.path(), None).unwrap();
        let stamp = || shards.stamp("path:a.npy,scale=2").unwrap();
        let alone = stamp();
        write("a-labels.npy", "labels");
        let beside = stamp();
        assert_eq!((alone.1, beside.1), (4, 10));
        write("a-labels.npy", "more labels");
        assert_eq!(stamp().1, 15);
    }
}
