//! Blobs that arrive in chunks at a node, in any order, damaged, repeated, announced wrongly: the store agrees
//! with a simple one, and what it has is what was sent.

use bytes::Bytes;
use roundtable::app::node::Blobs;
use roundtable::app::transfer;
use roundtable::wire::convert::checksum;
use roundtable::wire::stubs::types::{Chunk, ChunkRequest};

use super::Target;

pub const TARGET: Target = Target {
    name: "chunks",
    run,
    longest: 600,
    // 16 blobs on their way and the store's bytes; each step makes a chunk.
    memory: |_| 256 << 10,
    seeds,
    words: &[b"\x01\x00\x00\x00\xff\xff", b"\x11\x00\x00\x00\x10\x00"],
};

/// Bytes of a step: what to do, with which blob, from where, how many.
const STEP: usize = 6;
const LENGTHS: [usize; 6] = [0, 1, 16, 100, 700, 3000];
/// Two of the longest do not fit.
const MOST: usize = 5000;

fn run(bytes: &[u8]) -> bool {
    let blobs =
        LENGTHS.map(|length| -> Bytes { (0..length).map(|i| (i * 7 + length) as u8).collect() });
    let names = blobs.clone().map(|blob| transfer::digest(&blob));
    let mut store = Blobs::new(MOST);
    let mut completed = false;
    for step in bytes.as_chunks::<STEP>().0 {
        let [what, which, offset_low, offset_high, size_low, size_high] = *step;
        let which = usize::from(which) % LENGTHS.len();
        let (blob, name) = (&blobs[which], &names[which]);
        let offset = usize::from(u16::from_le_bytes([offset_low, offset_high]));
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        if what & 0x0f == 0x0f {
            read(&mut store, blob, name, offset, size);
            continue;
        }
        let from = offset.min(blob.len());
        let mut data = blob.slice(from..blob.len().min(from + size));
        let mut crc32 = (what & 0x10 != 0).then(|| checksum(&data));
        let mut length = blob.len() as i64;
        match what & 0x0f {
            // Damaged on its way.
            1 if !data.is_empty() => {
                let mut damaged = data.to_vec();
                damaged[0] ^= 1;
                data = damaged.into();
            }
            // With checksums the sender is believed what it says of the length (docs/protocol.md).
            2 => {
                length = i64::from(i16::from_le_bytes([offset_low, size_low]));
                crc32 = None;
            }
            3 => crc32 = crc32.map(|crc| crc ^ 1),
            4 => length += i64::MIN,
            5 => length += 1 << 40,
            _ => {}
        }
        let chunk = Chunk {
            digest: name.clone(),
            length,
            offset: offset as i64,
            data,
            crc32,
        };
        let had = store.has(name);
        if let Ok(reply) = store.put(&chunk) {
            assert!((0..=length.max(0)).contains(&reply.have) || had || reply.have <= MOST as i64);
        }
        if had {
            assert!(store.has(name), "a blob that is here stays");
        } else if store.has(name) {
            completed = true;
        }
        check(&mut store, &blobs, &names);
    }
    completed
}

/// What is there is what was sent.
fn check(store: &mut Blobs, blobs: &[Bytes], names: &[Bytes]) {
    let mut all = 0;
    for (blob, name) in blobs.iter().zip(names) {
        if !store.has(name) {
            continue;
        }
        let request = ChunkRequest {
            digest: name.clone(),
            offset: 0,
            size: MOST as i32,
        };
        let whole = store.chunk(&request).expect("it is here");
        assert_eq!(whole.data, blob, "a blob of another name");
        all += blob.len();
    }
    assert!(all <= MOST, "{all} bytes are kept");
}

fn read(store: &mut Blobs, blob: &Bytes, name: &Bytes, offset: usize, size: usize) {
    let request = ChunkRequest {
        digest: name.clone(),
        offset: offset as i64,
        size: size as i32,
    };
    if let Ok(part) = store.chunk(&request) {
        assert!(store.has(name));
        assert_eq!(part.data, blob.slice(offset..blob.len().min(offset + size)));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let whole = |which: u8| [0x10, which, 0, 0, 0xff, 0xff];
    vec![
        (0..6).flat_map(whole).collect(),
        [
            [0x10, 3, 0, 0, 50, 0],
            [0x00, 3, 50, 0, 50, 0],
            [0x0f, 3, 10, 0, 20, 0],
        ]
        .concat(),
        [
            [0x01, 4, 0, 0, 100, 0],
            whole(4),
            whole(4),
            [0x12, 5, 100, 0, 100, 0],
        ]
        .concat(),
    ]
}
