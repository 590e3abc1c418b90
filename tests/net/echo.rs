//! A service written by hand on the crate's protocols, and clients for it.
//!
//! `echo` answers what it was sent, `hold` does so once the test lets it, `panic` panics.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use roundtable::clock;
use roundtable::net::{
    CallError, Connection, Control, Limits, Peer, Reader, ReplyWriter, RequestReader, Server,
    Writer, connect, listen,
};
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol,
    TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};
use thrift::server::TProcessor;
use thrift::transport::{TFramedReadTransport, TFramedWriteTransport};

/// Far longer than anything here takes, so that only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Echo {
    entered: Sender<()>,
    gate: Receiver<()>,
}

/// The test's side of `hold`: hears of each call that arrives, and lets them go.
pub struct Holds {
    pub entered: Receiver<()>,
    pub gate: Sender<()>,
}

impl Echo {
    pub fn new() -> (Arc<Echo>, Holds) {
        let (entered, has_entered) = unbounded();
        let (open, gate) = unbounded();
        (
            Arc::new(Echo { entered, gate }),
            Holds {
                entered: has_entered,
                gate: open,
            },
        )
    }
}

impl TProcessor for Echo {
    fn process(
        &self,
        input: &mut dyn TInputProtocol,
        output: &mut dyn TOutputProtocol,
    ) -> thrift::Result<()> {
        let message = input.read_message_begin()?;
        let payload = read_struct(input)?;
        input.read_message_end()?;
        match message.name.as_str() {
            "hold" => {
                self.entered.send(()).expect("the test listens");
                // Closed is open: a test that ends lets its calls go.
                let _ = self.gate.recv();
            }
            "panic" => panic!("as asked"),
            _ => {}
        }
        write_message(output, &message.name, TMessageType::Reply, &payload)
    }
}

fn read_struct(input: &mut dyn TInputProtocol) -> thrift::Result<Vec<u8>> {
    let mut payload = Vec::new();
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        match field.field_type {
            TType::Stop => break,
            TType::String => payload = input.read_bytes()?,
            other => input.skip(other)?,
        }
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    Ok(payload)
}

fn write_message(
    output: &mut dyn TOutputProtocol,
    method: &str,
    kind: TMessageType,
    payload: &[u8],
) -> thrift::Result<()> {
    output.write_message_begin(&TMessageIdentifier::new(method, kind, 1))?;
    output.write_struct_begin(&TStructIdentifier::new("payload"))?;
    output.write_field_begin(&TFieldIdentifier::new("bytes", TType::String, 1))?;
    output.write_bytes(payload)?;
    output.write_field_end()?;
    output.write_field_stop()?;
    output.write_struct_end()?;
    output.write_message_end()?;
    output.flush()
}

/// Serves `processor` on a port of the system's choice.
pub fn serve(processor: Arc<Echo>, limits: Limits) -> Server {
    serve_at("127.0.0.1:0".parse().unwrap(), processor, limits)
}

pub fn serve_at(address: SocketAddr, processor: Arc<Echo>, limits: Limits) -> Server {
    let service = move |_: Peer| {
        let processor = processor.clone();
        move |request: &mut RequestReader, reply: &mut ReplyWriter| {
            let mut input = TBinaryInputProtocol::new(request, true);
            let mut output = TBinaryOutputProtocol::new(reply, true);
            processor.process(&mut input, &mut output)
        }
    };
    Server::start(listen(address).unwrap(), limits, service).unwrap()
}

/// A client, its wrapping hidden in the transports.
pub struct Client<R: Read = Reader, W: Write = Writer> {
    input: TBinaryInputProtocol<R>,
    output: TBinaryOutputProtocol<W>,
    pub control: Control,
}

pub fn client(address: SocketAddr) -> Client {
    let Connection {
        reader,
        writer,
        control,
    } = connect(&address.into(), PATIENCE).unwrap();
    Client {
        input: TBinaryInputProtocol::new(reader, true),
        output: TBinaryOutputProtocol::new(writer, true),
        control,
    }
}

pub type Framed = Client<TFramedReadTransport<Reader>, TFramedWriteTransport<Writer>>;

pub fn framed_client(address: SocketAddr) -> Framed {
    let Connection {
        reader,
        writer,
        control,
    } = connect(&address.into(), PATIENCE).unwrap();
    Client {
        input: TBinaryInputProtocol::new(TFramedReadTransport::new(reader), true),
        output: TBinaryOutputProtocol::new(TFramedWriteTransport::new(writer), true),
        control,
    }
}

impl<R: Read, W: Write> Client<R, W> {
    pub fn call(&mut self, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
        self.call_within(PATIENCE, method, payload)
    }

    pub fn call_within(
        &mut self,
        limit: Duration,
        method: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, CallError> {
        let Client {
            input,
            output,
            control,
        } = self;
        control.call(method, clock::now() + limit, || {
            write_message(output, method, TMessageType::Call, payload)?;
            input.read_message_begin()?;
            let answer = read_struct(input)?;
            input.read_message_end()?;
            Ok(answer)
        })
    }

    pub fn echo(&mut self, payload: &[u8]) {
        assert!(
            self.call("echo", payload).unwrap() == payload,
            "the echo differs"
        );
    }
}

/// The bytes of a call, for peers that misbehave with them.
pub fn request(method: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut bytes, true);
    write_message(&mut output, method, TMessageType::Call, payload).unwrap();
    bytes
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

/// A peer that speaks for itself, and does not wait for ever.
pub fn raw_peer(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the server has closed the connection; false if it does not.
pub fn is_closed_by_server(stream: &mut TcpStream) -> bool {
    use std::io::ErrorKind;
    let mut waste = [0; 4096];
    loop {
        match stream.read(&mut waste) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                let kind = error.kind();
                return !matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
            }
        }
    }
}

/// Waits until `condition` holds; fails the test if it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = clock::now() + PATIENCE;
    while !condition() {
        assert!(clock::now() < deadline, "never came true: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
