//! What the system tells of a process: memory, threads, open files.

use std::fs;

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    pub threads: usize,
    pub files: usize,
    /// Resident memory in kilobytes.
    pub resident: u64,
}

impl Holds {
    /// What the process of this id holds now.
    pub fn of(pid: &str) -> Holds {
        let count = |what| fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count);
        Holds {
            threads: count("task"),
            files: count("fd"),
            resident: kilobytes(pid, "VmRSS:"),
        }
    }

    pub fn megabytes(&self) -> f64 {
        self.resident as f64 / 1024.0
    }
}

/// The most memory a process ever had resident, in megabytes.
pub fn peak_megabytes(pid: &str) -> f64 {
    kilobytes(pid, "VmHWM:") as f64 / 1024.0
}

fn kilobytes(pid: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}
