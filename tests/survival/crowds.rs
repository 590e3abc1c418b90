//! Many peers that want nothing, say nothing or never listen: who wants something is served.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use roundtable::app::dial::{Coordinator, Dialled};
use roundtable::clock;
use roundtable::wire::convert;
use roundtable::wire::stubs::coordinator::HelloRequest;
use socket2::{Domain, Socket, Type};

use crate::cluster::{Cluster, follow, is_up, light, quiet, submit, until};
use crate::effort::{figure, is_nightly, pick, skip};
use crate::process::Holds;
use crate::programs::{PATIENCE, Program};
use crate::samples;

/// A call that is always answered; how long that took.
pub fn ping(client: &mut Dialled<Coordinator>) -> Duration {
    let start = clock::now();
    let request = HelloRequest {
        hello: convert::hello(),
    };
    let reply = client.call("hello", start + PATIENCE, |to| to.hello(&request));
    reply.expect("it answers");
    clock::now() - start
}

/// The time in the middle of a thousand calls, and that of the tenth slowest.
fn pings(client: &mut Dialled<Coordinator>) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..1_000).map(|_| ping(client)).collect();
    times.sort_unstable();
    (times[500], times[990])
}

/// The bytes of a call that is always answered.
fn hello() -> Vec<u8> {
    samples::coordinator_calls().swap_remove(0)
}

fn silent(address: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect(address).expect("a connection");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    peer
}

/// A connection that has made a call.
pub fn greeted(address: SocketAddr) -> TcpStream {
    let mut peer = silent(address);
    greet(&mut peer);
    peer
}

/// A connection from another loopback address: a server allows each only so many.
fn silent_from(host: u8, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0);
    socket.bind(&from.into()).expect("an address");
    socket.connect(&address.into()).expect("a connection");
    let peer: TcpStream = socket.into();
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    peer
}

/// Has a peer make a call and read the beginning of its answer.
fn greet(peer: &mut TcpStream) {
    peer.write_all(&hello()).expect("it is sent");
    peer.read_exact(&mut [0; 8]).expect("an answer");
}

/// Whether the other side has closed.
pub fn is_closed(peer: &mut TcpStream) -> bool {
    peer.set_nonblocking(true).expect("a mode");
    let mut waste = [0; 4096];
    loop {
        match peer.read(&mut waste) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

#[test]
fn five_thousand_idle_connections_do_not_slow_a_client() {
    const CROWD: usize = 5_000;
    let needed = CROWD as u64 + 200;
    let allowed = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    if allowed < needed {
        let reason = format!("{needed} open files are needed, the system allows {allowed}");
        return skip("five thousand idle connections", &reason);
    }
    // As most systems start programs: few files until they ask for more.
    let cluster = Cluster::started_by("ulimit -Sn 1024", &[], &["2"]);
    let pid = cluster.coordinator.pid();
    let address = cluster.coordinator.address;
    let mut live = cluster.dial();
    let before = pings(&mut live);
    let memory = Holds::of(&pid).megabytes();

    let start = clock::now();
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let mut peer = silent_from(2 + (number % 4) as u8, address);
            greet(&mut peer);
            peer
        })
        .collect();
    let took = clock::now() - start;
    let after = pings(&mut live);
    let holds = Holds::of(&pid);
    let closed = crowd.iter_mut().any(is_closed);
    assert!(!closed, "all are kept");
    assert!(holds.megabytes() < 200.0, "{holds:?}");
    assert!(took < PATIENCE && after.1 < Duration::from_secs(1));
    figure(
        &format!("{CROWD} idle connections and a live client"),
        "all accepted and kept, a ping stays quick, 200 MB at most",
        format!(
            "accepted in {took:.1?}; ping {:.0?} (99th percentile {:.0?}), {:.0?} ({:.0?}) without; {:.0} MB, {memory:.0} before",
            after.0,
            after.1,
            before.0,
            before.1,
            holds.megabytes()
        ),
    );
    drop(crowd);
    until_threads(&pid, 64);
    ping(&mut live);
}

fn until_threads(pid: &str, most: usize) -> usize {
    let deadline = clock::now() + PATIENCE;
    loop {
        let threads = Holds::of(pid).threads;
        if threads <= most {
            return threads;
        }
        assert!(clock::now() < deadline, "{threads} threads are left");
        std::thread::yield_now();
    }
}

/// Peers that say nothing, or begin and do not go on.
fn dribbling(address: SocketAddr, many: usize) -> Vec<TcpStream> {
    let crowd = (0..many).map(|number| {
        let mut peer = silent(address);
        if number % 2 == 0 {
            // It may have been closed already, to make room.
            let _ = peer.write_all(&hello()[..7]);
        }
        peer
    });
    crowd.collect()
}

#[test]
fn silent_and_dribbling_peers_keep_no_honest_node_out() {
    let calm = quiet(light(5));
    let cluster = Cluster::of(&[], &["2"]);
    let address = cluster.coordinator.address;
    let mut live = cluster.dial();
    ping(&mut live);
    // More than may be waiting for their first call.
    let _crowd = dribbling(address, 300);
    let start = clock::now();
    let node = Program::node(&["0", "--join", &address.to_string()]);
    until(&mut live, &node.address.to_string(), is_up);
    let joined = clock::now() - start;
    let _crowd_of_node = dribbling(node.address, 300);
    let run = submit(&mut live, light(5));
    let ended = follow(&mut live, &run).expect("a report");
    assert_eq!(ended.report.digest, calm.report.digest);
    figure(
        "300 silent and dribbling peers at the coordinator, and as many at its node",
        "an honest node is served within the 10 s a handshake may take, and trains",
        format!("started, joined and up in {joined:.1?}"),
    );
}

#[test]
fn as_many_idle_connections_as_stock_servers_have_workers_block_nobody() {
    let cluster = Cluster::of(&[], &["2"]);
    let address = cluster.coordinator.address;
    let _idle: Vec<TcpStream> = (0..64).map(|_| greeted(address)).collect();
    let took = ping(&mut cluster.dial());
    assert!(took < PATIENCE);
    figure(
        "64 idle connections, as many as stock servers have workers",
        "the next call is answered at once",
        format!("{took:.0?}"),
    );
}

#[test]
fn a_client_that_never_reads_costs_little_and_blocks_nobody() {
    let cluster = Cluster::of(&[], &["2"]);
    let pid = cluster.coordinator.pid();
    let mut live = cluster.dial();
    ping(&mut live);
    let before = Holds::of(&pid);
    let calls = hello().repeat(1_000);
    let pause = pick(Duration::from_millis(100), Duration::from_secs(2));
    let ask_on = || {
        let mut peer = silent(cluster.coordinator.address);
        peer.set_write_timeout(Some(pause)).expect("a timeout");
        // Until the coordinator takes no more, because it cannot get rid of its answers.
        while peer.write_all(&calls).is_ok() {}
        peer
    };
    let deaf: Vec<TcpStream> = thread::scope(|scope| {
        let all: Vec<_> = (0..32).map(|_| scope.spawn(ask_on)).collect();
        let peers = all.into_iter().map(|peer| peer.join().expect("no panic"));
        peers.collect()
    });
    let took = ping(&mut cluster.dial());
    let holds = Holds::of(&pid);
    let grew = holds.megabytes() - before.megabytes();
    assert!(grew < 32.0, "{grew:.1} MB");
    figure(
        "32 clients that ask on and on and never read an answer",
        "memory stays bounded, others are served",
        format!("memory {grew:+.1} MB; the next call took {took:.0?}"),
    );
    if is_nightly() {
        // Their replies may take 30 s; then they are cut.
        until_threads(&pid, before.threads);
    }
    drop(deaf);
    until_threads(&pid, before.threads);
}
