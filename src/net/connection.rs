//! The client's side of a connection: two halves to build protocols upon, and a handle that
//! sets deadlines, tells failures, and closes from any thread.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::buffer::GrowingReader;
use super::deadline::Armed;
use super::error::{CallError, NetError, NetErrorKind};
use crate::clock;

/// Larger writes go past the buffer.
const BUFFER: usize = 64 << 10;

/// The incoming half of a connection.
pub type Reader = GrowingReader<Inward>;

/// The outgoing half of a connection.
pub type Writer = BufWriter<Outward>;

/// A connection to a server. Take it apart: the halves go into the protocols of a client, the
/// control stays with whoever calls.
///
/// ```no_run
/// # use roundtable::net::{Connection, connect};
/// # use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};
/// # fn ask(_: &mut TBinaryInputProtocol<roundtable::net::Reader>, _: &mut TBinaryOutputProtocol<roundtable::net::Writer>) -> thrift::Result<()> { Ok(()) }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (timeout, deadline) = (std::time::Duration::from_secs(2), roundtable::clock::now());
/// let Connection { reader, writer, control } = connect(&"10.0.0.7:5106".parse()?, timeout)?;
/// let mut input = TBinaryInputProtocol::new(reader, true);
/// let mut output = TBinaryOutputProtocol::new(writer, true);
/// let answer = control.call("train", deadline, || ask(&mut input, &mut output))?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    /// What the server says.
    pub reader: Reader,
    /// What is said to the server.
    pub writer: Writer,
    /// Deadlines, failures, and the end.
    pub control: Control,
}

impl Connection {
    pub(super) fn over(
        stream: TcpStream,
        peer: SocketAddr,
        name: String,
    ) -> io::Result<Connection> {
        // Otherwise a small request can wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let state = Mutex::new(State {
            deadline: None,
            failure: None,
        });
        let link = Arc::new(Link {
            stream,
            peer,
            name,
            state,
        });
        Ok(Connection {
            reader: GrowingReader::new(Inward(Half::new(&link))),
            writer: BufWriter::with_capacity(BUFFER, Outward(Half::new(&link))),
            control: Control(link),
        })
    }
}

/// A handle on a connection, usable from any thread and cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(Arc<Link>);

impl Control {
    /// The address the connection leads to.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// One moment until which everything that follows has to be through, until set anew. `None`
    /// waits for ever. Passing it ends the connection.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.0.lock().deadline = deadline;
    }

    /// Whether the connection may be used for another call.
    pub fn is_usable(&self) -> bool {
        self.0.lock().failure.is_none()
    }

    /// Closes the connection. A call blocked on it, on whatever thread, fails with
    /// [`NetErrorKind::Aborted`].
    pub fn close(&self) {
        self.0.fail(NetErrorKind::Aborted);
    }

    /// Makes one call, written and answered by `call`, by `deadline`.
    ///
    /// Any failure but an answer leaves bytes of unknown meaning on the connection, so it is
    /// closed then, and all further use refused. `action` names the call in the error.
    pub fn call<T>(
        &self,
        action: &str,
        deadline: Instant,
        call: impl FnOnce() -> thrift::Result<T>,
    ) -> Result<T, CallError> {
        let start = clock::now();
        self.set_deadline(Some(deadline));
        let error = match call() {
            Ok(answer) => {
                self.set_deadline(None);
                return Ok(answer);
            }
            Err(error) => error,
        };
        let Some(kind) = NetErrorKind::of_thrift(&error) else {
            self.set_deadline(None);
            return Err(CallError::Answer(error));
        };
        // What the socket said is more exact than what Thrift made of it.
        let kind = self.0.fail(kind);
        Err(CallError::Net(NetError {
            kind,
            peer: self.0.name.clone(),
            action: action.to_string(),
            after: clock::now().saturating_duration_since(start),
            detail: detail(kind, &error),
        }))
    }
}

fn detail(kind: NetErrorKind, error: &thrift::Error) -> Option<String> {
    match (kind, error) {
        (NetErrorKind::Other | NetErrorKind::Garbled, thrift::Error::Transport(error)) => {
            Some(error.message.clone())
        }
        (NetErrorKind::Other | NetErrorKind::Garbled, thrift::Error::Protocol(error)) => {
            Some(error.message.clone())
        }
        _ => None,
    }
}

/// What the halves and the controls share.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    peer: SocketAddr,
    name: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    deadline: Option<Instant>,
    failure: Option<NetErrorKind>,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Puts the connection out of use; returns why it first was.
    fn fail(&self, kind: NetErrorKind) -> NetErrorKind {
        let mut state = self.lock();
        if let Some(first) = state.failure {
            return first;
        }
        state.failure = Some(kind);
        // An error means the peer was faster.
        let _ = self.stream.shutdown(Shutdown::Both);
        kind
    }

    /// The deadline, unless the connection is out of use.
    fn deadline(&self) -> io::Result<Option<Instant>> {
        let state = self.lock();
        match state.failure {
            None => Ok(state.deadline),
            Some(kind) => Err(refusal(kind)),
        }
    }

    /// Remembers a failure, and puts the first one in place of what followed from it.
    fn note(&self, result: io::Result<usize>, end: Option<NetErrorKind>) -> io::Result<usize> {
        let seen = match &result {
            Ok(0) => end,
            Ok(_) => None,
            Err(error) => Some(NetErrorKind::of_io(error)),
        };
        match seen.map(|seen| (seen, self.fail(seen))) {
            Some((seen, first)) if first != seen => Err(refusal(first)),
            _ => result,
        }
    }
}

fn refusal(kind: NetErrorKind) -> io::Error {
    let kind = match kind {
        NetErrorKind::TimedOut => ErrorKind::TimedOut,
        NetErrorKind::Aborted => ErrorKind::ConnectionAborted,
        NetErrorKind::Closed => ErrorKind::UnexpectedEof,
        NetErrorKind::Garbled => ErrorKind::InvalidData,
        _ => ErrorKind::ConnectionReset,
    };
    io::Error::new(
        kind,
        "this connection has failed and takes no further calls",
    )
}

#[derive(Debug)]
struct Half {
    link: Arc<Link>,
    armed: Armed,
}

impl Half {
    fn new(link: &Arc<Link>) -> Half {
        Half {
            link: link.clone(),
            armed: Armed::default(),
        }
    }
}

/// Reads from the socket by the connection's deadline.
#[derive(Debug)]
pub struct Inward(Half);

impl Read for Inward {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let Half { link, armed } = &mut self.0;
        let deadline = link.deadline()?;
        let mut stream = &link.stream;
        let arm = |timeout| stream.set_read_timeout(timeout);
        let result = armed.until(deadline, arm, || stream.read(into));
        link.note(result, Some(NetErrorKind::Closed))
    }
}

/// Writes to the socket by the connection's deadline.
#[derive(Debug)]
pub struct Outward(Half);

impl Write for Outward {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Half { link, armed } = &mut self.0;
        let deadline = link.deadline()?;
        let mut stream = &link.stream;
        let arm = |timeout| stream.set_write_timeout(timeout);
        let result = armed.until(deadline, arm, || stream.write(bytes));
        link.note(result, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
