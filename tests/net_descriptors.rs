//! Out of file descriptors: the server says so now and then, does not spin, and recovers.
//!
//! A test binary of its own, because it lowers the limit of its process and listens to the log.

#![cfg(unix)]

#[path = "net/echo.rs"]
mod echo;

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use echo::{Echo, client, eventually, serve};
use log::{Level, LevelFilter, Log, Metadata, Record};
use rlimit::Resource;
use roundtable::clock;
use roundtable::net::Limits;

const DESCRIPTORS: u64 = 64;

/// Counts the lines about failed accepts.
struct Complaints(AtomicUsize);

static COMPLAINTS: Complaints = Complaints(AtomicUsize::new(0));

impl Log for Complaints {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record) {
        let line = record.args().to_string();
        if line.starts_with("cannot accept connections") {
            println!("{line}");
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

#[test]
fn running_out_of_descriptors_is_waited_out() {
    log::set_logger(&COMPLAINTS).unwrap();
    log::set_max_level(LevelFilter::Warn);
    let (_, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(DESCRIPTORS, hard).unwrap();

    let (echo, _holds) = Echo::new();
    let server = serve(echo, Limits::default());
    let start = clock::now();
    let mut crowd = fill_up(server.address());
    eventually("the server runs out", || {
        COMPLAINTS.0.load(Ordering::SeqCst) > 0
    });
    // Long enough for a few more complaints, were they not held back. A descriptor that became free would end them.
    eventually("a second complaint", || {
        crowd.extend(fill_up(server.address()));
        COMPLAINTS.0.load(Ordering::SeqCst) > 1
    });
    let seconds = (clock::now() - start).as_secs() as usize;
    let lines = COMPLAINTS.0.load(Ordering::SeqCst);
    println!("{} connections, {lines} lines in {seconds} s", crowd.len());
    assert!(lines <= seconds + 2, "at most a line a second");

    crowd.truncate(4);
    client(server.address()).echo(b"recovered");
}

/// Connects until this process may open no more files; the server is in it too.
fn fill_up(address: SocketAddr) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    while let Ok(stream) = TcpStream::connect(address) {
        crowd.push(stream);
        assert!(
            crowd.len() < DESCRIPTORS as usize,
            "the limit does not hold"
        );
    }
    crowd
}
