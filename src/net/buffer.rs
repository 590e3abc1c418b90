//! A read buffer that is small until a message proves large.
//!
//! The standard one clears all of its memory on first use, which at 64 KiB for each of thousands
//! of mostly idle connections is the bulk of a server's memory.

use std::io::{self, BufRead, Read};

/// Enough for any call that carries no bulk.
const SMALL: usize = 4 << 10;

/// From here on a larger buffer saves no time.
const LARGE: usize = 64 << 10;

/// Buffers reads from `R`. Reads of at least the buffer's size go straight to their destination.
#[derive(Debug)]
pub struct GrowingReader<R> {
    inner: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> GrowingReader<R> {
    pub(super) fn new(inner: R) -> GrowingReader<R> {
        GrowingReader {
            inner,
            bytes: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// What has been read from `R` and not yet been consumed.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The first fill takes the small buffer, one that follows a full one the large.
    fn fill(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            self.bytes = vec![0; SMALL];
        } else if self.end == self.bytes.len() && self.end < LARGE {
            self.bytes = vec![0; LARGE];
        }
        (self.start, self.end) = (0, 0);
        self.end = self.inner.read(&mut self.bytes)?;
        Ok(())
    }
}

impl<R: Read> Read for GrowingReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && into.len() >= self.bytes.len().max(SMALL) {
            return self.inner.read(into);
        }
        let available = self.fill_buf()?;
        let count = available.len().min(into.len());
        into[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for GrowingReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.fill()?;
        }
        Ok(self.buffer())
    }

    fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives as much as is asked for, and remembers how much that was.
    struct Source(Vec<usize>);

    impl Read for Source {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.push(into.len());
            into.fill(7);
            Ok(into.len())
        }
    }

    #[test]
    fn it_grows_when_full_and_large_reads_pass_by() {
        let mut reader = GrowingReader::new(Source(Vec::new()));
        let mut one = [0];
        for _ in 0..=SMALL {
            reader.read_exact(&mut one).unwrap();
        }
        assert_eq!(reader.get_mut().0, [SMALL, LARGE]);
        let buffered = reader.buffer().len();
        reader.read_exact(&mut vec![0; buffered + LARGE]).unwrap();
        assert_eq!(reader.get_mut().0, [SMALL, LARGE, LARGE]);
        assert!(reader.buffer().is_empty());
    }

    #[test]
    fn all_bytes_in_their_order() {
        let source: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        let mut reader = GrowingReader::new(&source[..]);
        let mut copy = Vec::new();
        for size in (1..).map(|turn| turn * 37 % 9_000) {
            let mut piece = vec![0; size];
            let count = reader.read(&mut piece).unwrap();
            copy.extend_from_slice(&piece[..count]);
            if count == 0 && size > 0 {
                break;
            }
        }
        assert!(copy == source);
    }
}
