//! Names of the files in the folder of a run.

use std::fs;
use std::path::Path;

/// What the names of files begin with: parameters after a round, and what is remembered beside them.
pub(super) const ROUND: &str = "round-";
pub(super) const REMEMBERED: &str = "remembered-";
const SUFFIX: &str = ".safetensors";

pub(super) fn file_name(prefix: &str, round: u32) -> String {
    format!("{prefix}{round:08}{SUFFIX}")
}

pub(super) fn round_in(name: &str, prefix: &str) -> Option<u32> {
    let round = name.strip_prefix(prefix)?.strip_suffix(SUFFIX)?;
    let round = round.parse().ok()?;
    (file_name(prefix, round) == name).then_some(round)
}

/// The round whose parameters a file of this name holds.
pub(super) fn round_of(name: &str) -> Option<u32> {
    round_in(name, ROUND)
}

/// Names of all files of a folder.
pub(super) fn names(path: &Path) -> impl Iterator<Item = String> {
    let files = fs::read_dir(path).into_iter().flatten().flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned())
}
