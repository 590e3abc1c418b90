//! The parameters after a round, as a model file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::files::{self, StateError};
use super::safetensors::{About, Header, header};
use crate::ml::layout::Layout;

/// Bytes read at once.
const PART: usize = 512 << 10;

/// A model file, open for reading.
#[derive(Debug)]
pub struct Checkpoint {
    /// Layout and what the file says of itself.
    pub header: Header,
    /// The file, and how many bytes it has.
    pub file: File,
    /// See `file`.
    pub length: u64,
}

impl Checkpoint {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it cannot be read or is no model file.
    pub fn open(path: &Path) -> Result<Checkpoint, String> {
        let cannot = |error: io::Error| format!("cannot read `{}`: {error}", path.display());
        let mut file = File::open(path).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        if !about.is_file() {
            return Err(format!("`{}` is no file", path.display()));
        }
        let header = Header::read(&mut file, about.len());
        let header = header.map_err(|reason| format!("`{}`: {reason}", path.display()))?;
        Ok(Checkpoint {
            header,
            file,
            length: about.len(),
        })
    }

    /// The bytes of all values, part by part.
    ///
    /// # Errors
    /// When they cannot be read, or `take` has one.
    pub fn values(&self, take: impl FnMut(Bytes) -> io::Result<()>) -> io::Result<()> {
        self.range(0, self.header.layout.byte_length(), take)
    }

    /// The bytes of one tensor, part by part.
    ///
    /// # Errors
    /// As [`Checkpoint::values`].
    pub fn tensor(
        &self,
        tensor: usize,
        take: impl FnMut(Bytes) -> io::Result<()>,
    ) -> io::Result<()> {
        let size = self.header.layout.dtype().size();
        let range = self.header.layout.range(tensor);
        self.range(range.start * size, range.len() * size, take)
    }

    fn range(
        &self,
        start: usize,
        mut left: usize,
        mut take: impl FnMut(Bytes) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.header.start + start as u64))?;
        while left > 0 {
            let mut part = vec![0; left.min(PART)];
            file.read_exact(&mut part)?;
            left -= part.len();
            take(part.into())?;
        }
        Ok(())
    }

    /// SHA-256 of the values: the digest of the round, if the file is undamaged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digest(&self) -> io::Result<[u8; 32]> {
        let mut hash = Sha256::new();
        self.values(|part| {
            hash.update(&part);
            Ok(())
        })?;
        Ok(hash.finalize().into())
    }
}

/// Writes a model file: whole, or not at all.
pub(super) fn write(
    path: &Path,
    layout: &Layout,
    about: &About,
    pieces: impl Iterator<Item = io::Result<Bytes>>,
) -> Result<(), StateError> {
    files::write_whole(path, |file| {
        file.write_all(&header(layout, about))?;
        for piece in pieces {
            file.write_all(&piece?)?;
        }
        Ok(())
    })
}
