//! Connections: several at once, idle ones, framed ones, and those that talk nonsense.

use std::io::{Read, Write};
use std::time::Duration;

use crossbeam_channel::never;
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};

use super::bench::{BEAT, Bench, beat};
use super::check::{Check, Checked, NotPassed, failed, not_applicable, said};
use crate::app::dial::CallFailed;
use crate::clock;
use crate::net::{Connection, connect};
use crate::wire::protocol::{BinaryInput, Limits};
use crate::wire::rpc::{self, Channel};
use crate::wire::stubs::compute_node::{HeartbeatReply, HeartbeatRequest};
use crate::wire::stubs::types::Fault;

/// Libraries that drop idle clients do so after three seconds.
const IDLE: Duration = Duration::from_secs(4);
/// No reply to a heartbeat is longer.
const LONGEST: usize = 64 << 10;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "two connections at once",
        rule: "a coordinator has a connection for heartbeats and one for each attempt; both are served while both are open",
        idl: "compute_node.thrift ComputeNode",
        section: "connections",
        run: two,
    },
    Check {
        name: "a method it does not know",
        rule: "it is declined with Thrift's exception, so that newer coordinators can ask; the connection goes on",
        idl: "compute_node.thrift ComputeNode",
        section: "connections",
        run: unknown,
    },
    Check {
        name: "nonsense on a connection",
        rule: "bytes that make no sense, cut off or of a length beyond reason end their own connection and nothing else",
        idl: "types.thrift, its head",
        section: "connections",
        run: nonsense,
    },
    Check {
        name: "framed",
        rule: "coordinators speak unframed; servers may accept framed callers too",
        idl: "types.thrift, its head",
        section: "connections",
        run: framed,
    },
    Check {
        name: "idle connection",
        rule: "coordinators keep connections; one that was idle for some seconds is still served",
        idl: "compute_node.thrift ComputeNode",
        section: "connections",
        run: idle,
    },
];

fn two(bench: &mut Bench) -> Checked {
    let mut first = bench.open()?;
    beat(&mut first, bench.deadline())?;
    let patience = bench.limit().min(BEAT);
    let mut second = bench.open()?;
    if let Err(call) = beat(&mut second, clock::now() + patience) {
        return failed(format!(
            "a second connection while the first is open: {}; serve each on a thread of its own",
            said(&call)
        ));
    }
    beat(&mut first, bench.deadline())?;
    beat(&mut second, bench.deadline())?;
    Ok("both served in turn".to_owned())
}

fn unknown(bench: &mut Bench) -> Checked {
    let Connection {
        reader,
        writer,
        control,
    } = connect(&bench.at, bench.limit()).map_err(CallFailed::Net)?;
    let input = BinaryInput::new(reader, Limits::default());
    let mut channel = Channel::new(input, TBinaryOutputProtocol::new(writer, true));
    control.set_deadline(Some(bench.deadline()));
    let request = HeartbeatRequest {};
    let sent = channel.send::<_, Fault>("conformance_nobody", 1, &request);
    let answer =
        sent.and_then(|_| channel.receive::<HeartbeatReply, Fault>("conformance_nobody", 1));
    let declined = match answer {
        Err(rpc::CallError::Application(error)) => error.message,
        Err(rpc::CallError::Fault(fault)) => fault.message,
        Err(rpc::CallError::Transport(error)) => {
            return failed(format!("no answer: {}", rpc::describe(&error)));
        }
        Ok(_) => return failed("it answered as if it knew the method"),
    };
    let sent = channel.send::<_, Fault>("heartbeat", 1, &request);
    let after = sent.and_then(|_| channel.receive::<HeartbeatReply, Fault>("heartbeat", 1));
    match after {
        Ok(_) if declined.is_empty() => Ok("declined".to_owned()),
        Ok(_) => Ok(format!("declined: {declined}")),
        Err(error) => failed(format!("declined, but then on that connection: {error}")),
    }
}

/// What is sent and cut off.
const NONSENSE: &[(&str, &[u8])] = &[
    ("a web browser", b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"),
    ("bytes of ones", &[0xff; 64]),
    (
        "a method's name of 2 GiB",
        &[0x80, 1, 0, 1, 0x7f, 0xff, 0xff, 0xff, b'h'],
    ),
    (
        "half a message",
        &[0x80, 1, 0, 1, 0, 0, 0, 9, b'h', b'e', b'a', b'r'],
    ),
];

fn nonsense(bench: &mut Bench) -> Checked {
    let known = bench.hello.incarnation;
    for (what, bytes) in NONSENSE {
        let mut peer = connect(&bench.at, bench.limit()).map_err(CallFailed::Net)?;
        peer.control.set_deadline(Some(bench.deadline()));
        // It may hang up before it has read all.
        let _ = peer
            .writer
            .write_all(bytes)
            .and_then(|()| peer.writer.flush());
        peer.control.close();
        match bench.beat() {
            Ok(reply) if reply.incarnation == known => {}
            Ok(_) => return failed(format!("after {what} it was started again")),
            Err(call) => return failed(format!("after {what}: {}", said(&call))),
        }
    }
    Ok(format!("served on after {} kinds of it", NONSENSE.len()))
}

fn framed(bench: &mut Bench) -> Checked {
    match framed_beat(bench)? {
        Some(reply) if reply.incarnation == bench.hello.incarnation => {
            Ok("answered in frames".to_owned())
        }
        Some(reply) => failed(format!("framed, its incarnation is {}", reply.incarnation)),
        None => not_applicable("it serves unframed callers alone, which is what coordinators are"),
    }
}

/// A heartbeat in frames: each message after its length. None where the node does not answer to that.
fn framed_beat(bench: &Bench) -> Result<Option<HeartbeatReply>, NotPassed> {
    let mut message = Vec::new();
    let written = {
        let output = TBinaryOutputProtocol::new(&mut message, true);
        let nothing = TBinaryInputProtocol::new(std::io::empty(), true);
        Channel::new(nothing, output).send::<_, Fault>("heartbeat", 1, &HeartbeatRequest {})
    };
    let mut peer = connect(&bench.at, bench.limit()).map_err(CallFailed::Net)?;
    let patience = bench.limit().min(BEAT);
    peer.control.set_deadline(Some(clock::now() + patience));
    let Ok(length) = u32::try_from(message.len()) else {
        return Ok(None);
    };
    let sent = peer
        .writer
        .write_all(&length.to_be_bytes())
        .and_then(|()| peer.writer.write_all(&message))
        .and_then(|()| peer.writer.flush());
    let mut length = [0; 4];
    if written.is_err() || sent.is_err() || peer.reader.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Ok(None);
    }
    let mut frame = vec![0; length];
    if peer.reader.read_exact(&mut frame).is_err() {
        return failed("it began a frame and did not end it");
    }
    read_reply(&frame).map(Some)
}

fn read_reply(frame: &[u8]) -> Result<HeartbeatReply, NotPassed> {
    let input = BinaryInput::new(frame, Limits::default());
    let output = TBinaryOutputProtocol::new(Vec::new(), true);
    let mut channel = Channel::new(input, output);
    // As it was sent: the first call of its connection.
    let sent = channel.send::<_, Fault>("heartbeat", 1, &HeartbeatRequest {});
    let reply = sent.and_then(|_| channel.receive::<HeartbeatReply, Fault>("heartbeat", 1));
    reply.or_else(|error| failed(format!("in frames: {error}")))
}

fn idle(bench: &mut Bench) -> Checked {
    let Some((mut node, since)) = bench.idle.take() else {
        return not_applicable("it does not serve others while one is open");
    };
    // Nothing ever comes by this channel: waiting on it is waiting for time to pass.
    let _ = never::<()>().recv_deadline(since + IDLE);
    let rested = clock::now() - since;
    match beat(&mut node, bench.deadline()) {
        Ok(_) => Ok(format!("served after {:.0} s", rested.as_secs_f64())),
        Err(call) => failed(format!(
            "after {:.0} s: {}; does the library drop idle callers (thriftpy2: client_timeout=None)?",
            rested.as_secs_f64(),
            said(&call)
        )),
    }
}
