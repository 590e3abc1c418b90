//! One connection served on the calling thread, as a server serves each of its own.

use std::net::{SocketAddr, TcpStream};

use super::conversation::converse;
use super::ending::Obituary;
use super::limits::Limits;
use super::registry::Registry;
use super::service::Service;
use super::slot::Counts;

/// Serves a connection that came from elsewhere (handed over by a parent process, or by a test
/// that needs no listener) to its end, and says what was counted meanwhile.
pub fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    service: &impl Service,
) -> Counts {
    let registry = Registry::new(limits);
    if let Ok(slot) = registry.admit(stream, peer) {
        converse(service, &registry, &slot, &Obituary::default());
        registry.release(slot);
    }
    registry.counts()
}
