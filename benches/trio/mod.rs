//! The programs as processes, for benchmarks: started on free ports, watched, ended.

#![allow(dead_code)] // each benchmark uses its own part

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use roundtable::app::dial;
use roundtable::clock;
use roundtable::net::Address;
use roundtable::wire::stubs::coordinator::NodesRequest;

/// A program that listens; ended when dropped.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts a program and waits until it says where it listens.
    pub fn start(program: &str, arguments: &[&str]) -> Process {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().trim_start_matches("listening on ");
        Process {
            address: address.parse().expect("an address"),
            child,
        }
    }

    /// A compute node.
    pub fn node(arguments: &[&str]) -> Process {
        let arguments = [&["0", "0"], arguments].concat();
        Process::start(env!("CARGO_BIN_EXE_compute_node"), &arguments)
    }

    /// A coordinator of these nodes, when all of them are up.
    pub fn coordinator(nodes: &[SocketAddr], arguments: &[&str]) -> Process {
        let mut list = tempfile::NamedTempFile::new().expect("a file");
        for node in nodes {
            writeln!(list, "{node}").expect("a line");
        }
        let path = list.path().to_str().expect("a name");
        let arguments = [&["0", "2", "--nodes", path], arguments].concat();
        let process = Process::start(env!("CARGO_BIN_EXE_coordinator"), &arguments);
        process.wait_for(nodes.len());
        process
    }

    /// Waits until so many nodes are up.
    fn wait_for(&self, nodes: usize) {
        let address = Address::from(self.address);
        let mut client = dial::coordinator(&address, Duration::from_secs(5)).expect("a connection");
        let end = clock::now() + Duration::from_secs(60);
        loop {
            let reply = client.call("nodes", end, |client| client.nodes(&NodesRequest {}));
            let known = reply.expect("the nodes").nodes;
            if known.iter().filter(|node| node.slots.is_some()).count() == nodes {
                return;
            }
            assert!(clock::now() < end, "nodes do not come up");
            std::thread::yield_now();
        }
    }

    /// Peak of resident memory in megabytes, and threads.
    pub fn footprint(&self) -> (f64, u64) {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let number = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key));
            let word = line.and_then(|line| line.split_whitespace().nth(1));
            word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
        };
        (number("VmHWM:") as f64 / 1024.0, number("Threads:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
