//! The rows a node trains on: opened sources, shipped shards, and the private ones it was started with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::sources::{Key, OpenSource, Sources, Stamp};
use crate::ml::data::{DataError, Dataset, Request, Root, Source, decode};
use crate::ml::partition::hold_out;
use crate::seed::Seed;
use crate::spec::Spec;
use crate::wire::convert::{count, fault, small};
use crate::wire::request::invalid;
use crate::wire::stubs::compute_node::HostedShard;
use crate::wire::stubs::types::{Fault, FaultCode};

/// Rows and the name they are known by.
type Named = (String, Arc<Dataset>);

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

    /// A private shard by its name, parted into rows to train on and rows held out.
    pub(super) fn private(
        &self,
        name: &str,
        held_out: f64,
        seed: Seed,
    ) -> Result<(Arc<Dataset>, Option<Dataset>), Fault> {
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
        if held.is_empty() {
            return Ok((Arc::clone(rows), None));
        }
        let train = rows.select(&train).map(Arc::new);
        Ok((
            train.unwrap_or_else(|| Arc::clone(rows)),
            rows.select(&held),
        ))
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

    /// The newest change below what a `path:` spec names, and the bytes of all files there.
    pub(super) fn stamp(&self, spec: &str) -> Stamp {
        let path = self.path_of(spec)?;
        if !path.is_dir() {
            return stamp_of(&path);
        }
        let entries = std::fs::read_dir(&path).ok()?;
        let stamps = entries
            .flatten()
            .filter_map(|entry| stamp_of(&entry.path()));
        stamps.reduce(|a, b| (a.0.max(b.0), a.1 + b.1))
    }
}

fn stamp_of(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// Reads private rows: the operator's own word, so any path will do. A directory's files keep their names, as
/// do shards that a column names; another file is one shard by its name.
fn read_private(spec: &str) -> Result<(Vec<Named>, PathBuf), String> {
    let spec: Spec = format!("path:{}", spec.strip_prefix("path:").unwrap_or(spec))
        .parse()
        .map_err(|error: crate::spec::SpecError| error.to_string())?;
    let given = spec.value().unwrap_or_default();
    let path = Path::new(given)
        .canonicalize()
        .map_err(|error| format!("cannot read the private rows at {given}: {error}"))?;
    let options: String = spec.options().map(|(k, v)| format!(",{k}={v}")).collect();
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
