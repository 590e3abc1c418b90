//! Memory for the chunks in which long binaries travel, used again and again.
//!
//! The system's allocator gives the pages of large buffers back and has them cleared anew when it hands them out:
//! for chunks that took more time than moving their bytes. An allocator that keeps its pages costs megabytes for each of
//! thousands of threads. So buffers of this one size are kept here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of a buffer that is kept: a chunk of a blob.
pub const SIZE: usize = 512 << 10;
/// Buffers kept at most: 128 MB.
const MOST: usize = 256;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// So many bytes of memory, whatever they hold.
pub fn take(length: usize) -> Vec<u8> {
    if length > SIZE || length <= SIZE / 2 {
        return vec![0; length];
    }
    let spare = spare().pop();
    let mut buffer = spare.unwrap_or_else(|| Vec::with_capacity(SIZE));
    buffer.resize(length, 0);
    buffer
}

/// Bytes to be shared; when nobody needs them any more, a buffer of the kept size is.
pub fn share(buffer: Vec<u8>) -> Bytes {
    if buffer.capacity() == SIZE {
        Bytes::from_owner(Buffer(buffer))
    } else {
        Bytes::from(buffer)
    }
}

struct Buffer(Vec<u8>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < MOST {
            spare.push(std::mem::take(&mut self.0));
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Vec<u8>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_buffers_of_one_size_come_back() {
        for (length, kept) in [
            (1, false),
            (SIZE / 2, false),
            (SIZE, true),
            (SIZE + 1, false),
        ] {
            let buffer = take(length);
            assert_eq!((buffer.len(), buffer.capacity() == SIZE), (length, kept));
            let shared = share(buffer);
            assert_eq!(shared.len(), length);
            assert_eq!(shared.slice(0..1).len(), 1);
        }
        // What came back once is handed out with any length of its kind, and never grows.
        for length in [SIZE, SIZE - 1, SIZE / 2 + 1] {
            let buffer = take(length);
            assert_eq!((buffer.len(), buffer.capacity()), (length, SIZE));
            drop(share(buffer));
        }
    }
}
