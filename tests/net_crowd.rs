//! Five thousand idle connections: taken quickly, small in memory, and no burden on a live call.
//!
//! A test binary of its own, because it measures the memory of its process.

#[path = "net/echo.rs"]
mod echo;

use std::net::TcpStream;
use std::time::Duration;

use echo::{Client, Echo, PATIENCE, client, raw_peer, request, serve};
use roundtable::clock;
use roundtable::net::Limits;

const CROWD: usize = 5_000;

/// Both ends are in this process, and some more for its own files.
const DESCRIPTORS: u64 = 2 * CROWD as u64 + 100;

#[test]
fn five_thousand_idle_connections_do_not_slow_a_call() {
    let allowed = rlimit::increase_nofile_limit(DESCRIPTORS).unwrap_or(0);
    if allowed < DESCRIPTORS {
        println!("skipped: {DESCRIPTORS} open files are needed, the system allows {allowed}");
        return;
    }
    let (echo, _holds) = Echo::new();
    let all = CROWD + 10;
    let limits = Limits {
        connections: all,
        per_address: all,
        newcomers: all,
        ..Limits::default()
    };
    let server = serve(echo, limits);
    let mut live = client(server.address());
    let before = ping(&mut live);
    let memory_before = resident_megabytes();

    let start = clock::now();
    let crowd: Vec<TcpStream> = (0..CROWD).map(|_| raw_peer(server.address())).collect();
    echo::eventually("all are accepted", || server.counts().open as usize > CROWD);
    let accepted_in = clock::now() - start;
    let after = ping(&mut live);
    println!("{CROWD} connections accepted in {accepted_in:?}");
    println!("ping (median, 99th percentile) before {before:?}, with the crowd {after:?}");

    call_once(&crowd);
    let after = ping(&mut live);
    println!("ping after each has made a call {after:?}");
    if let (Some(before), Some(now)) = (memory_before, resident_megabytes()) {
        println!("resident memory grew from {before} MB to {now} MB, both ends counted");
        assert!(now - before < 200.0, "an idle connection costs too much");
    }
    assert_eq!(server.counts().open as usize, CROWD + 1);
    assert!(accepted_in < PATIENCE && after.1 < Duration::from_secs(1));
}

/// Every connection makes one call, as real peers do before they go quiet.
fn call_once(crowd: &[TcpStream]) {
    use std::io::{Read, Write};
    let call = request("echo", b"hello");
    let mut reply = vec![0; call.len()];
    for mut peer in crowd {
        peer.write_all(&call).unwrap();
        peer.read_exact(&mut reply).unwrap();
    }
}

fn ping(client: &mut Client) -> (Duration, Duration) {
    let mut times = [(); 2_000].map(|()| {
        let start = clock::now();
        client.echo(b"ping");
        clock::now() - start
    });
    times.sort_unstable();
    (times[1_000], times[1_980])
}

/// Where the system tells.
fn resident_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kilobytes / 1024.0).round())
}
