//! A relay between a caller and the program it calls, which breaks what passes in ways that are said beforehand.
//!
//! It takes the bytes apart into whole messages (they are Thrift, one after the other), so that "in the middle of
//! the third `train`" means the same in every run. Two threads serve a connection, one for each way.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Cursor, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::never;
use thrift::protocol::{TBinaryInputProtocol, TInputProtocol, TType};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Request,
    Reply,
}

/// A place in a message.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// So many twentieths of its length.
    Twentieths(usize),
    /// So many bytes from its start.
    FromStart(usize),
    /// So many bytes before its end.
    FromEnd(usize),
}

impl Place {
    fn of(self, length: usize) -> usize {
        match self {
            Place::Twentieths(share) => (length * share / 20).min(length),
            Place::FromStart(bytes) => bytes.min(length),
            Place::FromEnd(bytes) => length.saturating_sub(bytes),
        }
    }
}

/// What happens to a message.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection ends here.
    Cut(Place),
    /// Nothing of it comes from here on, and the connection stays.
    Truncate(Place),
    /// The bytes between two places come twice.
    Repeat(Place, Place),
    /// One bit of the byte here is the other one.
    Flip(Place, u8),
    /// From here on there is a byte, and then nothing for this long.
    Drip(Place, Duration),
}

/// What a connection is for, by the first call over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Greetings, heartbeats, cancellations.
    Pulse,
    /// All others.
    Work,
}

#[derive(Default)]
struct Rules {
    /// By method and way: what happens to the next messages, one each.
    faults: BTreeMap<(String, Way), VecDeque<Fault>>,
    /// So many messages pass unharmed after one that was harmed.
    spacing: usize,
    passing: BTreeMap<(String, Way), usize>,
    delay: Duration,
    /// Connections are taken on after up to this long, by chance.
    shuffle: Duration,
    held: Vec<(Purpose, Way)>,
    done: usize,
    connections: usize,
    messages: BTreeMap<String, usize>,
    streams: Vec<TcpStream>,
    stopped: bool,
}

struct Shared {
    upstream: SocketAddr,
    rules: Mutex<Rules>,
    bell: Condvar,
    chance: AtomicU64,
}

/// See the module. Ends when dropped.
pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Relay {
    /// A relay to this address, at a free port. What it does by chance depends on the seed alone.
    pub fn to(upstream: SocketAddr, seed: u64) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            upstream,
            rules: Mutex::default(),
            bell: Condvar::new(),
            chance: AtomicU64::new(seed),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            while let Ok((caller, _)) = listener.accept() {
                let mut rules = accepting.rules();
                if rules.stopped {
                    return;
                }
                rules.connections += 1;
                drop(rules);
                let shared = accepting.clone();
                thread::spawn(move || shared.take_on(caller));
            }
        });
        Relay { address, shared }
    }

    /// The next messages of this method and way are harmed, one for each fault.
    pub fn harm(&self, method: &str, way: Way, faults: impl IntoIterator<Item = Fault>) {
        let mut rules = self.shared.rules();
        let waiting = rules.faults.entry((method.to_owned(), way)).or_default();
        waiting.extend(faults);
    }

    /// So many messages of a kind pass unharmed between two that are harmed.
    pub fn spaced(self, messages: usize) -> Relay {
        self.shared.rules().spacing = messages;
        self
    }

    /// Every message comes this much later.
    pub fn late(self, delay: Duration) -> Relay {
        self.shared.rules().delay = delay;
        self
    }

    /// Connections reach the other side up to this much later, so in another order.
    pub fn shuffled(self, longest: Duration) -> Relay {
        self.shared.rules().shuffle = longest;
        self
    }

    /// From now on nothing goes this way over connections of this purpose; it waits.
    pub fn hold(&self, purpose: Purpose, way: Way) {
        self.shared.rules().held.push((purpose, way));
    }

    /// What was held goes on.
    pub fn release(&self) {
        self.shared.rules().held.clear();
        self.shared.bell.notify_all();
    }

    /// Faults that happened.
    pub fn done(&self) -> usize {
        self.shared.rules().done
    }

    /// Faults that wait for a message.
    pub fn waiting(&self) -> usize {
        self.shared.rules().faults.values().map(VecDeque::len).sum()
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.shared.rules().connections
    }

    /// Requests of this method that came.
    pub fn requests(&self, method: &str) -> usize {
        let rules = self.shared.rules();
        rules.messages.get(method).copied().unwrap_or(0)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut rules = self.shared.rules();
        rules.stopped = true;
        for stream in &rules.streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(rules);
        self.shared.bell.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_on(self: Arc<Self>, caller: TcpStream) {
        let longest = self.rules().shuffle;
        pause(longest.mul_f64(self.chance()));
        let Ok(called) = TcpStream::connect(self.upstream) else {
            return;
        };
        let _ = (caller.set_nodelay(true), called.set_nodelay(true));
        let copy = |stream: &TcpStream| stream.try_clone().expect("another handle");
        let mut rules = self.rules();
        rules.streams.extend([copy(&caller), copy(&called)]);
        if rules.stopped {
            return;
        }
        drop(rules);
        let purpose = Arc::new(Mutex::new(None));
        let there = Line {
            way: Way::Request,
            from: copy(&caller),
            to: copy(&called),
            purpose: purpose.clone(),
            shared: self.clone(),
        };
        let back = Line {
            way: Way::Reply,
            from: called,
            to: caller,
            purpose,
            shared: self,
        };
        thread::spawn(move || there.run());
        back.run();
    }

    /// From 0 to 1, by the seed (an additive sequence whose steps never repeat early).
    fn chance(&self) -> f64 {
        let step = 0x9E37_79B9_7F4A_7C15;
        let turn = self.chance.fetch_add(step, Ordering::Relaxed);
        (turn.wrapping_mul(step) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// What happens to this message, if anything.
    fn fate(&self, method: &str, way: Way) -> Option<Fault> {
        let mut rules = self.rules();
        let kind = (method.to_owned(), way);
        let passing = rules.passing.entry(kind.clone()).or_default();
        if *passing > 0 {
            *passing -= 1;
            return None;
        }
        let fault = rules.faults.get_mut(&kind)?.pop_front()?;
        let spacing = rules.spacing;
        rules.passing.insert(kind, spacing);
        rules.done += 1;
        Some(fault)
    }
}

/// One way of one connection.
struct Line {
    way: Way,
    from: TcpStream,
    to: TcpStream,
    purpose: Arc<Mutex<Option<Purpose>>>,
    shared: Arc<Shared>,
}

impl Line {
    fn run(mut self) {
        let mut come = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = self.from.read(&mut buffer).unwrap_or(0);
            come.extend_from_slice(&buffer[..read]);
            while let Some((length, method)) = first_message(&come) {
                let message: Vec<u8> = come.drain(..length).collect();
                if self.pass(&method, message).is_none() {
                    return self.end();
                }
            }
            if read == 0 {
                // What is no whole message passes as it is.
                let _ = self.to.write_all(&come);
                let _ = self.to.shutdown(Shutdown::Write);
                return;
            }
        }
    }

    fn end(&self) {
        let _ = self.from.shutdown(Shutdown::Both);
        let _ = self.to.shutdown(Shutdown::Both);
    }

    /// Passes a message on, in its way. None when the connection is over.
    fn pass(&mut self, method: &str, mut message: Vec<u8>) -> Option<()> {
        let purpose = self.purpose(method);
        let mut rules = self.shared.rules();
        if self.way == Way::Request {
            *rules.messages.entry(method.to_owned()).or_default() += 1;
        }
        while !rules.stopped && rules.held.contains(&(purpose, self.way)) {
            let waited = self.shared.bell.wait(rules);
            rules = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let delay = rules.delay;
        drop(rules);
        pause(delay);
        let length = message.len();
        match self.shared.fate(method, self.way) {
            None => self.to.write_all(&message).ok(),
            Some(Fault::Cut(at)) => {
                let _ = self.to.write_all(&message[..at.of(length)]);
                None
            }
            Some(Fault::Truncate(at)) => self.to.write_all(&message[..at.of(length)]).ok(),
            Some(Fault::Repeat(from, to)) => {
                let (from, to) = (from.of(length), to.of(length));
                self.to.write_all(&message[..to]).ok()?;
                self.to.write_all(&message[from..]).ok()
            }
            Some(Fault::Flip(at, bit)) => {
                message[at.of(length - 1)] ^= 1 << (bit % 8);
                self.to.write_all(&message).ok()
            }
            Some(Fault::Drip(at, interval)) => {
                let (soon, slow) = message.split_at(at.of(length));
                self.to.write_all(soon).ok()?;
                for byte in slow {
                    pause(interval);
                    self.to.write_all(&[*byte]).ok()?;
                    if self.shared.rules().stopped {
                        return None;
                    }
                }
                Some(())
            }
        }
    }

    fn purpose(&self, method: &str) -> Purpose {
        let mut purpose = self.purpose.lock().unwrap_or_else(PoisonError::into_inner);
        *purpose.get_or_insert(match method {
            "hello" | "heartbeat" | "cancel" => Purpose::Pulse,
            _ => Purpose::Work,
        })
    }
}

/// Length and method of the message at the start, if it is there as a whole.
fn first_message(bytes: &[u8]) -> Option<(usize, String)> {
    let mut cursor = Cursor::new(bytes);
    let mut input = TBinaryInputProtocol::new(&mut cursor, true);
    let header = input.read_message_begin().ok()?;
    input.skip(TType::Struct).ok()?;
    Some((usize::try_from(cursor.position()).ok()?, header.name))
}

fn pause(span: Duration) {
    if !span.is_zero() {
        let _ = never::<()>().recv_timeout(span);
    }
}

#[test]
fn a_relay_finds_where_messages_end() {
    use thrift::protocol::{TBinaryOutputProtocol, TOutputProtocol};
    use thrift::protocol::{TMessageIdentifier, TMessageType};
    let mut bytes = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut bytes, true);
    let header = TMessageIdentifier::new("train", TMessageType::Call, 7);
    output.write_message_begin(&header).expect("a header");
    // A structure without fields.
    output.write_byte(0).expect("an end");
    let length = bytes.len();
    assert!((0..length).all(|cut| first_message(&bytes[..cut]).is_none()));
    bytes.extend_from_slice(b"more");
    assert_eq!(first_message(&bytes), Some((length, "train".to_owned())));
}
