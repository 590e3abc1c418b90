//! Bytes nobody should send: no panic, and no more memory than what arrived and a constant.
//!
//! `HOSTILE_INPUTS=40000000 HOSTILE_SEED=7 cargo test --release --test hostile_bytes -- --nocapture`
//! goes on for longer and from another seed.

use std::env;
use std::io::{self, Sink};

use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{
    self as node, ComputeNodeClient, ComputeNodeProcessor,
};
use roundtable::wire::stubs::coordinator::WatchReply;
use roundtable::wire::stubs::types;
use roundtable::wire::value::{Value, write_field};
use thrift::protocol::{TBinaryOutputProtocol, TMessageIdentifier, TMessageType, TSerializable};
use thrift::server::TProcessor;
use thrift::{ProtocolErrorKind, TransportErrorKind};

#[allow(dead_code)] // other tests use other parts
mod samples;

use samples::dice::{Dice, mutate};

/// Memory a reader may take whatever arrives: one step of a binary that was announced.
const CONSTANT: u64 = (1 << 20) + 16 * 1024;

/// Memory for each byte that arrived. The smallest elements are an empty string (4 bytes) and a
/// struct of required fields; in memory they take 24 bytes and more, and a vector that grows holds
/// the old and the new for a moment.
const FACTOR: u64 = 32;

fn nowhere() -> TBinaryOutputProtocol<Sink> {
    TBinaryOutputProtocol::new(io::sink(), true)
}

/// Serves one message; gives the largest memory held meanwhile beside the outcome.
fn serve(bytes: &[u8]) -> (u64, thrift::Result<()>) {
    let processor = ComputeNodeProcessor::new(samples::node::Node);
    let mut outcome = Ok(());
    let taken = allocation_counter::measure(|| {
        let mut input = BinaryInput::new(bytes, Limits::default());
        outcome = processor.process(&mut input, &mut nowhere());
    });
    (taken.bytes_max, outcome)
}

/// The same for an answer that a client reads.
fn receive(bytes: &[u8]) -> (u64, Result<node::TrainReply, CallError>) {
    let request = samples::train_request();
    let mut client = ComputeNodeClient::new(BinaryInput::new(bytes, Limits::default()), nowhere());
    client.send_train(&request).unwrap();
    let mut outcome = None;
    let taken = allocation_counter::measure(|| outcome = Some(client.receive_train()));
    (taken.bytes_max, outcome.unwrap())
}

/// The same for the largest struct.
fn read_watch(mut bytes: &[u8]) -> (u64, thrift::Result<WatchReply>) {
    let mut outcome = None;
    let taken = allocation_counter::measure(|| {
        let mut input = BinaryInput::new(&mut bytes, Limits::default());
        outcome = Some(WatchReply::read_from_in_protocol(&mut input));
    });
    (taken.bytes_max, outcome.unwrap())
}

fn check_memory(taken: u64, bytes: &[u8]) {
    let allowed = CONSTANT + FACTOR * bytes.len() as u64;
    assert!(
        taken <= allowed,
        "{} bytes took {taken}: {bytes:x?}",
        bytes.len()
    );
}

/// Answers a client may get: a reply, a fault, a refusal.
fn answers() -> Vec<Vec<u8>> {
    use TMessageType::{Exception, Reply};
    let (reply, fault) = (samples::train_reply(), samples::fault());
    vec![
        samples::answer("train", Reply, |output| write_field(output, 0, &reply)),
        samples::answer("train", Reply, |output| write_field(output, 1, &fault)),
        samples::answer("train", Exception, |output| {
            write_field(output, 1, &"no such method".to_owned())?;
            write_field(output, 2, &1)
        }),
    ]
}

fn number(name: &str, otherwise: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn mutated_messages_do_no_harm() {
    let (inputs, seed) = (
        number("HOSTILE_INPUTS", 2_000_000),
        number("HOSTILE_SEED", 1),
    );
    let mut dice = Dice(seed);
    let (calls, answers) = (samples::node_calls(), answers());
    let watch = samples::written(|output| samples::watch_reply().write(output));
    let (mut good, mut most) = (0_u64, 0);
    let mut bytes = Vec::new();
    for _ in 0..inputs {
        let from = dice.below(8);
        let (start, other) = match from {
            0..5 => (
                &calls[dice.below(calls.len())],
                &calls[dice.below(calls.len())],
            ),
            5..7 => (
                &answers[dice.below(answers.len())],
                &answers[dice.below(answers.len())],
            ),
            _ => (&watch, &watch),
        };
        bytes.clone_from(start);
        for _ in 0..1 + dice.below(3) {
            mutate(&mut bytes, other, &mut dice);
        }
        let (taken, fine) = match from {
            0..5 => take(serve(&bytes)),
            5..7 => take(receive(&bytes)),
            _ => take(read_watch(&bytes)),
        };
        check_memory(taken, &bytes);
        most = most.max(taken);
        good += u64::from(fine);
    }
    println!("{inputs} inputs from seed {seed}: {good} read, most memory {most} bytes");
    assert!(
        good > inputs / 20 && good < inputs,
        "{good} of {inputs} could be read"
    );
}

fn take<T, E>((taken, outcome): (u64, Result<T, E>)) -> (u64, bool) {
    (taken, outcome.is_ok())
}

#[test]
fn noise_does_no_harm() {
    let mut dice = Dice(number("HOSTILE_SEED", 2));
    let mut bytes = Vec::new();
    for _ in 0..number("HOSTILE_INPUTS", 500_000) {
        bytes.clear();
        // Sometimes behind a good header, where more can be read.
        if dice.below(2) == 0 {
            bytes.extend_from_slice(b"\x80\x01\0\x01\0\0\0\x05train\0\0\0\x01\x0c\0\x01");
        }
        // Mostly small numbers: types, ids and lengths.
        for _ in 0..dice.below(64) {
            let byte = dice.next() as u8;
            bytes.push(if dice.below(3) == 0 { byte } else { byte % 17 });
        }
        check_memory(serve(&bytes).0, &bytes);
        check_memory(read_watch(&bytes).0, &bytes);
    }
}

#[test]
fn every_truncation_is_an_end_of_file() {
    for call in samples::node_calls() {
        serve(&call).1.unwrap();
        for end in 0..call.len() {
            let (taken, outcome) = serve(&call[..end]);
            check_memory(taken, &call[..end]);
            match outcome {
                Err(thrift::Error::Transport(error)) => {
                    assert_eq!(error.kind, TransportErrorKind::EndOfFile, "at {end}");
                }
                other => panic!("at {end}: {other:?}"),
            }
        }
    }
}

/// The start of a call up to the request's first field header.
fn call(method: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = samples::written(|output| {
        output.write_message_begin(&TMessageIdentifier::new(method, TMessageType::Call, 1))
    });
    bytes.extend_from_slice(b"\x0c\0\x01");
    bytes.extend_from_slice(rest);
    bytes
}

fn refused(bytes: &[u8], kind: ProtocolErrorKind) {
    let (taken, outcome) = serve(bytes);
    match outcome {
        Err(thrift::Error::Protocol(error)) => assert_eq!(error.kind, kind, "{bytes:x?}"),
        other => panic!("{bytes:x?}: {other:?}"),
    }
    // No step of a binary is taken here, so far less than the constant.
    assert!(taken < 16 * 1024, "{bytes:x?} took {taken}");
}

#[test]
fn announced_counts_and_lengths_are_not_believed() {
    let list = b"\x0f\0\x01\x0b\x7f\xff\xff\xff";
    assert_eq!(call("miss", list).len(), 27);
    refused(&call("missing", list), ProtocolErrorKind::SizeLimit);
    // The same in a field nobody knows, of a method nobody knows.
    refused(&call("miss", list), ProtocolErrorKind::SizeLimit);
    // As many as are allowed, and none of them there.
    let (taken, outcome) = serve(&call("missing", b"\x0f\0\x01\x0b\0\x04\0\0"));
    assert!(matches!(outcome, Err(thrift::Error::Transport(_))));
    assert!(taken < 16 * 1024, "{taken}");
    // A name of 2 GiB in 13 bytes.
    refused(
        b"\x80\x01\0\x01\x7f\xff\xff\xffhello",
        ProtocolErrorKind::SizeLimit,
    );
    refused(
        &call("put_chunk", b"\x0b\0\x01\x7f\xff\xff\xff"),
        ProtocolErrorKind::SizeLimit,
    );
    // 16 MB announced, nothing there: one step is taken.
    let (taken, outcome) = serve(&call("put_chunk", b"\x0b\0\x01\0\xf0\0\0"));
    assert!(matches!(outcome, Err(thrift::Error::Transport(_))));
    assert!(taken <= CONSTANT, "{taken}");
}

#[test]
fn negative_lengths_are_refused() {
    for rest in [
        b"\x0b\0\x01\xff\xff\xff\xff".as_slice(),
        b"\x0f\0\x01\x0b\x80\0\0\0",
        b"\x0d\0\x07\x0b\x0b\xff\xff\xff\xfe",
        b"\x0e\0\x07\x0b\xff\xff\xff\xff",
    ] {
        refused(
            &call("missing", rest),
            if rest[0] == 0x0b {
                // The known field is a list, so its type is looked at first.
                ProtocolErrorKind::InvalidData
            } else {
                ProtocolErrorKind::NegativeSize
            },
        );
        refused(&call("lost", rest), ProtocolErrorKind::NegativeSize);
    }
    refused(
        b"\x80\x01\0\x01\xff\xff\xff\xff",
        ProtocolErrorKind::NegativeSize,
    );
}

#[test]
fn nesting_is_bounded() {
    let depth = 100_000;
    for (start, level) in [
        (b"".as_slice(), b"\x0c\0\x63".as_slice()),
        (b"\x0f\0\x63", b"\x0f\0\0\0\x01"),
        (b"\x0e\0\x63", b"\x0e\0\0\0\x01"),
        (b"\x0d\0\x63", b"\x0d\x0d\0\0\0\x01"),
    ] {
        let bomb = [start, &level.repeat(depth)].concat();
        refused(&call("train", &bomb), ProtocolErrorKind::DepthLimit);
        refused(&call("lost", &bomb), ProtocolErrorKind::DepthLimit);
    }
}

#[test]
fn other_wire_types_are_refused() {
    let invalid = ProtocolErrorKind::InvalidData;
    // TrainRequest.round, an i32, as i64; TrainRequest.run, a string, as i32; layout as a set.
    refused(&call("train", b"\x0a\0\x02\0\0\0\0\0\0\0\x01\0\0"), invalid);
    refused(&call("train", b"\x08\0\x01\0\0\0\x01\0\0"), invalid);
    refused(&call("train", b"\x0e\0\x05\x0c\0\0\0\0\0\0"), invalid);
    // Tensors as strings; the request as a string; a type that is none; a bool of 2.
    refused(
        &call("train", b"\x0f\0\x05\x0b\0\0\0\x01\0\0\0\0\0\0"),
        invalid,
    );
    let mut text = call("train", b"\0\0\0\0");
    let at = text.len() - 7;
    text[at] = 0x0b;
    refused(&text, invalid);
    refused(&call("train", b"\x05\0\x01"), invalid);
    refused(&call("train", b"\x02\0\x0c\x02"), invalid);
    // Required fields that are not there.
    refused(&call("train", b"\0\0"), invalid);
    // Text that is none.
    refused(&call("train", b"\x0b\0\x01\0\0\0\x01\xff"), invalid);
}

#[test]
fn other_headers_are_refused() {
    let version = ProtocolErrorKind::BadVersion;
    refused(b"GET / HTTP/1.1\r\n\r\n", version);
    refused(b"\x16\x03\x01\x02\0", version);
    refused(b"\x80\x02\0\x01\0\0\0\x05train", version);
    // Not strict: the name comes first.
    refused(b"\0\0\0\x05train\x01\0\0\0\x01\0", version);
    refused(
        b"\x80\x01\0\x07\0\0\0\x05train\0\0\0\x01\0",
        ProtocolErrorKind::InvalidData,
    );
}

#[test]
fn a_message_without_end_is_cut_off() {
    // Bools in lists nobody knows, again and again: each list is within its limit.
    let mut list = b"\x0f\0\x63\x02\0\x03\xff\xff".to_vec();
    list.resize(list.len() + 0x3_ffff, 1);
    refused(
        &call("train", &list.repeat(64)),
        ProtocolErrorKind::SizeLimit,
    );
}

#[test]
fn small_elements_take_little_more_than_themselves() {
    // The worst a caller can send: as many of the smallest elements as a list may have.
    let request = types::MissingRequest {
        digests: vec![Default::default(); 1 << 18],
    };
    let mut client = ComputeNodeClient::new(samples::no_input(), samples::memory());
    client.send_missing(&request).unwrap();
    let bytes = &client.channel().output().transport;
    let (taken, outcome) = serve(bytes);
    outcome.unwrap();
    println!("{} bytes of empty digests took {taken}", bytes.len());
    check_memory(taken, bytes);

    // Answers hold larger structs in fewer bytes, but a client asks for them itself.
    let reply = WatchReply {
        events: vec![Default::default(); 10_000],
        ..WatchReply::default()
    };
    let bytes = samples::written(|output| reply.write(output));
    let (taken, outcome) = read_watch(&bytes);
    outcome.unwrap();
    println!("{} bytes of empty events took {taken}", bytes.len());
    assert!(taken < 256 * bytes.len() as u64, "{taken}");
}
