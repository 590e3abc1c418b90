//! How names are written, and that none stands twice.

use crate::stubgen::Fault;
use crate::stubgen::syntax::Name;

/// How a kind of name is written.
#[derive(Clone, Copy)]
pub enum Case {
    /// `CamelCase`
    Camel,
    /// `snake_case`
    Snake,
    /// `UPPER_CASE`
    Upper,
}

impl Case {
    /// Fails unless `name` is written so.
    pub fn check(self, name: &Name) -> Result<(), Fault> {
        let text = name.text.as_str();
        let first = text.chars().next().unwrap_or('_');
        let (fits, shown) = match self {
            Case::Camel => (first.is_uppercase() && !text.contains('_'), "CamelCase"),
            Case::Snake => (text == text.to_lowercase() && first != '_', "snake_case"),
            Case::Upper => (text == text.to_uppercase() && first != '_', "UPPER_CASE"),
        };
        if fits {
            Ok(())
        } else {
            Err((name.at, format!("`{text}` should be in {shown}")))
        }
    }
}

/// Fails at the first name that stands twice.
pub fn unique<'a>(what: &str, names: impl Iterator<Item = &'a Name>) -> Result<(), Fault> {
    let mut seen: Vec<&Name> = Vec::new();
    for name in names {
        if let Some(first) = seen.iter().find(|seen| seen.text == name.text) {
            let text = &name.text;
            let line = first.at.line;
            let message = format!("{what} `{text}` is defined twice, first in line {line}");
            return Err((name.at, message));
        }
        seen.push(name);
    }
    Ok(())
}
