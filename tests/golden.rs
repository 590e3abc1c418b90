//! Messages byte for byte as Python writes them.
//!
//! `tests/golden/messages.txt` was written by `tests/peers/peer.py golden idl`; `tests/wire_peers.rs`
//! checks that Python still writes it so.

use roundtable::wire::protocol::{BinaryInput, Limits};
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{ComputeNodeClient, HeartbeatRequest};
use thrift::ApplicationErrorKind;
use thrift::protocol::TMessageType::{Exception, Reply};

use roundtable::wire::value::write_field;

#[allow(dead_code)] // other tests use other parts
mod samples;

/// The messages of the file.
fn golden() -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    include_str!("golden/messages.txt")
        .lines()
        .map(|line| line.as_bytes().chunks(2).map(byte).collect())
        .collect()
}

#[test]
fn we_write_what_python_writes() {
    let mut client = ComputeNodeClient::new(samples::no_input(), samples::memory());
    client.send_heartbeat(&HeartbeatRequest {}).unwrap();
    let heartbeat = client.channel().output().transport.clone();
    let ours = [
        heartbeat,
        samples::node_calls()[2].clone(),
        samples::answer("train", Reply, |output| {
            write_field(output, 0, &samples::train_reply())
        }),
        samples::answer("train", Reply, |output| {
            write_field(output, 1, &samples::fault())
        }),
        samples::answer("get_chunk", Reply, |output| {
            write_field(output, 0, &samples::chunk())
        }),
        samples::answer("tern", Exception, |output| {
            write_field(output, 1, &"no method `tern` here".to_owned())?;
            write_field(output, 2, &1)
        }),
    ];
    let golden = golden();
    assert_eq!(golden.len(), ours.len());
    for (number, (golden, ours)) in golden.iter().zip(&ours).enumerate() {
        assert_eq!(golden, ours, "message {}", number + 1);
    }
}

#[test]
fn we_read_what_python_writes() {
    let golden = golden();
    let client = |answer: usize| {
        let input = BinaryInput::new(golden[answer].as_slice(), Limits::default());
        ComputeNodeClient::new(input, samples::memory())
    };
    assert_eq!(
        client(2).train(&samples::train_request()).unwrap(),
        samples::train_reply()
    );
    match client(3).train(&samples::train_request()) {
        Err(CallError::Fault(fault)) => assert_eq!(fault, samples::fault()),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        client(4).get_chunk(&Default::default()).unwrap(),
        samples::chunk()
    );
    // A refusal need not name the method.
    match client(5).train(&samples::train_request()) {
        Err(CallError::Application(refusal)) => {
            assert_eq!(refusal.kind, ApplicationErrorKind::UnknownMethod);
        }
        other => panic!("{other:?}"),
    }
}
