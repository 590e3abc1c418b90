//! IDL types as Rust types, by full paths so that no name of the IDL can hide them.

use super::super::syntax::Type;
use super::super::words::rust;

/// The type of a field or element.
pub fn rust_type(kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".to_owned(),
        Type::I8 => "i8".to_owned(),
        Type::I16 => "i16".to_owned(),
        Type::I32 => "i32".to_owned(),
        Type::I64 => "i64".to_owned(),
        Type::Double => "f64".to_owned(),
        Type::Text => "::std::string::String".to_owned(),
        Type::Binary => "::bytes::Bytes".to_owned(),
        Type::List(element) => format!("::std::vec::Vec<{}>", rust_type(element)),
        Type::Set(element) => format!("::std::collections::BTreeSet<{}>", rust_type(element)),
        Type::Map(key, value) => {
            let (key, value) = (rust_type(key), rust_type(value));
            format!("::std::collections::BTreeMap<{key}, {value}>")
        }
        Type::Named(name) => match name.text.split_once('.') {
            Some((file, short)) => format!("super::{}::{short}", rust(file)),
            None => name.text.clone(),
        },
    }
}

/// The type of a constant.
pub fn constant(kind: &Type) -> String {
    match kind {
        Type::Text => "&str".to_owned(),
        other => rust_type(other),
    }
}
