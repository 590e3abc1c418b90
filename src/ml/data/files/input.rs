//! The bytes of one file below the data root, plain or packed by gzip, never more than they may be.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::ml::data::{DataError, Root};

/// Largest file that is read, in bytes; a packed one may have as many when it is unpacked.
pub(super) const MAX_FILE: u64 = 1 << 30;
/// No byte packed by deflate stands for more than 1,032.
const MOST_PACKING: u64 = 1_032;
/// Bytes that are read and converted at a time; a multiple of the size of every kind of number.
const CHUNK: usize = 1 << 16;

/// How many values an array has, if it has any and a `usize` can say how many.
pub(super) fn product(shape: &[usize]) -> Option<usize> {
    let product = shape
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size));
    product.filter(|product| *product > 0)
}

/// The bytes of a file, from first to last.
pub(super) struct Input<'a> {
    path: &'a str,
    reader: Box<dyn Read + 'a>,
    /// There are no more bytes than this to come, whatever the file says of itself.
    most: u64,
}

impl<'a> Input<'a> {
    /// Opens a file; one that is named `*.gz` is unpacked.
    pub fn open(root: &Root, path: &'a str) -> Result<Self, DataError> {
        let file = root.open(path, MAX_FILE)?;
        let length = |file: &File| file.metadata().map(|metadata| metadata.len());
        let length = length(&file).map_err(|error| DataError::file(path, error))?;
        let file = BufReader::with_capacity(CHUNK, file);
        Ok(if path.ends_with(".gz") {
            Input::packed(path, MultiGzDecoder::new(file), length)
        } else {
            Input {
                path,
                reader: Box::new(file),
                most: length,
            }
        })
    }

    /// What a reader unpacks by deflate from so many bytes.
    pub fn packed(path: &'a str, reader: impl Read + 'a, length: u64) -> Self {
        Input {
            path,
            reader: Box::new(reader),
            most: length.saturating_mul(MOST_PACKING).min(MAX_FILE),
        }
    }

    /// All bytes there are.
    pub fn all(self) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        if !self.path.ends_with(".gz") {
            // What lies on the disk is no promise, and reading then takes one step.
            bytes.reserve_exact(self.most as usize + 1);
        }
        let mut reader = self.reader.take(MAX_FILE + 1);
        let count = reader.read_to_end(&mut bytes);
        let count = count.map_err(|error| DataError::file(self.path, error))? as u64;
        if count > MAX_FILE {
            let reason = format!("unpacked it has more than the {MAX_FILE} bytes that are read");
            return Err(DataError::file(self.path, reason));
        }
        Ok(bytes)
    }

    /// The next bytes, of a header.
    pub fn header<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, "it ends within its header")?;
        Ok(bytes)
    }

    /// The next `length` bytes, of a header that may be longer or shorter.
    pub fn header_of(&mut self, length: u16) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; usize::from(length)];
        self.fill(&mut bytes, "it ends within its header")?;
        Ok(bytes)
    }

    /// Checks that `rows` of `size` bytes can follow: as many as the file can hold, before memory
    /// is taken for them. Gives their bytes.
    pub fn announced(&self, rows: usize, size: usize) -> Result<u64, DataError> {
        let length = (rows as u64).checked_mul(size as u64);
        length.filter(|length| *length <= self.most).ok_or_else(|| {
            let most = self.most;
            let reason = format!(
                "its header announces {rows} rows of {size} bytes, but it has at most {most} bytes"
            );
            DataError::file(self.path, reason)
        })
    }

    /// Gives the next `length` bytes to `take`, in chunks that hold whole numbers, and checks that
    /// none follow.
    pub fn body(mut self, length: u64, mut take: impl FnMut(&[u8])) -> Result<(), DataError> {
        let mut chunk = vec![0; CHUNK.min(length as usize)];
        let mut left = length;
        while left > 0 {
            let chunk = &mut chunk[..CHUNK.min(left as usize)];
            self.fill(chunk, "it ends before all rows that its header announces")?;
            take(chunk);
            left -= chunk.len() as u64;
        }
        // Reading to the end has packed bytes compared with their check sum, too.
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DataError::file(
                self.path,
                "more bytes follow than its header announces",
            )),
            Err(error) => Err(DataError::file(self.path, error)),
        }
    }

    fn fill(&mut self, bytes: &mut [u8], ended: &str) -> Result<(), DataError> {
        self.reader.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                DataError::file(self.path, ended)
            } else {
                DataError::file(self.path, error)
            }
        })
    }
}
