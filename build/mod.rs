//! The stub generator: Thrift IDL in, one Rust source text out.
//!
//! `lexer` → `parser` → [`syntax`] → `check` → `emit`. It knows the part of the language that
//! Roundtable uses and enforces the rules at the head of `idl/types.thrift`, so that an IDL which
//! builds here can grow later and is read by the Apache compiler too.

use std::fmt;

mod check;
mod emit;
mod lexer;
mod parser;
pub mod syntax;
mod words;

use syntax::Position;

/// What is wrong with an IDL file, and where. Shown as `path:line:column: message`.
#[derive(Debug, PartialEq)]
pub struct Error {
    /// The file as it was named to [`generate`].
    pub path: String,
    /// Where in the file.
    pub at: Position,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.at;
        write!(out, "{}:{line}:{column}: {}", self.path, self.message)
    }
}

/// A fault at a place in the file at hand; the path is added by whoever knows it.
pub type Fault = (Position, String);

/// Rust source for IDL files, given as path and text. The stem of a path names the module.
pub fn generate(sources: &[(String, String)]) -> Result<String, Error> {
    let mut files = Vec::new();
    for (path, text) in sources {
        let file = parser::parse(path, text).map_err(|(at, message)| Error {
            path: path.clone(),
            at,
            message,
        })?;
        files.push(file);
    }
    let program = check::check(files)?;
    Ok(emit::program(&program))
}
