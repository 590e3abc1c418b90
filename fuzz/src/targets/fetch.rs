//! Long blobs as they are fetched in chunks: all of what came, or nothing; memory for what came, not for what
//! was announced.

use std::io;

use bytes::Bytes;
use roundtable::app::transfer;
use roundtable::wire::convert::checksum;
use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::stubs::coordinator::CoordinatorClient;
use roundtable::wire::stubs::types::Chunk;
use roundtable::wire::value::write_field;
use thrift::protocol::{TBinaryOutputProtocol, TMessageIdentifier, TMessageType};

use super::Target;
use crate::samples;

pub const TARGET: Target = Target {
    name: "fetch",
    run,
    longest: 4096,
    memory: |length| (1 << 20) + (64 << 10) + 32 * length,
    seeds,
    words: &[
        b"\x80\x01\0\x02\0\0\0\x09get_chunk\0\0\0\x01\x0c\0\0",
        b"\x0b\0\x04\0\0\0\x05",
        b"\x0a\0\x03",
        b"\x0a\0\x05",
    ],
};

/// The first four bytes are the length that was announced; the rest are the answers.
fn run(bytes: &[u8]) -> bool {
    let Some((length, bytes)) = bytes.split_first_chunk() else {
        return false;
    };
    let length = u32::from_le_bytes(*length) as usize;
    let input = BinaryInput::new(bytes, Limits::default());
    let mut client = CoordinatorClient::new(input, TBinaryOutputProtocol::new(io::sink(), true));
    let mut seen = Vec::new();
    let name = Bytes::from_static(&[7; 32]);
    match transfer::fetch(&mut client, &name, length, |part| {
        seen.extend_from_slice(part)
    }) {
        Ok(held) => {
            assert_eq!(held.len(), length);
            assert!(length <= bytes.len());
            assert_eq!(held.whole().unwrap(), seen);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(seen.len() <= bytes.len().min(length));
            false
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |length: usize, crc: bool| {
        let data: Bytes = (0..length).map(|i| i as u8).collect();
        let chunk = Chunk {
            digest: Bytes::from_static(&[7; 32]),
            length: length as i64,
            offset: 0,
            crc32: crc.then(|| checksum(&data)),
            data,
        };
        let message = samples::written(|output| {
            output.write_message_begin(&TMessageIdentifier::new(
                "get_chunk",
                TMessageType::Reply,
                1,
            ))?;
            roundtable::wire::value::write_struct(output, |output| write_field(output, 0, &chunk))
        });
        [&(length as u32).to_le_bytes()[..], &message].concat()
    };
    let mut long = seed(100, true);
    long[..4].copy_from_slice(&(3u32 << 30).to_le_bytes());
    vec![
        seed(0, true),
        seed(1, true),
        seed(100, false),
        seed(2000, true),
        long,
    ]
}
