//! How values travel: what the generated stubs have in common.
//!
//! Reading believes nothing: a known field of another wire type is an error (other stubs take an
//! i64 for an i32 and are out of step from there on), unknown fields are skipped, and the count of a
//! container is never reserved, only counted down.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TOutputProtocol,
    TSetIdentifier, TStructIdentifier, TType,
};
use thrift::{ProtocolErrorKind, new_protocol_error};

use super::buffers;

/// Bytes reserved for a container before its elements are there.
const FIRST_RESERVE: usize = 4096;

/// Something that can be a field or an element.
pub trait Value: Sized {
    /// Its type on the wire.
    const TYPE: TType;

    /// Reads one.
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self>;

    /// Writes it.
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()>;
}

/// Reads a struct: `field` is called with the id and wire type of each field and must consume it.
pub fn read_struct(
    input: &mut dyn TInputProtocol,
    mut field: impl FnMut(&mut dyn TInputProtocol, i16, TType) -> thrift::Result<()>,
) -> thrift::Result<()> {
    input.read_struct_begin()?;
    loop {
        let header = input.read_field_begin()?;
        if header.field_type == TType::Stop {
            return input.read_struct_end();
        }
        // Ids start at 1, so a header without one matches nothing and is skipped.
        field(input, header.id.unwrap_or(0), header.field_type)?;
        input.read_field_end()?;
    }
}

/// Reads a known field; `path` names it in errors. Sent twice, the last one counts.
pub fn read_field<T: Value>(
    input: &mut dyn TInputProtocol,
    wire: TType,
    field: &mut Option<T>,
    path: &str,
) -> thrift::Result<()> {
    if wire != T::TYPE {
        return Err(invalid(format!(
            "{path} came as {wire}, not as {}",
            T::TYPE
        )));
    }
    *field = Some(T::read(input)?);
    Ok(())
}

/// The value of a required field.
pub fn required<T>(field: Option<T>, path: &str) -> thrift::Result<T> {
    field.ok_or_else(|| invalid(format!("{path} is required and was not sent")))
}

/// Writes a struct, whose fields `fields` writes.
pub fn write_struct(
    output: &mut dyn TOutputProtocol,
    fields: impl FnOnce(&mut dyn TOutputProtocol) -> thrift::Result<()>,
) -> thrift::Result<()> {
    // The protocols here send no names, so none are allocated.
    output.write_struct_begin(&TStructIdentifier {
        name: String::new(),
    })?;
    fields(output)?;
    output.write_field_stop()?;
    output.write_struct_end()
}

/// Writes a field.
pub fn write_field<T: Value>(
    output: &mut dyn TOutputProtocol,
    id: i16,
    value: &T,
) -> thrift::Result<()> {
    output.write_field_begin(&TFieldIdentifier {
        name: None,
        field_type: T::TYPE,
        id: Some(id),
    })?;
    value.write(output)?;
    output.write_field_end()
}

/// Writes a field if there is a value.
pub fn write_optional<T: Value>(
    output: &mut dyn TOutputProtocol,
    id: i16,
    value: &Option<T>,
) -> thrift::Result<()> {
    match value {
        Some(value) => write_field(output, id, value),
        None => Ok(()),
    }
}

/// An error for bytes that are not what the IDL says.
pub(super) fn invalid(message: String) -> thrift::Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, message)
}

/// A length as the wire has it.
fn length(of: usize) -> thrift::Result<i32> {
    let too_long = |_| {
        let message = format!("{of} is more than a Thrift message can count");
        new_protocol_error(ProtocolErrorKind::SizeLimit, message)
    };
    i32::try_from(of).map_err(too_long)
}

/// The count of a container whose elements must be of type `wanted`.
///
/// An empty container may name any type: nothing of that type follows.
fn count(size: i32, found: Option<TType>, wanted: TType) -> thrift::Result<usize> {
    let Ok(count) = usize::try_from(size) else {
        let message = format!("a container of {size} elements");
        return Err(new_protocol_error(ProtocolErrorKind::NegativeSize, message));
    };
    match found {
        _ if count == 0 => Ok(0),
        Some(found) if found == wanted => Ok(count),
        Some(found) => Err(invalid(format!(
            "elements came as {found}, not as {wanted}"
        ))),
        None => Err(invalid("elements came without a type".to_owned())),
    }
}

/// Implements [`Value`] for types that the protocol reads and writes by itself.
macro_rules! plain {
    ($($kind:ty, $wire:ident, $read:ident, $write:ident;)*) => {$(
        impl Value for $kind {
            const TYPE: TType = TType::$wire;

            fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
                input.$read()
            }

            fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                output.$write(*self)
            }
        }
    )*};
}

plain! {
    bool, Bool, read_bool, write_bool;
    i8, I08, read_i8, write_i8;
    i16, I16, read_i16, write_i16;
    i32, I32, read_i32, write_i32;
    i64, I64, read_i64, write_i64;
    f64, Double, read_double, write_double;
}

impl Value for String {
    const TYPE: TType = TType::String;

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_string()
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        length(self.len())?;
        output.write_string(self)
    }
}

impl Value for Bytes {
    const TYPE: TType = TType::String;

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_bytes().map(buffers::share)
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        length(self.len())?;
        output.write_bytes(self)
    }
}

impl<T: Value> Value for Vec<T> {
    const TYPE: TType = TType::List;

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let list = input.read_list_begin()?;
        let count = count(list.size, Some(list.element_type), T::TYPE)?;
        let reserve = FIRST_RESERVE / size_of::<T>().max(1);
        let mut values = Vec::with_capacity(count.min(reserve));
        for _ in 0..count {
            values.push(T::read(input)?);
        }
        input.read_list_end()?;
        Ok(values)
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_list_begin(&TListIdentifier {
            element_type: T::TYPE,
            size: length(self.len())?,
        })?;
        for value in self {
            value.write(output)?;
        }
        output.write_list_end()
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const TYPE: TType = TType::Set;

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let set = input.read_set_begin()?;
        let count = count(set.size, Some(set.element_type), T::TYPE)?;
        let mut values = BTreeSet::new();
        for _ in 0..count {
            values.insert(T::read(input)?);
        }
        input.read_set_end()?;
        Ok(values)
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_set_begin(&TSetIdentifier {
            element_type: T::TYPE,
            size: length(self.len())?,
        })?;
        for value in self {
            value.write(output)?;
        }
        output.write_set_end()
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const TYPE: TType = TType::Map;

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let map = input.read_map_begin()?;
        count(map.size, map.key_type, K::TYPE)?;
        let count = count(map.size, map.value_type, V::TYPE)?;
        let mut values = BTreeMap::new();
        for _ in 0..count {
            let key = K::read(input)?;
            values.insert(key, V::read(input)?);
        }
        input.read_map_end()?;
        Ok(values)
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_map_begin(&TMapIdentifier {
            key_type: Some(K::TYPE),
            value_type: Some(V::TYPE),
            size: length(self.len())?,
        })?;
        for (key, value) in self {
            key.write(output)?;
            value.write(output)?;
        }
        output.write_map_end()
    }
}
