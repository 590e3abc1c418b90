//! Checked files to Rust source.
//!
//! The code made here is thin: structs, enums, traits and one line a field or method. What is the
//! same for all of them is written by hand in `src/wire/value.rs` and `src/wire/rpc/`.

use std::fmt::Write;

use super::check::Program;
use super::syntax::{Definition, File, Kind, Literal};
use super::words::rust;

mod debug;
mod doc;
mod enums;
mod services;
mod structs;
mod types;

/// All files, one module each.
pub fn program(program: &Program) -> String {
    let mut out = String::from("// Made by build.rs from the IDL. Changes here are lost.\n\n");
    for file in &program.files {
        module(&mut out, file);
    }
    out
}

/// Appends a line. Writing to a string cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

/// `put!(out, "...", ...)` appends a line.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        crate::stubgen::emit::line($out, format_args!($($text)*))
    };
}
use put;

fn module(out: &mut String, file: &File) {
    put!(out, "/// What `{}` defines.", file.path);
    put!(out, "pub mod {} {{", rust(&file.stem));
    for each in &file.definitions {
        put!(out, "");
        definition(out, each);
    }
    put!(out, "}}\n");
}

fn definition(out: &mut String, definition: &Definition) {
    let name = &definition.name.text;
    match &definition.kind {
        Kind::Const(kind, value) => {
            doc::put_doc(out, 4, &definition.doc, &format!("Constant `{name}`."));
            let kind = types::constant(kind);
            match value {
                Literal::Int(value) => put!(out, "    pub const {name}: {kind} = {value};"),
                Literal::Text(text) => put!(out, "    pub const {name}: {kind} = {text:?};"),
            }
        }
        Kind::Typedef(kind) => {
            doc::put_doc(out, 4, &definition.doc, &format!("Another name, `{name}`."));
            put!(out, "    pub type {name} = {};", types::rust_type(kind));
        }
        Kind::Enum(values) => enums::put_enum(out, definition, values),
        Kind::Struct(fields) => structs::put_struct(out, definition, fields),
        Kind::Exception(fields) => {
            structs::put_struct(out, definition, fields);
            structs::put_error(out, name, fields);
        }
        Kind::Service(methods) => services::put_service(out, definition, methods),
    }
}
