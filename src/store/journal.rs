//! The journal of a run: a line a record, with a checksum before it, so that a person can read it and a torn or
//! damaged line is noticed.
//!
//! ```text
//! roundtable-journal 1
//! 5f3a1c02 {"number":1,"accepted":{...}}
//! 9b04e7d1 {"number":2,"round":{...}}
//! ```
//!
//! The checksum is the CRC-32 of the JSON, in hexadecimal.

use super::record::Record;

/// Version of the format.
const VERSION: u32 = 1;
const NAME: &str = "roundtable-journal";

/// The first line of a journal.
pub(super) fn heading() -> String {
    format!("{NAME} {VERSION}\n")
}

/// The line of a record.
pub fn encode(record: &Record) -> String {
    let json = record.to_json();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The records that are whole, in order; their numbers ascend.
    pub records: Vec<Record>,
    /// Lines that are not.
    pub damage: Vec<Damage>,
    /// Bytes up to the end of the last whole line: what follows is the torn tail of a write that nobody was told of.
    pub length: usize,
}

/// A line that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a journal. Damaged lines are named and stepped over.
///
/// # Errors
/// When it is of a version that this program does not know.
pub fn read(bytes: &[u8]) -> Result<Found, String> {
    let mut found = Found::default();
    let mut rest = bytes;
    for number in 1.. {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            break;
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        found.length += end + 1;
        let read = if number == 1 {
            check_heading(line)?
        } else {
            let last = found.records.last().map_or(0, |record| record.number);
            decode(line, last).map(|record| found.records.push(record))
        };
        if let Err(reason) = read {
            let line = number;
            found.damage.push(Damage { line, reason });
        }
    }
    if !rest.is_empty() {
        let line = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let reason = format!("torn off after {} bytes", rest.len());
        found.damage.push(Damage { line, reason });
    }
    Ok(found)
}

/// The outer error is final: nothing after the heading of another version can be trusted to mean what it says.
fn check_heading(line: &[u8]) -> Result<Result<(), String>, String> {
    let text = String::from_utf8_lossy(line);
    let version = text
        .strip_prefix(NAME)
        .and_then(|rest| rest.trim().parse::<u32>().ok());
    match version {
        Some(VERSION) => Ok(Ok(())),
        Some(other) => Err(format!(
            "it has version {other} of the format, this program knows version {VERSION}; use the program that wrote it"
        )),
        None => Ok(Err("it does not say what it is".to_owned())),
    }
}

fn decode(line: &[u8], last: u64) -> Result<Record, String> {
    let (sum, json) = line
        .split_at_checked(9)
        .ok_or("it is too short for a checksum")?;
    if sum != format!("{:08x} ", crc32fast::hash(json)).as_bytes() {
        return Err("its checksum is another".to_owned());
    }
    let json = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let record = Record::from_json(json)?;
    if record.number <= last {
        return Err(format!("record {} comes after {last}", record.number));
    }
    Ok(record)
}
