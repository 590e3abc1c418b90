//! What a strategy remembers after a round, beside the parameters: the server's tensors, and what was remembered
//! anew of each shard since the file before.
//!
//! A file of its own, so that checkpoints are model files and nothing else. Its tensors are `server.NAME` and `shard.INDEX`;
//! its metadata says its `round`, the `digest` of its values and the rounds of the files that it `needs`, which hold what
//! was remembered earlier of shards that this one lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::files::{self, StateError};
use super::safetensors::{About, header};
use crate::ml::layout::{DType, Layout, Tensor};

/// Bytes that can be had piece by piece, as often as one likes.
pub trait Pieces {
    /// How many bytes.
    fn length(&self) -> usize;
    /// How many pieces.
    fn count(&self) -> usize;
    /// One of them.
    ///
    /// # Errors
    /// When it cannot be read.
    fn piece(&self, number: usize) -> io::Result<Bytes>;
}

/// What is remembered after a round, to be written.
pub struct Remembered {
    /// Element type of all values.
    pub dtype: DType,
    /// By name.
    pub server: Vec<(&'static str, Box<dyn Pieces>)>,
    /// By the shard's position: those that are newer than the file before.
    pub shards: Vec<(u32, Box<dyn Pieces>)>,
}

impl Remembered {
    /// What a strategy that remembers nothing does.
    pub fn nothing() -> Remembered {
        Remembered {
            dtype: DType::F32,
            server: Vec::new(),
            shards: Vec::new(),
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.server.is_empty() && self.shards.is_empty()
    }

    fn values(&self) -> impl Iterator<Item = &dyn Pieces> {
        let server = self.server.iter().map(|(_, values)| &**values);
        server.chain(self.shards.iter().map(|(_, values)| &**values))
    }

    fn each(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        for values in self.values() {
            for number in 0..values.count() {
                take(&values.piece(number)?)?;
            }
        }
        Ok(())
    }

    fn layout(&self) -> Result<Layout, String> {
        let server = self.server.iter().map(|(name, _)| format!("server.{name}"));
        let shards = self
            .shards
            .iter()
            .map(|(shard, _)| format!("shard.{shard}"));
        let names = server.chain(shards);
        let size = self.dtype.size();
        let tensors = names.zip(self.values());
        let tensors = tensors.map(|(name, values)| Tensor::new(name, [values.length() / size]));
        Layout::new(self.dtype, tensors.collect()).map_err(|error| error.to_string())
    }

    /// Writes the file.
    pub(super) fn write(
        &self,
        path: &Path,
        round: u32,
        needs: &BTreeSet<u32>,
    ) -> Result<(), StateError> {
        let refused = |reason: String| StateError::new("write", path)(io::Error::other(reason));
        let layout = self.layout().map_err(refused)?;
        files::write_whole(path, |file| {
            let mut hash = Sha256::new();
            self.each(|piece| {
                hash.update(piece);
                Ok(())
            })?;
            let needs: Vec<String> = needs.iter().map(u32::to_string).collect();
            let about = About::from([
                ("digest".to_owned(), hex::encode(hash.finalize())),
                ("needs".to_owned(), needs.join(",")),
                ("round".to_owned(), round.to_string()),
            ]);
            file.write_all(&header(&layout, &about))?;
            self.each(|piece| file.write_all(piece))
        })
    }
}

/// What was remembered after a round, as it was found.
#[derive(Debug, Default)]
pub struct Recalled {
    /// The server's tensors by name.
    pub server: BTreeMap<String, Recollection>,
    /// By the shard's position, with the round after which it was so.
    pub shards: BTreeMap<u32, (u32, Recollection)>,
}

/// Values in a file that was looked through and is whole.
#[derive(Clone, Debug)]
pub struct Recollection {
    file: std::sync::Arc<Checkpoint>,
    tensor: usize,
}

impl Recollection {
    /// How many bytes.
    pub fn length(&self) -> usize {
        let layout = &self.file.header.layout;
        layout.range(self.tensor).len() * layout.dtype().size()
    }

    /// The bytes, part by part.
    ///
    /// # Errors
    /// When they cannot be read, or `take` has one.
    pub fn values(&self, take: impl FnMut(Bytes) -> io::Result<()>) -> io::Result<()> {
        self.file.tensor(self.tensor, take)
    }
}

/// A file that is whole.
pub(super) struct Found {
    file: std::sync::Arc<Checkpoint>,
    /// Rounds of the files it needs.
    pub(super) needs: BTreeSet<u32>,
}

impl Found {
    /// Opens a file and looks whether its values are what they were.
    pub(super) fn open(path: &Path) -> Result<Found, String> {
        let file = Checkpoint::open(path)?;
        let about = &file.header.about;
        let digest = file.digest().map_err(|error| error.to_string())?;
        if about.get("digest") != Some(&hex::encode(digest)) {
            return Err(format!(
                "`{}`: its values are not those written",
                path.display()
            ));
        }
        let needs = about.get("needs").map_or("", String::as_str);
        let needs = needs.split(',').filter(|round| !round.is_empty());
        let needs: Result<BTreeSet<u32>, _> = needs.map(str::parse).collect();
        let needs = needs.map_err(|_| format!("`{}`: `needs` are no rounds", path.display()))?;
        Ok(Found {
            file: file.into(),
            needs,
        })
    }

    fn tensors(&self) -> impl Iterator<Item = (&str, Recollection)> {
        let tensors = self.file.header.layout.tensors().iter().enumerate();
        tensors.map(|(tensor, about)| {
            let file = self.file.clone();
            (about.name.as_str(), Recollection { file, tensor })
        })
    }

    /// Shards in it.
    pub(super) fn shards(&self) -> impl Iterator<Item = (u32, Recollection)> {
        self.tensors().filter_map(|(name, values)| {
            let shard = name.strip_prefix("shard.")?.parse().ok()?;
            Some((shard, values))
        })
    }

    /// The server's tensors in it.
    pub(super) fn server(&self) -> impl Iterator<Item = (String, Recollection)> {
        self.tensors().filter_map(|(name, values)| {
            let name = name.strip_prefix("server.")?;
            Some((name.to_owned(), values))
        })
    }
}
