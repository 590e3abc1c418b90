//! The one grammar for choosing things by name, and the tables it chooses from.
//!
//! `name:value,key=value,key=value` names a policy, a strategy, a model, a data set and so on. The
//! value runs up to the first `,key=`, and may thus hold commas itself. Value and options may both
//! be left out: `random`, `softmax:64-10`, `synthetic:rows=1000`, `path:letters,scale=15`.
//!
//! A [`Table`] holds one [`Row`] for everything that can be chosen, and is the single source of
//! parsing, help and errors: what has a row can be named, and what can be named has its help.

mod arguments;
mod error;
mod table;

use std::fmt;
use std::str::FromStr;

pub use arguments::Arguments;
pub use error::{SpecError, nearest};
pub use table::{OptionHelp, Row, Table};

/// A text split by the grammar. `Display` gives a text that parses to an equal value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    name: String,
    value: Option<String>,
    options: Vec<(String, String)>,
}

impl Spec {
    /// What stands before the first colon (or the first option).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands between the name and the options.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Keys and values of the options in the order written.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let text = text.trim();
        let malformed = |reason: &str| SpecError::Malformed {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let end = text.find([':', ',']).unwrap_or(text.len());
        let name = text[..end].trim();
        if name.is_empty() {
            return Err(malformed("it has no name"));
        }
        let rest = text[end..].strip_prefix([':', ',']).unwrap_or("");
        let mut value = None;
        let mut options: Vec<(String, String)> = Vec::new();
        for piece in pieces(rest) {
            match key_of(piece) {
                Some(key) if options.iter().any(|(known, _)| known == key) => {
                    return Err(malformed(&format!("option `{key}` is given twice")));
                }
                Some(key) => options.push((key.to_owned(), piece[key.len() + 1..].to_owned())),
                None => value = Some(piece.to_owned()),
            }
        }
        if text[end..].starts_with(',') && (value.is_some() || options.is_empty()) {
            return Err(malformed("after a comma comes `key=value`"));
        }
        let name = name.to_owned();
        Ok(Spec {
            name,
            value,
            options,
        })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(value) = &self.value {
            write!(formatter, ":{value}")?;
        }
        for (position, (key, value)) in self.options.iter().enumerate() {
            let mark = if position == 0 && self.value.is_none() {
                ':'
            } else {
                ','
            };
            write!(formatter, "{mark}{key}={value}")?;
        }
        Ok(())
    }
}

/// Cuts a text before every `key=` that follows a comma. An empty text has no pieces; only the
/// first piece may be without a key.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (comma, _) in text.match_indices(',') {
        if key_of(&text[comma + 1..]).is_some() {
            pieces.push(&text[start..comma]);
            start = comma + 1;
        }
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

/// The key that a text starts with: a lower-case letter, then lower-case letters, digits, `-` and
/// `_`, and `=` behind it.
fn key_of(text: &str) -> Option<&str> {
    let key = &text[..text.find('=')?];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (key.starts_with(|c: char| c.is_ascii_lowercase()) && key.chars().all(plain)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, Vec<(String, String)>) {
        let spec: Spec = text.parse().unwrap();
        (spec.name, spec.value, spec.options)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn value_and_options_may_be_left_out() {
        assert_eq!(parts("random"), ("random".into(), None, vec![]));
        assert_eq!(parts("synthetic:"), ("synthetic".into(), None, vec![]));
        assert_eq!(
            parts("mlp:64-10"),
            ("mlp".into(), Some("64-10".into()), vec![])
        );
        let options = vec![pair("rows", "10"), pair("noise", "")];
        assert_eq!(
            parts("synthetic:rows=10,noise="),
            ("synthetic".into(), None, options.clone())
        );
        assert_eq!(
            parts("synthetic,rows=10,noise="),
            ("synthetic".into(), None, options)
        );
    }

    #[test]
    fn the_value_runs_up_to_the_first_key() {
        let spec = parts("path:a,b/c=d:e.csv,label=x,y,scale=15");
        assert_eq!(spec.1.as_deref(), Some("a,b/c=d:e.csv"));
        assert_eq!(spec.2, [pair("label", "x,y"), pair("scale", "15")]);
    }

    #[test]
    fn text_and_value_go_round() {
        for text in [
            "random",
            "mlp:64-10",
            "mlp:64-10,dtype=f64",
            "synthetic:rows=10,noise=",
            "path:a,b/c=d:e.csv,label=x,y,scale=15",
            "cross-entropy:sum",
        ] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
            assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
        }
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["", " ", ":x", ",a=1", "a,b", "a,", "a:x,k=1,k=2", "a,b,c=1"] {
            assert!(text.parse::<Spec>().is_err(), "{text:?}");
        }
    }
}
