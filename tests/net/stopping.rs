//! The end of a server: idle connections at once, calls under way in grace, then not at all.

use std::net::TcpStream;
use std::time::Duration;

use roundtable::clock;
use roundtable::net::{Limits, NetErrorKind, Stopped};

use crate::echo::{Echo, PATIENCE, client, is_closed_by_server, raw_peer, serve, serve_at};

#[test]
fn calls_under_way_are_answered_and_idle_connections_are_not_waited_for() {
    let (echo, holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let address = server.address();
    let mut idle: Vec<TcpStream> = (0..3).map(|_| raw_peer(address)).collect();
    client(address).echo(b"all of the above have been accepted");
    let call = std::thread::spawn(move || client(address).call("hold", b"under way"));
    holds.entered.recv_timeout(PATIENCE).unwrap();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop(PATIENCE));
        for peer in &mut idle {
            assert!(is_closed_by_server(peer), "while the call is still held");
        }
        assert!(TcpStream::connect(address).is_err(), "it accepts no more");
        drop(holds);
        assert_eq!(
            stopping.join().unwrap(),
            Stopped {
                finished: 1,
                cut: 0
            }
        );
    });
    assert_eq!(call.join().unwrap().unwrap(), b"under way");
    assert_eq!(server.stop(PATIENCE), Stopped::default());
}

#[test]
fn what_outlasts_the_grace_is_cut() {
    let (echo, holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let address = server.address();
    let call = std::thread::spawn(move || client(address).call("hold", b"too long"));
    holds.entered.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        server.stop(Duration::from_millis(50)),
        Stopped {
            finished: 0,
            cut: 1
        }
    );
    let kind = call.join().unwrap().unwrap_err().net().unwrap().kind;
    assert!(
        matches!(kind, NetErrorKind::Closed | NetErrorKind::Reset),
        "{kind:?}"
    );
}

#[test]
fn dropping_a_server_frees_its_port_at_once() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo.clone(), Limits::default());
    let address = server.address();
    let mut before = client(address);
    before.echo(b"before");
    let start = clock::now();
    drop(server);
    println!("stopped after {:?}", clock::now() - start);
    assert!(before.call("echo", b"gone").is_err());
    let _again = serve_at(address, echo, Limits::default());
    client(address).echo(b"on the same port");
}
