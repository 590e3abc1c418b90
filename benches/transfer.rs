//! What moving a large model costs: rounds without training, 4 nodes, real sockets, against bare TCP that moves
//! the same bytes over as many connections at once.
//!
//! `cargo bench --bench transfer -- [MILLIONS OF PARAMETERS]`, 10 unless told.

mod idle;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use roundtable::clock;
use roundtable::net::Server;

const NODES: usize = 4;
/// Bytes that bare TCP writes and reads at once.
const PIECE: usize = 512 << 10;

/// Moves so many bytes to each of 4 peers, and as many back, over connections that are open already.
fn bare(bytes: usize) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let streams: Vec<(TcpStream, TcpStream)> = (0..NODES)
        .map(|_| {
            let ours = TcpStream::connect(address).expect("a connection");
            (ours, listener.accept().expect("a peer").0)
        })
        .collect();
    let start = clock::now();
    thread::scope(|scope| {
        for (mut ours, mut theirs) in streams {
            scope.spawn(move || {
                read(&mut theirs, bytes);
                write(&mut theirs, bytes);
            });
            scope.spawn(move || {
                write(&mut ours, bytes);
                read(&mut ours, bytes);
            });
        }
    });
    start.elapsed()
}

fn write(stream: &mut TcpStream, bytes: usize) {
    let piece = vec![1; PIECE];
    for from in (0..bytes).step_by(PIECE) {
        let piece = &piece[..PIECE.min(bytes - from)];
        stream.write_all(piece).expect("a write");
    }
}

fn read(stream: &mut TcpStream, bytes: usize) {
    let mut piece = vec![0; PIECE];
    for from in (0..bytes).step_by(PIECE) {
        let piece = &mut piece[..PIECE.min(bytes - from)];
        stream.read_exact(piece).expect("a read");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let asked = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let outputs = asked.unwrap_or(10) * 100;
    let shape = [9_999, outputs];
    let values = 10_000 * outputs;
    let nodes: Vec<Server> = (1..=NODES as i64)
        .map(|number| idle::start(number, values))
        .collect();
    let coordinator = idle::coordinate(&nodes);
    let address = coordinator.address().into();
    idle::run(&address, 1, shape, NODES);
    let mut ours = Vec::new();
    let mut raw = Vec::new();
    for _ in 0..5 {
        raw.push(bare(values * 4));
        // The difference leaves out making the first parameters.
        let (one, three) = (
            idle::run(&address, 1, shape, NODES),
            idle::run(&address, 3, shape, NODES),
        );
        ours.push(three.saturating_sub(one) / 2);
    }
    let (ours, raw) = (median(ours), median(raw));
    println!(
        "{values} parameters, {NODES} nodes: {:.1} ms a round, {:.1} ms for bare TCP with the same bytes, ratio {:.2}",
        ours.as_secs_f64() * 1e3,
        raw.as_secs_f64() * 1e3,
        ours.as_secs_f64() / raw.as_secs_f64(),
    );
}
