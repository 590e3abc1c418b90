//! Connecting: resolve a name and try each of its addresses, all within one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::address::Address;
use super::connection::Connection;
use super::error::{NetError, NetErrorKind};
use crate::clock;

/// The thread that resolves a name needs little more than the resolver's buffers.
const RESOLVER_STACK: usize = 256 << 10;

/// Connects to `address` within `timeout`, which covers resolving the name and trying all the
/// addresses it stands for; each gets its share of the time that is left.
pub fn connect(address: &Address, timeout: Duration) -> Result<Connection, NetError> {
    let start = clock::now();
    let deadline = start + timeout;
    let fail = |kind, detail| NetError {
        kind,
        peer: address.to_string(),
        action: "connecting".to_string(),
        after: clock::now().saturating_duration_since(start),
        detail,
    };
    let candidates = resolve(address, deadline).map_err(|(kind, detail)| fail(kind, detail))?;
    let (stream, peer) = try_each(&candidates, deadline).map_err(|error| {
        let kind = NetErrorKind::of_io(&error);
        fail(
            kind,
            (kind == NetErrorKind::Other).then(|| error.to_string()),
        )
    })?;
    Connection::over(stream, peer, address.to_string())
        .map_err(|error| fail(NetErrorKind::of_io(&error), Some(error.to_string())))
}

type Unresolved = (NetErrorKind, Option<String>);

/// The system's resolver knows no deadline, so it runs on a thread of its own; one that does not
/// return in time is left behind. Numbers need no resolver.
fn resolve(address: &Address, deadline: Instant) -> Result<Vec<SocketAddr>, Unresolved> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    let (found, answer) = mpsc::sync_channel(1);
    let (host, port) = (address.host.clone(), address.port);
    let look_up = move || {
        let _ = found.send((host.as_str(), port).to_socket_addrs().map(Vec::from_iter));
    };
    let resolver = thread::Builder::new()
        .name("resolve".into())
        .stack_size(RESOLVER_STACK);
    resolver
        .spawn(look_up)
        .map_err(|error| (NetErrorKind::Other, Some(error.to_string())))?;
    match answer.recv_timeout(deadline.saturating_duration_since(clock::now())) {
        Ok(Ok(found)) if found.is_empty() => Err((NetErrorKind::UnknownHost, None)),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err((NetErrorKind::UnknownHost, Some(error.to_string()))),
        Err(RecvTimeoutError::Timeout) => Err((
            NetErrorKind::TimedOut,
            Some("the name did not resolve in time".into()),
        )),
        Err(RecvTimeoutError::Disconnected) => {
            Err((NetErrorKind::Other, Some("the resolver broke down".into())))
        }
    }
}

/// Tries the addresses in order. The error is that of the last one tried.
fn try_each(candidates: &[SocketAddr], deadline: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for (tried, candidate) in candidates.iter().enumerate() {
        let left = deadline.saturating_duration_since(clock::now());
        let share = left / u32::try_from(candidates.len() - tried).unwrap_or(u32::MAX);
        if share.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(candidate, share) {
            Ok(stream) => return Ok((stream, *candidate)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
