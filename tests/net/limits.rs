//! Peers that are slow, silent, too many or talk nonsense cost themselves, and nobody else.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use roundtable::clock;
use roundtable::net::{Limits, Peer, ReplyWriter, RequestReader, Server, listen};

use crate::echo::{
    Echo, PATIENCE, client, eventually, framed, is_closed_by_server, raw_peer, request, serve,
};

const SHORT: Duration = Duration::from_millis(200);

fn impatient() -> Limits {
    // A rate so high that a dribble earns no time.
    Limits {
        request: SHORT,
        reply: SHORT,
        bytes_per_second: 1 << 30,
        ..Limits::default()
    }
}

/// Sends a byte at a time until the server closes; tells how long that took.
fn dribble(server: &Server, bytes: &[u8]) -> Duration {
    let mut peer = raw_peer(server.address());
    // What is read is the pace: there is nothing to read until the end.
    peer.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let start = clock::now();
    for byte in bytes {
        let sent = peer.write_all(&[*byte]).is_ok();
        if !sent || is_closed_by_server(&mut peer) {
            return clock::now() - start;
        }
    }
    panic!("all {} bytes were taken", bytes.len());
}

#[test]
fn a_dribble_does_not_push_the_deadline_back() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, impatient());
    let slow = request("echo", &[1; 2_000]);
    for bytes in [slow.clone(), framed(&slow)] {
        let lasted = dribble(&server, &bytes);
        println!("a dribble under a limit of {SHORT:?} lasted {lasted:?}");
        assert!(lasted >= SHORT / 2 && lasted < PATIENCE);
    }
    assert_eq!(server.counts().timed_out, 2);
}

#[test]
fn a_peer_that_does_not_read_its_reply_is_cut() {
    let (echo, _holds) = Echo::new();
    let server = serve(
        echo,
        Limits {
            request: PATIENCE,
            ..impatient()
        },
    );
    let mut peer = raw_peer(server.address());
    peer.write_all(&request("echo", &vec![1; 32 << 20]))
        .unwrap();
    eventually("the reply times out", || server.counts().timed_out == 1);
    assert!(is_closed_by_server(&mut peer));
}

#[test]
fn bytes_that_arrive_earn_time() {
    let (echo, _holds) = Echo::new();
    let limits = Limits {
        bytes_per_second: 1,
        ..impatient()
    };
    let server = serve(echo, limits);
    let bytes = request("echo", &[1; 40]);
    let mut peer = raw_peer(server.address());
    peer.set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    for byte in &bytes {
        peer.write_all(&[*byte]).unwrap();
        assert!(!is_closed_by_server(&mut peer));
    }
    eventually("the call is served", || server.counts().calls == 1);
}

#[test]
fn who_never_calls_and_who_calls_no_more_are_closed() {
    let (echo, _holds) = Echo::new();
    let server = serve(
        echo,
        Limits {
            first_call: SHORT,
            idle: SHORT,
            ..Limits::default()
        },
    );
    assert!(is_closed_by_server(&mut raw_peer(server.address())));
    assert_eq!(server.counts().timed_out, 1);
    let mut caller = raw_peer(server.address());
    caller.write_all(&request("echo", b"once")).unwrap();
    assert!(is_closed_by_server(&mut caller));
    assert_eq!((server.counts().calls, server.counts().timed_out), (1, 1));
}

#[test]
fn silent_and_dribbling_peers_do_not_lock_out_an_honest_one() {
    let (echo, holds) = Echo::new();
    let limits = Limits {
        newcomers: 16,
        connections: 40,
        ..Limits::default()
    };
    let server = serve(echo, limits);
    let address = server.address();
    let mut established = client(address);
    established.echo(b"before");
    let in_hand = std::thread::spawn(move || client(address).call("hold", b"first call"));
    holds.entered.recv_timeout(PATIENCE).unwrap();
    let mut crowd: Vec<TcpStream> = Vec::new();
    for number in 0..64 {
        let mut peer = raw_peer(address);
        if number % 2 == 0 {
            // It may have been displaced already.
            let _ = peer.write_all(&request("echo", b"unfinished")[..7]);
        }
        crowd.push(peer);
    }
    client(address).echo(b"honest");
    established.echo(b"still here");
    drop(holds);
    assert_eq!(in_hand.join().unwrap().unwrap(), b"first call");
    let counts = server.counts();
    assert!(counts.displaced >= 32 && counts.open <= 40, "{counts:?}");
}

#[test]
fn a_newcomer_takes_the_place_of_the_longest_idle() {
    let (echo, _holds) = Echo::new();
    for limits in [
        Limits {
            connections: 4,
            ..Limits::default()
        },
        Limits {
            per_address: 4,
            ..Limits::default()
        },
    ] {
        let server = serve(echo.clone(), limits);
        let mut clients: Vec<_> = (0..4).map(|_| client(server.address())).collect();
        for (calls, client) in (1..).zip(clients.iter_mut().rev()) {
            client.echo(b"the last in line was here first");
            eventually("all wait again", || {
                let counts = server.counts();
                counts.calls == calls && counts.idle == 4
            });
        }
        client(server.address()).echo(b"newcomer");
        assert!(clients[3].call("echo", b"too long idle").is_err());
        for client in &mut clients[..3] {
            client.echo(b"still here");
        }
        assert_eq!(server.counts().displaced, 1);
    }
}

#[test]
fn where_nobody_is_idle_the_newcomer_is_turned_away() {
    let (echo, holds) = Echo::new();
    let server = serve(
        echo,
        Limits {
            connections: 2,
            ..Limits::default()
        },
    );
    let address = server.address();
    let busy = [(); 2].map(|()| std::thread::spawn(move || client(address).call("hold", b"x")));
    for _ in &busy {
        holds.entered.recv_timeout(PATIENCE).unwrap();
    }
    assert!(is_closed_by_server(&mut raw_peer(address)));
    assert_eq!(server.counts().refused, 1);
    drop(holds);
    for call in busy {
        assert_eq!(call.join().unwrap().unwrap(), b"x");
    }
    eventually("they have left", || server.counts().open == 0);
    client(address).echo(b"room again");
}

#[test]
fn nonsense_is_closed_and_the_server_lives() {
    let (echo, _holds) = Echo::new();
    let server = serve(
        echo,
        Limits {
            message: 1 << 20,
            ..Limits::default()
        },
    );
    let nonsense: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x82\x21\x01\x04echo",
        b"\xff\xff\xff\xff",
        // Frames: above the limit, empty, of another protocol, of an old one.
        b"\x00\xff\xff\xff\x80\x01",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x08\x82\x21\x01\x04",
        b"\x00\x00\x00\x04echo",
        // A strict message of an unknown version.
        b"\x80\x02\x00\x01\x00\x00\x00\x04echo",
    ];
    for bytes in nonsense {
        let mut peer = raw_peer(server.address());
        peer.write_all(bytes).unwrap();
        assert!(is_closed_by_server(&mut peer), "{bytes:?}");
    }
    let all = nonsense.len() as u64;
    eventually("all are counted", || server.counts().malformed == all);
    client(server.address()).echo(b"alive");
}

#[test]
fn a_request_ends_at_the_size_limit() {
    let (echo, _holds) = Echo::new();
    let server = serve(
        echo,
        Limits {
            message: 1 << 20,
            ..Limits::default()
        },
    );
    client(server.address()).echo(&vec![1; (1 << 20) - 100]);
    let large = request("echo", &vec![1; 1 << 20]);
    for bytes in [framed(&large), large] {
        let mut peer = raw_peer(server.address());
        // The server need not take it all.
        let _ = peer.write_all(&bytes);
        assert!(is_closed_by_server(&mut peer));
    }
}

#[test]
fn a_peer_that_leaves_within_a_message_is_forgotten() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let whole = request("echo", b"payload");
    for cut in 0..whole.len() {
        for bytes in [whole.clone(), framed(&whole)] {
            let mut peer = raw_peer(server.address());
            peer.write_all(&bytes[..cut]).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            let mut said = Vec::new();
            peer.read_to_end(&mut said).unwrap();
            assert_eq!(said, b"", "after {cut} bytes");
        }
    }
    eventually("all have been forgotten", || server.counts().open == 0);
    assert_eq!(server.counts().calls, 0);
}

#[test]
fn the_last_word_reaches_a_peer_that_still_talks() {
    let give_up = |_: Peer| {
        |_: &mut RequestReader, reply: &mut ReplyWriter| -> thrift::Result<()> {
            reply.write_all(b"no, because")?;
            reply.flush()?;
            Err("unreadable".into())
        }
    };
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = Server::start(listener, Limits::default(), give_up).unwrap();
    let mut peer = raw_peer(server.address());
    peer.write_all(&request("echo", &vec![1; 4 << 20])).unwrap();
    let mut said = Vec::new();
    peer.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"no, because");
}
