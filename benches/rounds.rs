//! What a round costs beyond its work: 4 nodes that do nothing, 1,000 parameters, real sockets.
//!
//! Prints rounds per second, and the time of a round as a multiple of one bare round trip of the same
//! bytes over loopback. `cargo bench --bench rounds -- [ROUNDS]`.

mod idle;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use roundtable::clock;
use roundtable::net::Server;

const NODES: usize = 4;
/// 1,000 parameters.
const SHAPE: [usize; 2] = [99, 10];
/// Bytes of an update.
const UPDATE: usize = 4_000;

/// Median of 2,000 round trips of an update's bytes over a bare socket.
fn bare_round_trip() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("a peer");
        peer.set_nodelay(true).expect("nodelay");
        let mut buffer = vec![0; UPDATE];
        while peer.read_exact(&mut buffer).is_ok() && peer.write_all(&buffer).is_ok() {}
    });
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("nodelay");
    let mut buffer = vec![0; UPDATE];
    let mut round_trip = || {
        let start = clock::now();
        stream.write_all(&buffer).expect("a write");
        stream.read_exact(&mut buffer).expect("a read");
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..2_000).map(|_| round_trip()).collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    // `cargo bench` passes `--bench` along.
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let rounds: i32 = asked.unwrap_or(20_000);
    let nodes: Vec<Server> = (1..=NODES as i64)
        .map(|number| idle::start(number, UPDATE / 4))
        .collect();
    let coordinator = idle::coordinate(&nodes);
    let address = coordinator.address().into();
    let train = |rounds| idle::run(&address, rounds, SHAPE, NODES);
    train(rounds / 10); // so that connections are open and buffers warm
    let before = bare_round_trip();
    let took = train(rounds);
    let bare = (before + bare_round_trip()) / 2;
    let a_round = took / rounds.unsigned_abs();
    println!(
        "{rounds} rounds, {NODES} nodes, 1,000 parameters: {:.0} rounds/s, {:.1} us a round, \
         {:.1} times a bare round trip of the same bytes ({:.1} us)",
        f64::from(rounds) / took.as_secs_f64(),
        a_round.as_secs_f64() * 1e6,
        a_round.as_secs_f64() / bare.as_secs_f64(),
        bare.as_secs_f64() * 1e6,
    );
}
