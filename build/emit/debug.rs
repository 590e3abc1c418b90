//! `Debug` for structs that hold binaries, which would fill a log.

use super::super::syntax::{Field, Type};
use super::super::words::rust;
use super::put;

/// Whether the derived `Debug` would show a binary byte by byte.
pub fn has_binary(fields: &[Field]) -> bool {
    fields.iter().any(|field| brief(field).is_some())
}

/// An expression that shows the field in brief, if it holds binaries.
fn brief(field: &Field) -> Option<String> {
    let name = rust(&field.name.text);
    let one = "crate::wire::brief::Brief";
    let list = format!("iter().map({one}).collect::<::std::vec::Vec<_>>()");
    let is_list = match &field.kind {
        Type::Binary => false,
        Type::List(element) if **element == Type::Binary => true,
        _ => return None,
    };
    Some(match (field.required == Some(true), is_list) {
        (true, false) => format!("{one}(&self.{name})"),
        (true, true) => format!("self.{name}.{list}"),
        (false, false) => format!("self.{name}.as_ref().map({one})"),
        (false, true) => format!("self.{name}.as_ref().map(|list| list.{list})"),
    })
}

/// Writes the implementation.
pub fn put_debug(out: &mut String, name: &str, fields: &[Field]) {
    put!(out, "    impl ::std::fmt::Debug for {name} {{");
    put!(
        out,
        "        fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{"
    );
    put!(out, "            let mut out = out.debug_struct({name:?});");
    for field in fields {
        let text = &field.name.text;
        let shown = brief(field).unwrap_or_else(|| format!("self.{}", rust(text)));
        put!(out, "            out.field({text:?}, &{shown});");
    }
    put!(out, "            out.finish()\n        }}\n    }}\n");
}
