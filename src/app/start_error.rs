//! Why a program could not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// What went wrong at the start, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

impl StartError {
    /// A port that cannot be had.
    pub fn listening(address: SocketAddr, error: &io::Error) -> StartError {
        StartError(format!(
            "cannot listen on {address}: {error}; choose another port, or 0 for any free one"
        ))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
