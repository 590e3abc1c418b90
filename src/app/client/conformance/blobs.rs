//! Payloads too long for a message: blobs, in chunks.

use bytes::Bytes;

use super::bench::Bench;
use super::check::{Check, Checked, NotPassed, a_fault, failed};
use crate::app::dial::CallFailed;
use crate::app::transfer;
use crate::clock;
use crate::wire::convert::{self, BLOBS, RAW, checksum, count};
use crate::wire::stubs::types::{Chunk, FaultCode, MissingRequest};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "blobs: in chunks",
        rule: "chunks sent in order become a blob; `have` says how far it got, `missing` what is not whole",
        idl: "types.thrift Chunk",
        section: "blobs",
        run: chunks,
    },
    Check {
        name: "blobs: damaged",
        rule: "a chunk that does not match its checksum, and a blob that does not match its name, are `Fault` CORRUPT, and are not kept",
        idl: "types.thrift Chunk.crc32",
        section: "blobs",
        run: damaged,
    },
    Check {
        name: "blobs: parameters",
        rule: "parameters named by their digest are those of the blob; the update is the same as with them in the message",
        idl: "types.thrift Payload.digest",
        section: "blobs",
        run: parameters,
    },
    Check {
        name: "blobs: not there",
        rule: "a request that names a blob which is not there is `Fault` NOT_FOUND, so that it is sent and asked for again",
        idl: "compute_node.thrift ComputeNode.train",
        section: "blobs",
        run: absent,
    },
];

/// Bytes that nobody has sent before.
fn unheard_of(length: usize) -> Bytes {
    let start = clock::chance().to_le_bytes();
    start.iter().copied().cycle().take(length).collect()
}

/// Part of a blob.
fn part(blob: &Bytes, from: usize, to: usize) -> Chunk {
    let data = blob.slice(from..to);
    Chunk {
        digest: transfer::digest(blob),
        length: count(blob.len()),
        offset: count(from),
        crc32: Some(checksum(&data)),
        data,
    }
}

fn put(bench: &Bench, chunk: &Chunk) -> Result<i64, CallFailed> {
    let reply = bench.call("put_chunk", |node| node.put_chunk(chunk))?;
    Ok(reply.have)
}

fn lacks(bench: &Bench, blob: &Bytes) -> Result<bool, CallFailed> {
    let digests = vec![transfer::digest(blob)];
    let reply = bench.call("missing", |node| node.missing(&MissingRequest { digests }))?;
    Ok(!reply.missing.is_empty())
}

/// Sends a blob in two chunks.
fn send(bench: &Bench, blob: &Bytes) -> Result<(), NotPassed> {
    let half = blob.len() / 2;
    for (from, to) in [(0, half), (half, blob.len())] {
        let have = put(bench, &part(blob, from, to))?;
        if have != count(to) {
            return failed(format!(
                "`have` is {have} after the chunk that ends at {to}"
            ));
        }
    }
    Ok(())
}

fn chunks(bench: &mut Bench) -> Checked {
    bench.needs(BLOBS)?;
    let blob = unheard_of(100_000);
    if !lacks(bench, &blob)? {
        return failed("`missing` does not name a blob that was never sent");
    }
    let early = put(bench, &part(&blob, 50_000, 100_000))?;
    if early != 0 {
        return failed(format!(
            "`have` is {early} after a chunk that leaves a gap before it"
        ));
    }
    send(bench, &blob)?;
    match lacks(bench, &blob)? {
        true => failed("`missing` names a blob that was sent whole"),
        false => Ok("two chunks, in order and out of it".to_owned()),
    }
}

fn damaged(bench: &mut Bench) -> Checked {
    bench.needs(BLOBS)?;
    let blob = unheard_of(1000);
    let mut chunk = part(&blob, 0, blob.len());
    chunk.crc32 = Some(checksum(b"other bytes"));
    a_fault(put(bench, &chunk), &[FaultCode::CORRUPT])?;
    // Without a checksum, the name has to tell.
    let lie = Chunk {
        data: unheard_of(1000),
        crc32: None,
        ..part(&blob, 0, blob.len())
    };
    a_fault(put(bench, &lie), &[FaultCode::CORRUPT])?;
    match lacks(bench, &blob)? {
        true => Ok("CORRUPT, and not kept".to_owned()),
        false => failed("it said CORRUPT, but keeps the blob"),
    }
}

fn parameters(bench: &mut Bench) -> Checked {
    bench.needs(BLOBS)?;
    let attempt = bench.attempt();
    let work = bench.work()?;
    let alone = work.first()?;
    let bytes = work.parameters.to_bytes();
    if lacks(bench, &bytes)? {
        send(bench, &bytes)?;
    }
    let mut request = work.train(attempt);
    request.parameters = convert::blob(RAW, bytes.len(), &transfer::digest(&bytes));
    let found = bench.train(&request)?;
    match found.update == alone.update {
        true => Ok(format!("{} bytes", bytes.len())),
        false => failed("the update is another one than with the same parameters in the message"),
    }
}

fn absent(bench: &mut Bench) -> Checked {
    bench.needs(BLOBS)?;
    let attempt = bench.attempt();
    let work = bench.work()?;
    let length = work.parameters.layout().byte_length();
    let mut request = work.train(attempt);
    request.parameters = convert::blob(RAW, length, &transfer::digest(&unheard_of(length)));
    let answer = bench.call("train", |node| node.train(&request));
    a_fault(answer, &[FaultCode::NOT_FOUND])
}
