//! Types on the wire.

use thrift::protocol::TType;

/// The type with a code. The codes left out are of types no library sends.
pub fn kind_of(code: u8) -> Option<TType> {
    Some(match code {
        0 => TType::Stop,
        2 => TType::Bool,
        3 => TType::I08,
        4 => TType::Double,
        6 => TType::I16,
        8 => TType::I32,
        10 => TType::I64,
        11 => TType::String,
        12 => TType::Struct,
        13 => TType::Map,
        14 => TType::Set,
        15 => TType::List,
        16 => TType::Uuid,
        _ => return None,
    })
}

/// The fewest bytes a value of a type takes.
pub fn smallest(kind: TType) -> usize {
    match kind {
        TType::I16 => 2,
        TType::I32 | TType::String => 4,
        TType::List | TType::Set => 5,
        TType::Map => 6,
        TType::I64 | TType::Double => 8,
        TType::Uuid => 16,
        _ => 1,
    }
}
