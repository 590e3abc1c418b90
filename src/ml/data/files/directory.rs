//! Which files of a directory hold rows, and which of them are trained on.

use std::collections::BTreeMap;
use std::fs;

use super::file::Kind;
use super::natural::natural;
use super::{idx, npy};
use crate::ml::data::{DataError, Root};

/// Most files of a directory that are read.
const MAX_FILES: usize = 10_000;

/// A file that holds rows, and whether they are trained on or evaluate.
pub(super) struct Entry {
    pub name: String,
    pub trains: bool,
}

/// The files of the directory at `path` that hold rows, in natural order. With a pattern it names those to train on.
pub(super) fn entries(
    root: &Root,
    path: &str,
    pattern: Option<&str>,
) -> Result<Vec<Entry>, DataError> {
    let failed = |error: std::io::Error| DataError::file(path, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root.resolve(path)?).map_err(failed)? {
        // A name that is not UTF-8 is not one of ours.
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else {
            continue;
        };
        if let Some(trains) = trains(&name, pattern) {
            found.insert(name, trains);
        }
    }
    if found.len() > MAX_FILES {
        let count = found.len();
        let reason = format!("{count} files to read; at most {MAX_FILES} are");
        return Err(DataError::file(path, reason));
    }
    // A packed file beside the same one unpacked is not read again.
    let is_copy = |name: &str| {
        let plain = name.strip_suffix(".gz");
        plain.is_some_and(|plain| found.contains_key(plain))
    };
    let mut entries: Vec<Entry> = found
        .iter()
        .filter(|(name, _)| !is_copy(name))
        .map(|(name, trains)| Entry {
            name: name.clone(),
            trains: *trains,
        })
        .collect();
    entries.sort_by(|left, right| natural(&left.name, &right.name));
    Ok(entries)
}

/// Whether a file of this name is trained on or evaluates; none if it is left alone.
fn trains(name: &str, pattern: Option<&str>) -> Option<bool> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let kind = Kind::of(name);
    if npy::is_targets(plain) || (kind == Kind::Idx && !idx::is_images(plain)) {
        return None;
    }
    if pattern.is_some_and(|pattern| matches(pattern, name)) {
        return Some(true);
    }
    let is_usual = match kind {
        Kind::Idx | Kind::Npy => true,
        Kind::Npz | Kind::Parquet => plain == name,
        Kind::Text => plain.ends_with(".txt") || plain.ends_with(".csv"),
    };
    if !is_usual {
        return None;
    }
    let evaluating: &[&str] = match kind {
        Kind::Idx => &["validate", "t10k", "test"],
        _ => &["validate"],
    };
    if evaluating.iter().any(|start| plain.starts_with(start)) {
        return Some(false);
    }
    (pattern.is_none() && plain.starts_with("train")).then_some(true)
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

#[cfg(test)]
mod tests {
    use super::super::path::tests::Folder;
    use super::*;

    #[test]
    fn a_pattern_names_what_is_trained_on_and_nothing_else() {
        let of = |name| (trains(name, None), trains(name, Some("site-*")));
        assert_eq!(of("train1.csv"), (Some(true), None));
        assert_eq!(of("site-1.csv"), (None, Some(true)));
        assert_eq!(of("site-1.data"), (None, Some(true)));
        assert_eq!(of("validate.csv"), (Some(false), Some(false)));
        assert_eq!(of("t10k-images-idx3-ubyte.gz"), (Some(false), Some(false)));
        assert_eq!(of("notes.csv"), (None, None));
        for targets in [
            "site-1-labels.npy",
            "site-1-targets.npy.gz",
            "site-1-labels-idx1-ubyte.gz",
        ] {
            assert_eq!(of(targets), (None, None), "{targets}");
        }
    }

    #[test]
    fn packed_copies_are_not_read_again() {
        let files = ["a.csv", "a.csv-old", "a.csv.gz", "b.csv.gz"];
        let folder = Folder::new(&files.map(|name| (name, "1,0")));
        let root = Root::new(folder.path()).unwrap();
        let entries = entries(&root, ".", Some("*")).unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| &entry.name[..]).collect();
        assert_eq!(names, ["a.csv", "a.csv-old", "b.csv.gz"]);
    }

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
