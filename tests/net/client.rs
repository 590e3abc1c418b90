//! The client's side: failures by name, deadlines that end a connection, closing from outside.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use roundtable::clock;
use roundtable::net::{Address, Limits, NetErrorKind, connect};

use crate::echo::{Echo, PATIENCE, client, serve};

const SHORT: Duration = Duration::from_millis(100);

/// Accepts by way of its backlog, and never answers.
fn silent_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_refused_connection_says_so() {
    let (listener, address) = silent_listener();
    drop(listener);
    let error = connect(&address.into(), PATIENCE).unwrap_err();
    assert_eq!(error.kind, NetErrorKind::Refused);
    // Nothing is gained by telling how fast it was refused.
    let said = format!("connecting to {address} was refused (nothing listens there)");
    assert_eq!(error.to_string(), said);
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_is_not_taken_times_out() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    socket.listen(0).unwrap();
    let address = Address::from(socket.local_addr().unwrap().as_socket().unwrap());
    // The system lets a few in beyond the backlog, then drops what asks.
    let mut taken = Vec::new();
    let error = loop {
        match connect(&address, SHORT) {
            Ok(connection) => taken.push(connection),
            Err(error) => break error,
        }
        assert!(taken.len() < 100, "a backlog of 0 took 100 connections");
    };
    assert_eq!(error.kind, NetErrorKind::TimedOut);
    assert!(error.after >= SHORT && error.after < PATIENCE);
    assert!(
        error.to_string().contains("timed out after 0.1 s"),
        "{error}"
    );
}

#[test]
fn an_unknown_name_has_no_address() {
    let address: Address = "no-such-host.invalid:5106".parse().unwrap();
    let error = connect(&address, Duration::from_secs(5)).unwrap_err();
    // A resolver that cannot reach its servers may take longer than we do.
    assert!(
        matches!(
            error.kind,
            NetErrorKind::UnknownHost | NetErrorKind::TimedOut
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("no-such-host.invalid:5106"),
        "{error}"
    );
}

#[test]
fn names_resolve_and_every_address_is_tried() {
    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    // Where this stands for ::1 too, that is refused and 127.0.0.1 is next.
    let address = Address {
        host: "localhost".into(),
        port: server.address().port(),
    };
    let connection = connect(&address, PATIENCE).unwrap();
    assert_eq!(connection.control.peer().port(), server.address().port());
}

#[test]
fn a_call_that_times_out_puts_the_connection_out_of_use() {
    let (_listener, address) = silent_listener();
    let mut client = client(address);
    let error = client.call_within(SHORT, "echo", b"anybody?").unwrap_err();
    let error = error.net().unwrap().clone();
    assert_eq!(error.kind, NetErrorKind::TimedOut);
    assert!(error.after >= SHORT && error.after < PATIENCE);
    assert!(
        error
            .to_string()
            .starts_with(&format!("echo to {address} timed out after")),
        "{error}"
    );
    assert!(!client.control.is_usable());
    let start = clock::now();
    let again = client.call("echo", b"again").unwrap_err();
    assert_eq!(again.net().unwrap().kind, NetErrorKind::TimedOut);
    assert!(clock::now() - start < PATIENCE / 2, "refused, not tried");
}

#[test]
fn a_deadline_is_for_one_call_and_the_next_has_its_own() {
    let (echo, holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let mut client = client(server.address());
    for _ in 0..3 {
        client.call_within(PATIENCE, "echo", b"long").unwrap();
        client
            .call_within(Duration::from_secs(5), "echo", b"shorter")
            .unwrap();
    }
    let error = client.call_within(SHORT, "hold", b"too long").unwrap_err();
    assert_eq!(error.net().unwrap().kind, NetErrorKind::TimedOut);
    drop(holds);
}

#[test]
fn a_large_request_nobody_reads_times_out_too() {
    let (_listener, address) = silent_listener();
    let mut client = client(address);
    let error = client
        .call_within(SHORT, "echo", &vec![0; 32 << 20])
        .unwrap_err();
    assert_eq!(error.net().unwrap().kind, NetErrorKind::TimedOut);
}

#[test]
fn a_server_that_hangs_up_within_a_call() {
    let (listener, address) = silent_listener();
    let hang_up = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
    });
    let error = client(address).call("echo", b"hello").unwrap_err();
    let kind = error.net().unwrap().kind;
    assert!(
        matches!(kind, NetErrorKind::Closed | NetErrorKind::Reset),
        "{kind:?}"
    );
    hang_up.join().unwrap();
}

#[test]
fn another_thread_can_end_a_blocked_call() {
    let (echo, holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let mut client = client(server.address());
    let closer = client.control.clone();
    std::thread::scope(|scope| {
        let call = scope.spawn(move || client.call("hold", b"for ever"));
        holds.entered.recv_timeout(PATIENCE).unwrap();
        closer.close();
        let error = call.join().unwrap().unwrap_err();
        assert_eq!(error.net().unwrap().kind, NetErrorKind::Aborted);
    });
    drop(holds);
}
