//! Messages whose lengths lie, to real processes: the connection ends, the memory stays, the next call is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use roundtable::app::dial;
use roundtable::clock;
use roundtable::wire::convert;
use roundtable::wire::stubs::compute_node::HelloRequest as NodeHello;

use crate::cluster::{Cluster, Member};
use crate::effort::figure;
use crate::process::{Holds, peak_megabytes};
use crate::programs::PATIENCE;
use crate::samples;

/// One above the most elements a list, set or map may have.
const LONG_LIST: i32 = (1 << 18) + 1;
/// One above the most bytes that a string or binary may have.
const LONG_TEXT: i32 = 16_384_001;
/// More structs within each other than are read.
const DEEP: usize = 65;

/// Where a length stands in a message, and one above what is allowed there.
type Place = (usize, i32);

/// Finds every length of a strict binary message.
struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    places: Vec<Place>,
}

impl Walk<'_> {
    fn of(message: &[u8]) -> Vec<Place> {
        let mut walk = Walk {
            message,
            at: 4,
            places: Vec::new(),
        };
        walk.text();
        walk.at += 4;
        walk.fields();
        assert_eq!(walk.at, message.len(), "the whole message");
        walk.places
    }

    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.message[self.at - 1]
    }

    fn length(&mut self, above: i32) -> usize {
        self.places.push((self.at, above));
        self.at += 4;
        let bytes = &self.message[self.at - 4..self.at];
        u32::from_be_bytes(bytes.try_into().expect("four bytes")) as usize
    }

    fn text(&mut self) {
        let length = self.length(LONG_TEXT);
        self.at += length;
    }

    fn fields(&mut self) {
        loop {
            let kind = self.byte();
            if kind == 0 {
                return;
            }
            self.at += 2;
            self.value(kind);
        }
    }

    fn value(&mut self, kind: u8) {
        match kind {
            2 | 3 => self.at += 1,
            6 => self.at += 2,
            8 => self.at += 4,
            4 | 10 => self.at += 8,
            11 => self.text(),
            12 => self.fields(),
            14 | 15 => {
                let element = self.byte();
                for _ in 0..self.length(LONG_LIST) {
                    self.value(element);
                }
            }
            13 => {
                let (key, value) = (self.byte(), self.byte());
                for _ in 0..self.length(LONG_LIST) {
                    self.value(key);
                    self.value(value);
                }
            }
            other => panic!("a value of kind {other}"),
        }
    }
}

/// Every call with every length of it set to something else, and with structs too deep within each other.
fn bombs(calls: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut bombs = Vec::new();
    for call in calls {
        for (at, above) in Walk::of(call) {
            for length in [-1, i32::MAX, above] {
                let mut bomb = call.clone();
                bomb[at..at + 4].copy_from_slice(&length.to_be_bytes());
                bombs.push(bomb);
            }
        }
        // The header is a version, a name and a number; then the argument's struct within the call's.
        let name = u32::from_be_bytes(call[4..8].try_into().expect("four bytes")) as usize;
        let mut deep = call[..12 + name].to_vec();
        deep.extend(b"\x0c\0\x01".repeat(DEEP));
        bombs.push(deep);
    }
    bombs
}

/// Sends a bomb and waits for the end of the connection.
fn is_refused(address: SocketAddr, bomb: &[u8]) -> bool {
    let mut peer = TcpStream::connect(address).expect("a connection");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // The server may have closed before it was all sent.
    let _ = peer.write_all(bomb);
    let mut said = Vec::new();
    match peer.read_to_end(&mut said) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn throw(name: &str, pid: &str, address: SocketAddr, calls: &[Vec<u8>]) {
    let bombs = bombs(calls);
    // A first one, so that what a first call brings into memory is there.
    assert!(is_refused(address, &bombs[0]));
    let before = Holds::of(pid);
    let start = clock::now();
    thread::scope(|scope| {
        for part in bombs.chunks(bombs.len().div_ceil(8)) {
            scope.spawn(move || {
                for bomb in part {
                    assert!(is_refused(address, bomb), "{bomb:x?}");
                }
            });
        }
    });
    let took = clock::now() - start;
    let (grew, peak) = (
        Holds::of(pid).megabytes() - before.megabytes(),
        peak_megabytes(pid) - before.megabytes(),
    );
    assert!(took < PATIENCE, "{took:?}: some were waited for");
    assert!(peak < 16.0, "{peak:.1} MB");
    figure(
        &format!("{} lying lengths and depths sent to a {name}", bombs.len()),
        "each ends its connection, memory stays, the next call is answered",
        format!("memory {grew:+.1} MB, {peak:+.1} MB at most, with 8 at a time"),
    );
}

#[test]
fn lying_lengths_cost_a_coordinator_nothing() {
    let cluster = Cluster::of(&[], &["2"]);
    let it = &cluster.coordinator;
    throw(
        "coordinator",
        &it.pid(),
        it.address,
        &samples::coordinator_calls(),
    );
    crate::crowds::ping(&mut cluster.dial());
}

#[test]
fn lying_lengths_cost_a_node_nothing() {
    let node = Member::start(&["0"]);
    let it = &node.program;
    throw(
        "compute node",
        &it.pid(),
        it.address,
        &samples::node_calls(),
    );
    let mut client = dial::node(&it.address.into(), PATIENCE).expect("a connection");
    let request = NodeHello {
        hello: convert::hello(),
    };
    let reply = client.call("hello", clock::now() + PATIENCE, |node| {
        node.hello(&request)
    });
    reply.expect("it lives");
}
