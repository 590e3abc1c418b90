//! Structs and exceptions.

use super::super::syntax::{Definition, Field};
use super::super::words::rust;
use super::types::rust_type;
use super::{debug, doc, put};

/// The struct, how it is read and how it is written.
pub fn put_struct(out: &mut String, definition: &Definition, fields: &[Field]) {
    let name = &definition.name.text;
    doc::put_doc(out, 4, &definition.doc, &format!("Struct `{name}`."));
    let by_hand = debug::has_binary(fields);
    let derived = if by_hand { "" } else { "Debug, " };
    put!(out, "    #[derive(Clone, {derived}Default, PartialEq)]");
    put!(out, "    pub struct {name} {{");
    for field in fields {
        put_field(out, field);
    }
    put!(out, "    }}\n");
    if by_hand {
        debug::put_debug(out, name, fields);
    }
    put!(
        out,
        "    impl ::thrift::protocol::TSerializable for {name} {{"
    );
    put_read(out, name, fields);
    put_write(out, fields);
    put!(out, "    }}\n");
    put_value(out, name);
}

fn is_required(field: &Field) -> bool {
    field.required == Some(true)
}

fn put_field(out: &mut String, field: &Field) {
    let Field { id, name, kind, .. } = field;
    let (need, kind) = match (is_required(field), rust_type(kind)) {
        (true, kind) => ("required", kind),
        (false, kind) => ("optional", format!("Option<{kind}>")),
    };
    doc::put_doc(out, 8, &field.doc, &format!("Field {id}, {need}."));
    put!(out, "        pub {}: {kind},", rust(&name.text));
}

fn put_read(out: &mut String, name: &str, fields: &[Field]) {
    put!(
        out,
        "        fn read_from_in_protocol(input: &mut dyn ::thrift::protocol::TInputProtocol) -> ::thrift::Result<Self> {{"
    );
    // Numbered, because a field may be called anything.
    for field in fields {
        put!(out, "            let mut field_{} = None;", field.id);
    }
    if fields.is_empty() {
        put!(
            out,
            "            crate::wire::value::read_struct(input, |input, _, wire| input.skip(wire))?;"
        );
    } else {
        put!(
            out,
            "            crate::wire::value::read_struct(input, |input, id, wire| match id {{"
        );
        for Field {
            id, name: field, ..
        } in fields
        {
            let path = format!("{name}.{}", field.text);
            put!(
                out,
                "                {id} => crate::wire::value::read_field(input, wire, &mut field_{id}, {path:?}),"
            );
        }
        put!(out, "                _ => input.skip(wire),");
        put!(out, "            }})?;");
    }
    put!(out, "            Ok(Self {{");
    for field in fields {
        let id = field.id;
        let path = format!("{name}.{}", field.name.text);
        let value = if is_required(field) {
            format!("crate::wire::value::required(field_{id}, {path:?})?")
        } else {
            format!("field_{id}")
        };
        put!(out, "                {}: {value},", rust(&field.name.text));
    }
    put!(out, "            }})\n        }}\n");
}

fn put_write(out: &mut String, fields: &[Field]) {
    put!(
        out,
        "        fn write_to_out_protocol(&self, output: &mut dyn ::thrift::protocol::TOutputProtocol) -> ::thrift::Result<()> {{"
    );
    let output = if fields.is_empty() { "_" } else { "output" };
    put!(
        out,
        "            crate::wire::value::write_struct(output, |{output}| {{"
    );
    for field in fields {
        let function = if is_required(field) {
            "write_field"
        } else {
            "write_optional"
        };
        let name = rust(&field.name.text);
        put!(
            out,
            "                crate::wire::value::{function}(output, {}, &self.{name})?;",
            field.id
        );
    }
    put!(out, "                Ok(())\n            }})\n        }}");
}

/// Lets the struct be a field or an element.
fn put_value(out: &mut String, name: &str) {
    let code = r#"
    impl crate::wire::value::Value for NAME {
        const TYPE: ::thrift::protocol::TType = ::thrift::protocol::TType::Struct;

        fn read(input: &mut dyn ::thrift::protocol::TInputProtocol) -> ::thrift::Result<Self> {
            <Self as ::thrift::protocol::TSerializable>::read_from_in_protocol(input)
        }

        fn write(&self, output: &mut dyn ::thrift::protocol::TOutputProtocol) -> ::thrift::Result<()> {
            ::thrift::protocol::TSerializable::write_to_out_protocol(self, output)
        }
    }
"#;
    out.push_str(code.trim_start_matches('\n').replace("NAME", name).as_str());
}

/// Makes an exception an error. It shows what it holds that people want to read: a code, a message
/// and a hint where it has fields of these names.
pub fn put_error(out: &mut String, name: &str, fields: &[Field]) {
    put!(out, "\n    impl ::std::error::Error for {name} {{}}\n");
    put!(out, "    impl ::std::fmt::Display for {name} {{");
    put!(
        out,
        "        fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{"
    );
    let find = |wanted: &str| fields.iter().find(|field| field.name.text == wanted);
    let mut shown = false;
    for (wanted, before) in [("code", ""), ("message", ": "), ("hint", " - ")] {
        let Some(field) = find(wanted) else { continue };
        let before = if shown { before } else { "" };
        shown = true;
        if is_required(field) {
            put!(
                out,
                "            write!(out, \"{before}{{}}\", self.{wanted})?;"
            );
        } else {
            put!(out, "            if let Some({wanted}) = &self.{wanted} {{");
            put!(
                out,
                "                write!(out, \"{before}{{}}\", {wanted})?;\n            }}"
            );
        }
    }
    if shown {
        put!(out, "            Ok(())\n        }}\n    }}");
    } else {
        put!(
            out,
            "            ::std::fmt::Debug::fmt(self, out)\n        }}\n    }}"
        );
    }
}
