//! What the programs have in common at the terminal: how they log, fail and announce themselves.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use super::StartError;
use super::logs::{self, LogOptions};
use super::signals::Ending;

/// Something went wrong while doing what was asked.
pub const FAILED: u8 = 1;
/// What was asked cannot be done by anyone.
pub const WRONG_USAGE: u8 = 2;

/// Says what went wrong and, if there is one, what to do about it.
fn fail(error: impl Display, hint: Option<&str>) -> ExitCode {
    let mut stderr = io::stderr().lock();
    // Nobody is left to be told when this fails.
    let _ = writeln!(stderr, "error: {error}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
    ExitCode::from(FAILED)
}

/// Tells whoever started the program where it listens, and what else is to be known.
///
/// # Errors
/// When the lines cannot be written; a reader that has gone is no error.
fn announce(address: SocketAddr, more: Option<String>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let lines = [Some(format!("listening on {address}")), more];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    let said = writeln!(stdout, "{}", lines.join("\n")).and_then(|()| stdout.flush());
    match said {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

/// Runs a program that serves until a signal comes: starts it, says where it listens and what else there is to say,
/// stops it.
pub fn serve<S>(
    bind: IpAddr,
    log: LogOptions,
    start: impl FnOnce() -> Result<S, StartError>,
    address: impl FnOnce(&S) -> (SocketAddr, Option<String>),
    stop: impl FnOnce(&S),
) -> ExitCode {
    logs::start("info", log.log_format);
    allow_many_files();
    let ending = match Ending::catch() {
        Ok(ending) => ending,
        Err(error) => return fail(format!("cannot catch signals: {error}"), None),
    };
    warn_if_open(bind);
    let server = match start() {
        Ok(server) => server,
        Err(error) => return fail(error, None),
    };
    let (address, more) = address(&server);
    if let Err(error) = announce(address, more) {
        return fail(format!("cannot write to the terminal: {error}"), None);
    }
    ending.wait();
    stop(&server);
    ExitCode::SUCCESS
}

/// Open files asked for; the system may allow fewer.
const FILES: u64 = 65_536;

/// Every connection is an open file, and systems start programs with leave for few: they have to ask for more.
fn allow_many_files() {
    match rlimit::increase_nofile_limit(FILES) {
        Ok(allowed) => log::debug!("{allowed} files may be open at once"),
        Err(error) => log::debug!("cannot ask for more open files: {error}"),
    }
}

/// Warns when other machines may reach a program that trusts whoever calls.
fn warn_if_open(bind: IpAddr) {
    if !bind.is_loopback() {
        log::warn!("listening on {bind}: whoever reaches this port can use it");
    }
}

/// Reads a span of time: `3`, `0.5`, `3s`, `500ms`, `2m`. Without a unit: seconds.
///
/// # Errors
/// When it is not one, or longer than a year.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not one of ms, s, m, h")),
    };
    let seconds = number
        .trim()
        .parse::<f64>()
        .map_err(|_| format!("`{text}` is not a span of time such as 3, 0.5s or 500ms"))?
        * factor;
    if !(0.0..=31_536_000.0).contains(&seconds) {
        return Err(format!("`{text}` is not between 0 and a year"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_with_and_without_units() {
        for (text, millis) in [("3", 3000), ("0.5", 500), ("500ms", 500), (" 2m ", 120_000)] {
            assert_eq!(parse_span(text).unwrap().as_millis(), millis, "{text}");
        }
        for text in ["", "x", "3 days", "-1", "nan", "1e30"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
