//! The reading protocol: limits, slow and silent readers, large binaries.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use roundtable::wire::protocol::{BinaryInput, Limits, output};
use roundtable::wire::value::Value;
use thrift::protocol::{TInputProtocol, TOutputProtocol, TType};
use thrift::{ProtocolErrorKind, TransportErrorKind};

/// Gives one byte at a time, is interrupted before each, and fails at the end if told so.
struct Dribble<'a> {
    bytes: &'a [u8],
    interrupted: bool,
    end: Option<io::ErrorKind>,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.end {
            Some(end) if self.bytes.is_empty() => Err(end.into()),
            _ => self.bytes.read(&mut buffer[..1]),
        }
    }
}

fn dribble(bytes: &[u8], end: Option<io::ErrorKind>) -> BinaryInput<Dribble<'_>> {
    let reader = Dribble {
        bytes,
        interrupted: false,
        end,
    };
    BinaryInput::new(reader, Limits::default())
}

#[test]
fn slow_readers_give_the_same() {
    let read = String::read(&mut dribble(b"\0\0\0\x04abcd", None)).unwrap();
    assert_eq!(read, "abcd");
    dribble(b"\0\0\0\x04abcd", None)
        .skip(TType::String)
        .unwrap();
}

#[test]
fn silence_is_a_timeout_and_an_end_is_an_end() {
    let ends = [
        (
            Some(io::ErrorKind::WouldBlock),
            TransportErrorKind::TimedOut,
        ),
        (Some(io::ErrorKind::TimedOut), TransportErrorKind::TimedOut),
        (
            Some(io::ErrorKind::ConnectionReset),
            TransportErrorKind::NotOpen,
        ),
        (None, TransportErrorKind::EndOfFile),
    ];
    for (end, kind) in ends {
        for cut in 0..8 {
            let bytes = &b"\0\0\0\x04abcd"[..cut];
            let error = String::read(&mut dribble(bytes, end)).unwrap_err();
            assert!(
                matches!(&error, thrift::Error::Transport(e) if e.kind == kind),
                "{error:?}"
            );
            let error = dribble(bytes, end).skip(TType::String).unwrap_err();
            assert!(
                matches!(&error, thrift::Error::Transport(e) if e.kind == kind),
                "{error:?}"
            );
        }
    }
}

#[test]
fn limits_hold() {
    let read = |bytes: &[u8], limits: Limits| {
        let error = String::read(&mut BinaryInput::new(bytes, limits)).unwrap_err();
        match error {
            thrift::Error::Protocol(error) => error.kind,
            other => panic!("{other:?}"),
        }
    };
    let small = Limits {
        text: 3,
        ..Limits::default()
    };
    assert_eq!(read(b"\0\0\0\x04abcd", small), ProtocolErrorKind::SizeLimit);
    let small = Limits {
        message: 7,
        ..Limits::default()
    };
    assert_eq!(read(b"\0\0\0\x04abcd", small), ProtocolErrorKind::SizeLimit);
    assert_eq!(
        read(b"\xff\xff\xff\xff", Limits::default()),
        ProtocolErrorKind::NegativeSize
    );
    assert_eq!(
        read(b"\0\0\0\x01\xff", Limits::default()),
        ProtocolErrorKind::InvalidData
    );
}

#[test]
fn large_binaries_come_whole() {
    let data: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    let bytes = Bytes::from(data.clone());
    let mut written = output(Vec::new());
    bytes.write(&mut written).unwrap();
    written.flush().unwrap();
    let written = written.transport.into_inner().unwrap();
    let mut input = BinaryInput::new(BufReader::new(written.as_slice()), Limits::default());
    assert!(Bytes::read(&mut input).unwrap() == data);
    let mut input = BinaryInput::new(&written[..written.len() - 1], Limits::default());
    assert!(Bytes::read(&mut input).is_err());
}
