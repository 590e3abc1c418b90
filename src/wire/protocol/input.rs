//! Reading: memory is taken as bytes arrive, and every count is held against what may still come.

use std::io::{self, Read};

use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TMessageIdentifier,
    TMessageType, TSetIdentifier, TStructIdentifier, TType,
};
use thrift::{ProtocolErrorKind, TransportErrorKind, new_protocol_error, new_transport_error};

use super::Limits;
use super::kinds::{kind_of, smallest};
use crate::wire::buffers;
use crate::wire::value::invalid;

/// Memory taken at once for bytes that are announced and not there yet.
const STEP: usize = 1 << 20;

/// Longest name of a method.
const NAME: usize = 256;

/// Reads strict binary messages from any reader; give it a buffered one.
///
/// After an error the reader stands somewhere within a message and is of no more use.
#[derive(Debug)]
pub struct BinaryInput<R> {
    reader: R,
    limits: Limits,
    /// Bytes the message at hand may still have.
    left: usize,
    depth: usize,
}

impl<R: Read> BinaryInput<R> {
    /// Reads from `reader` within `limits`.
    pub fn new(reader: R, limits: Limits) -> Self {
        BinaryInput {
            reader,
            limits,
            left: limits.message,
            depth: 0,
        }
    }

    /// Counts bytes that are about to be read against the message.
    fn spend(&mut self, count: usize) -> thrift::Result<()> {
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(too_long("a message", self.limits.message)),
        }
    }

    fn array<const N: usize>(&mut self) -> thrift::Result<[u8; N]> {
        self.spend(N)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(transport)?;
        Ok(bytes)
    }

    /// The length before a string or binary.
    fn length(&mut self, what: &str, limit: usize) -> thrift::Result<usize> {
        let announced = self.read_i32()?;
        let Ok(length) = usize::try_from(announced) else {
            return Err(negative(what, announced));
        };
        if length > limit {
            return Err(too_long(what, limit));
        }
        self.spend(length)?;
        Ok(length)
    }

    /// Takes `length` bytes. Memory that is used again would come in here, as `bytes`.
    fn fill(&mut self, mut bytes: Vec<u8>, length: usize) -> thrift::Result<Vec<u8>> {
        if bytes.is_empty() && length <= buffers::SIZE {
            bytes = buffers::take(length);
            self.reader.read_exact(&mut bytes).map_err(transport)?;
            return Ok(bytes);
        }
        while bytes.len() < length {
            let step = (length - bytes.len()).min(STEP);
            // Filling it with zeros is cheaper than what the standard library does without: it reads pieces that
            // double from 8 KiB on, since it cannot know that the reader looks at nothing.
            let have = bytes.len();
            bytes.reserve_exact(step);
            bytes.resize(have + step, 0);
            self.reader
                .read_exact(&mut bytes[have..])
                .map_err(transport)?;
        }
        Ok(bytes)
    }

    fn text(&mut self, what: &str, limit: usize) -> thrift::Result<String> {
        let length = self.length(what, limit)?;
        let bytes = self.fill(Vec::new(), length)?;
        String::from_utf8(bytes).map_err(|error| invalid(format!("{what}: {error}")))
    }

    fn kind(&mut self) -> thrift::Result<TType> {
        let [code] = self.array()?;
        kind_of(code).ok_or_else(|| invalid(format!("there is no type {code}")))
    }

    fn enter(&mut self) -> thrift::Result<()> {
        if self.depth == self.limits.depth {
            let message = format!("more than {} levels deep", self.limits.depth);
            return Err(new_protocol_error(ProtocolErrorKind::DepthLimit, message));
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// The count before a container, whose elements take at least `each` bytes.
    fn count(&mut self, each: usize) -> thrift::Result<i32> {
        let announced = self.read_i32()?;
        let Ok(count) = usize::try_from(announced) else {
            return Err(negative("a container", announced));
        };
        if count > self.limits.container || count.saturating_mul(each) > self.left {
            return Err(too_long("a container", self.limits.container));
        }
        self.enter()?;
        Ok(announced)
    }
}

impl<R: Read> TInputProtocol for BinaryInput<R> {
    fn read_message_begin(&mut self) -> thrift::Result<TMessageIdentifier> {
        self.left = self.limits.message;
        self.depth = 0;
        let [high, low, _, kind] = self.array()?;
        if [high, low] != [0x80, 0x01] {
            let message = format!("a message begins with {high:#04x} {low:#04x}, not 0x80 0x01");
            return Err(new_protocol_error(ProtocolErrorKind::BadVersion, message));
        }
        let message_type = TMessageType::try_from(kind)?;
        let name = self.text("the name of a method", NAME)?;
        let sequence_number = self.read_i32()?;
        Ok(TMessageIdentifier::new(name, message_type, sequence_number))
    }

    fn read_message_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }

    fn read_struct_begin(&mut self) -> thrift::Result<Option<TStructIdentifier>> {
        self.enter()?;
        Ok(None)
    }

    fn read_struct_end(&mut self) -> thrift::Result<()> {
        self.leave();
        Ok(())
    }

    fn read_field_begin(&mut self) -> thrift::Result<TFieldIdentifier> {
        let field_type = self.kind()?;
        let id = match field_type {
            TType::Stop => 0,
            _ => self.read_i16()?,
        };
        Ok(TFieldIdentifier {
            name: None,
            field_type,
            id: Some(id),
        })
    }

    fn read_field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }

    fn read_bool(&mut self) -> thrift::Result<bool> {
        match self.read_byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(invalid(format!("a bool is 0 or 1, not {other}"))),
        }
    }

    fn read_bytes(&mut self) -> thrift::Result<Vec<u8>> {
        let length = self.length("a binary", self.limits.binary)?;
        self.fill(Vec::new(), length)
    }

    fn read_i8(&mut self) -> thrift::Result<i8> {
        self.array().map(i8::from_be_bytes)
    }

    fn read_i16(&mut self) -> thrift::Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn read_i32(&mut self) -> thrift::Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn read_i64(&mut self) -> thrift::Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn read_double(&mut self) -> thrift::Result<f64> {
        self.array().map(f64::from_be_bytes)
    }

    fn read_uuid(&mut self) -> thrift::Result<uuid::Uuid> {
        self.array().map(uuid::Uuid::from_bytes)
    }

    fn read_string(&mut self) -> thrift::Result<String> {
        self.text("a string", self.limits.text)
    }

    fn read_list_begin(&mut self) -> thrift::Result<TListIdentifier> {
        let element_type = self.kind()?;
        let size = self.count(smallest(element_type))?;
        Ok(TListIdentifier { element_type, size })
    }

    fn read_list_end(&mut self) -> thrift::Result<()> {
        self.leave();
        Ok(())
    }

    fn read_set_begin(&mut self) -> thrift::Result<TSetIdentifier> {
        let element_type = self.kind()?;
        let size = self.count(smallest(element_type))?;
        Ok(TSetIdentifier { element_type, size })
    }

    fn read_set_end(&mut self) -> thrift::Result<()> {
        self.leave();
        Ok(())
    }

    fn read_map_begin(&mut self) -> thrift::Result<TMapIdentifier> {
        let (key, value) = (self.kind()?, self.kind()?);
        let size = self.count(smallest(key) + smallest(value))?;
        Ok(TMapIdentifier {
            key_type: Some(key),
            value_type: Some(value),
            size,
        })
    }

    fn read_map_end(&mut self) -> thrift::Result<()> {
        self.leave();
        Ok(())
    }

    fn skip_binary(&mut self) -> thrift::Result<()> {
        let length = self.length("a binary", self.limits.binary.max(self.limits.text))? as u64;
        let mut part = self.reader.by_ref().take(length);
        match io::copy(&mut part, &mut io::sink()).map_err(transport)? {
            skipped if skipped == length => Ok(()),
            _ => Err(transport(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn read_byte(&mut self) -> thrift::Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn min_serialized_size(&self, field_type: TType) -> usize {
        smallest(field_type)
    }
}

fn too_long(what: &str, limit: usize) -> thrift::Error {
    let message = format!("{what} is longer than it may be ({limit})");
    new_protocol_error(ProtocolErrorKind::SizeLimit, message)
}

fn negative(what: &str, length: i32) -> thrift::Error {
    let message = format!("{what} of length {length}");
    new_protocol_error(ProtocolErrorKind::NegativeSize, message)
}

/// The crate calls a read that timed out an unknown error on Unix, where it is "would block".
fn transport(error: io::Error) -> thrift::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            new_transport_error(TransportErrorKind::TimedOut, error.to_string())
        }
        _ => error.into(),
    }
}
