//! Exact policy: given these events, exactly these commands.
//!
//! Each `.txt` beside this file is a script, and [`language`] says how it is written. Lines that begin
//! with `=>` are what the core answered. After a change of the rules
//! `UPDATE_SCENARIOS=1 cargo test --test scenarios` rewrites them; review the difference.

#[path = "../common/mod.rs"]
mod common;
mod language;
mod show;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of the scenarios")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    found
}

/// The first line in which two texts differ, with the lines around it.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), actual.lines().collect());
    let at = expected
        .iter()
        .zip(&actual)
        .position(|(a, b)| a != b)
        .unwrap_or(expected.len().min(actual.len()));
    let part = |lines: &[&str]| {
        let from = at.saturating_sub(3).min(lines.len());
        let to = (at + 6).min(lines.len());
        lines[from..to].join("\n    ")
    };
    format!(
        "line {}:\n  expected\n    {}\n  found\n    {}",
        at + 1,
        part(&expected),
        part(&actual)
    )
}

#[test]
fn every_scenario_plays_as_written() {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    let scripts = scripts();
    assert!(scripts.len() >= 20, "where are the scenarios?");
    for path in scripts {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let script = fs::read_to_string(&path).expect("a readable script");
        let played = language::play(&script).unwrap_or_else(|error| panic!("{name}: {error}"));
        if played == script {
            continue;
        }
        if update {
            fs::write(&path, &played).expect("a writable script");
        } else {
            wrong.push(format!("{name}, {}", difference(&script, &played)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf this is what you want: UPDATE_SCENARIOS=1 cargo test --test scenarios",
        wrong.join("\n\n")
    );
}
