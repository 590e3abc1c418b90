//! Calls that are served: both wrappings, many at once, several ahead, and after a panic.

use std::io::{Read, Write};
use std::time::Duration;

use roundtable::clock;
use roundtable::net::{Limits, NetErrorKind};

use crate::echo::{Echo, client, eventually, framed, framed_client, raw_peer, request, serve};

#[test]
fn buffered_and_framed_clients_share_a_port() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let mut buffered = client(server.address());
    let mut framed = framed_client(server.address());
    for size in [0, 1, 4_000, 65_535, 70_000, 3_000_000] {
        let payload: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        buffered.echo(&payload);
        framed.echo(&payload);
    }
    assert_eq!(server.counts().accepted, 2);
}

#[test]
fn the_system_chooses_the_port() {
    let (echo, _holds) = Echo::new();
    let (first, second) = (
        serve(echo.clone(), Limits::default()),
        serve(echo, Limits::default()),
    );
    assert_ne!(first.address().port(), 0);
    assert_ne!(first.address(), second.address());
}

#[test]
fn many_clients_at_once() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    std::thread::scope(|scope| {
        for number in 0..16_u8 {
            let address = server.address();
            scope.spawn(move || {
                let mut client = client(address);
                for turn in 0..50_usize {
                    client.echo(&vec![number; turn * 100]);
                }
            });
        }
    });
    // A call is counted once its reply is out.
    eventually("all are counted", || server.counts().calls == 16 * 50);
}

#[test]
fn calls_sent_ahead_are_answered_in_order() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    for wrap in [|bytes: &[u8]| bytes.to_vec(), framed] {
        let mut peer = raw_peer(server.address());
        let calls: Vec<u8> = (0..4_u8)
            .flat_map(|i| wrap(&request("echo", &[i; 10])))
            .collect();
        peer.write_all(&calls).unwrap();
        let mut replies = vec![0; calls.len()];
        peer.read_exact(&mut replies).unwrap();
        // A reply differs from its call in the message type alone.
        let payloads: Vec<u8> = replies
            .chunks(calls.len() / 4)
            .map(|r| r[r.len() - 2])
            .collect();
        assert_eq!(payloads, [0, 1, 2, 3]);
    }
}

#[test]
fn what_a_handler_leaves_of_a_frame_is_skipped() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let mut peer = raw_peer(server.address());
    let padded = [request("echo", b"one"), vec![7; 100]].concat();
    peer.write_all(&framed(&padded)).unwrap();
    peer.write_all(&framed(&request("echo", b"two"))).unwrap();
    let mut replies = vec![0; 2 * framed(&request("echo", b"two")).len()];
    peer.read_exact(&mut replies).unwrap();
    assert!(replies.windows(3).any(|window| window == b"two"));
}

#[test]
fn a_panic_in_a_handler_costs_its_connection_only() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let (mut unlucky, mut other) = (client(server.address()), client(server.address()));
    other.echo(b"before");
    let error = unlucky.call("panic", b"").unwrap_err();
    let kind = error.net().unwrap().kind;
    assert!(
        matches!(kind, NetErrorKind::Closed | NetErrorKind::Reset),
        "{kind:?}"
    );
    other.echo(b"after");
    client(server.address()).echo(b"new");
    assert_eq!(server.counts().panicked, 1);
}

#[test]
fn a_connection_that_was_silent_for_a_while_is_served_again() {
    // Longer than the buffers are kept.
    let silence = Duration::from_millis(1_300);
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let (mut buffered, mut framed) = (client(server.address()), framed_client(server.address()));
    buffered.echo(b"before");
    framed.echo(b"before");
    let mut quiet = raw_peer(server.address());
    quiet.set_read_timeout(Some(silence)).unwrap();
    assert!(quiet.read(&mut [0]).is_err(), "nobody spoke to it");
    buffered.echo(&[1; 100_000]);
    framed.echo(&[2; 100_000]);
}

#[test]
fn what_a_call_takes() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let mut client = client(server.address());
    for (size, calls) in [(16, 5_000), (4 << 10, 2_000), (512 << 10, 100)] {
        let payload = vec![1; size];
        let mut times = Vec::from_iter((0..calls).map(|_| {
            let start = clock::now();
            client.echo(&payload);
            clock::now() - start
        }));
        times.sort_unstable();
        let (median, p99) = (times[calls / 2], times[calls * 99 / 100]);
        println!("echo of {size} bytes: median {median:?}, 99th percentile {p99:?}");
    }
}
