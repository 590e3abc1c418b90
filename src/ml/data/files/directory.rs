//! Which files of a directory hold rows, and which of them are trained on.

use std::fs;

use super::file::Kind;
use super::natural::natural;
use super::{idx, npy};
use crate::ml::data::{DataError, Root};

/// Most files of a directory that are read.
const MAX_FILES: usize = 10_000;

/// The files of the directory at `path` that hold rows, in natural order; with a pattern also those it names.
pub(super) fn names(
    root: &Root,
    path: &str,
    pattern: Option<&str>,
) -> Result<Vec<String>, DataError> {
    let failed = |error: std::io::Error| DataError::file(path, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(root.resolve(path)?).map_err(failed)? {
        // A name that is not UTF-8 is not one of ours.
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else {
            continue;
        };
        let named = pattern.is_some() && trains(&name, pattern) && !npy::is_targets(&name);
        if named || holds_rows(&name) {
            names.push(name);
        }
    }
    if names.len() > MAX_FILES {
        let count = names.len();
        let reason = format!("{count} files to read; at most {MAX_FILES} are");
        return Err(DataError::file(path, reason));
    }
    names.sort_by(|left, right| natural(left, right));
    // A packed file beside the same one unpacked is not read again; it comes right after it.
    names.dedup_by(|packed, plain| packed.strip_suffix(".gz") == Some(plain));
    Ok(names)
}

/// Whether a file of this name is trained on.
pub(super) fn trains(name: &str, pattern: Option<&str>) -> bool {
    match pattern {
        Some(pattern) => matches(pattern, name),
        None => name.starts_with("train"),
    }
}

/// Whether a name is as a pattern has it, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    // What stands between two stars is looked for as early as possible; what is behind the last one, at the end.
    let mut name = name;
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    name.ends_with(end)
}

/// Whether a file of this name, in a directory, holds rows to train on or to evaluate with.
fn holds_rows(name: &str) -> bool {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let starts = |starts: &[&str]| starts.iter().any(|start| plain.starts_with(start));
    match Kind::of(name) {
        Kind::Idx => starts(&["train", "validate", "t10k", "test"]) && idx::is_images(plain),
        Kind::Npy => starts(&["train", "validate"]) && !npy::is_targets(plain),
        Kind::Npz | Kind::Parquet => starts(&["train", "validate"]) && plain == name,
        Kind::Text => {
            starts(&["train", "validate"]) && (plain.ends_with(".txt") || plain.ends_with(".csv"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let all = ["a.x", "ab.x", "b.x"];
        let named = |pattern| all.map(|name| matches(pattern, name));
        assert_eq!(named("a*.x"), [true, true, false]);
        assert_eq!(named("*b*"), [false, true, true]);
        assert_eq!(named("ab.x"), [false, true, false]);
        assert_eq!(named("*.x*x"), [false, false, false]);
    }
}
