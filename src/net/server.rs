//! The server: an accept loop with an end, one thread a connection.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::conversation::converse;
use super::ending::Obituary;
use super::limits::Limits;
use super::registry::{Refusal, Registry};
use super::service::Service;
use super::slot::{Counts, Slot};
use super::throttle::Throttle;
use crate::clock;

/// Connections that may wait to be accepted. With the usual 128, a thousand nodes that connect at
/// once meet dropped packets and seconds of retries.
const BACKLOG: i32 = 4_096;

/// How long to wait before asking again after a failed accept, unless a connection ends first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Opens a listening socket with a long backlog. Port 0 lets the system choose; an IPv6 address
/// serves that family, and IPv4 too where the system maps it.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Otherwise a restarted server has to wait until its old connections are forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A running server. Dropping it stops it without grace.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    registry: Arc<Registry>,
    accepting: Mutex<Option<Accepting>>,
}

#[derive(Debug)]
struct Accepting {
    listener: Arc<TcpListener>,
    thread: JoinHandle<()>,
}

/// What became of the calls under way when a server was stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Calls that were answered within the grace.
    pub finished: usize,
    /// Calls whose connection was closed on them.
    pub cut: usize,
}

impl Server {
    /// Serves `service` on `listener` until stopped or dropped. Where the process may open fewer files than there
    /// may be connections, there are fewer connections.
    pub fn start(
        listener: TcpListener,
        limits: Limits,
        service: impl Service,
    ) -> io::Result<Server> {
        let obituary = Obituary::default();
        Server::attending(listener, limits, move |registry, slot| {
            converse(&service, registry, slot, &obituary);
        })
    }

    /// The same for whatever is to be done with each connection, on its own thread.
    pub(super) fn attending<A>(
        listener: TcpListener,
        limits: Limits,
        attend: A,
    ) -> io::Result<Server>
    where
        A: Fn(&Registry, &Arc<Slot>) + Send + Sync + 'static,
    {
        let address = listener.local_addr()?;
        let registry = Arc::new(Registry::new(limits.within(files())));
        let listener = Arc::new(listener);
        let acceptor = Arc::new(Acceptor {
            registry: registry.clone(),
            attend,
            complaints: Throttle::default(),
        });
        let accepted = listener.clone();
        let thread = thread::Builder::new()
            .name(format!("accept-{}", address.port()))
            .spawn(move || acceptor.run(&accepted))?;
        let accepting = Mutex::new(Some(Accepting { listener, thread }));
        Ok(Server {
            address,
            registry,
            accepting,
        })
    }

    /// Where it listens, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.registry.counts()
    }

    /// Asks for the same from elsewhere, also after the server has ended.
    pub fn counter(&self) -> impl Fn() -> Counts + Send + Sync + 'static {
        let registry = self.registry.clone();
        move || registry.counts()
    }

    /// Accepts no more, closes idle connections at once, gives calls under way `grace` to finish
    /// and answer, then closes theirs too. A handler that runs on beyond that is not waited for.
    /// Stopping a stopped server does nothing.
    pub fn stop(&self, grace: Duration) -> Stopped {
        let deadline = clock::now() + grace;
        self.registry.begin_stop();
        let accepting = self
            .accepting
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .take();
        let Some(Accepting { listener, thread }) = accepting else {
            return Stopped::default();
        };
        wake(&listener, self.address);
        let _ = thread.join();
        drop(listener);
        let (finished, cut) = self.registry.drain(deadline);
        Stopped { finished, cut }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// How many files this process may open.
fn files() -> usize {
    let allowed = rlimit::Resource::NOFILE.get_soft();
    allowed.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

/// Gets the accept loop out of its wait. Linux ends an accept when the listener is shut down;
/// elsewhere it takes one more connection.
fn wake(listener: &TcpListener, address: SocketAddr) {
    if SockRef::from(listener).shutdown(Shutdown::Both).is_ok() {
        return;
    }
    let mut target = address;
    if target.ip().is_unspecified() {
        target.set_ip(match target {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let _ = TcpStream::connect_timeout(&target, Duration::from_secs(1));
}

struct Acceptor<A> {
    registry: Arc<Registry>,
    attend: A,
    complaints: Throttle,
}

impl<A: Fn(&Registry, &Arc<Slot>) + Send + Sync + 'static> Acceptor<A> {
    fn run(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.registry.is_stopping() {
                return;
            }
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => self.wait_out(&error),
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Without it, a reply can wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        match self.registry.admit(stream, peer) {
            Ok(slot) => self.spawn(slot),
            Err(Refusal::Stopping) => {}
            Err(refusal) => self.complain(|| format!("turned {peer} away: {}", reason(refusal))),
        }
    }

    fn spawn(self: &Arc<Self>, slot: Arc<Slot>) {
        let this = self.clone();
        let its_slot = slot.clone();
        let spawned = thread::Builder::new()
            .name(format!("peer-{}", slot.peer.connection))
            .stack_size(self.registry.limits().stack)
            .spawn(move || {
                (this.attend)(&this.registry, &its_slot);
                this.registry.release(its_slot);
            });
        if let Err(error) = spawned {
            self.complain(|| format!("no thread for {}: {error}", slot.peer.address));
            self.registry.count(|counts| counts.refused += 1);
            self.registry.release(slot);
        }
    }

    /// A peer that gave up while it waited is its own affair; anything else, such as too many
    /// open files, lasts a while, and asking again at once would only burn the processor.
    fn wait_out(&self, error: &io::Error) {
        if matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::Interrupted
        ) {
            return;
        }
        self.complain(|| format!("cannot accept connections: {error}"));
        self.registry.wait_for_change(ACCEPT_PAUSE);
    }

    fn complain(&self, line: impl FnOnce() -> String) {
        if let Some(more) = self.complaints.permit() {
            log::warn!("{}{more}", line());
        }
    }
}

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "all connections are in use",
        Refusal::AddressFull => "its address has all the connections it may have in use",
        Refusal::Stopping => "stopping",
    }
}
