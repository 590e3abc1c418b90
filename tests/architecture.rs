//! The rooms and who may import whom, as a table; and what every source file owes its reader.
//!
//! The sources are read as text. That finds every path written out, which is all this crate uses.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may import. `LEAVES` are open to all but one another.
const ROOMS: &[(&str, &[&str])] = &[
    ("bin", &["app"]),
    (
        "app",
        &[
            "wire", "net", "store", "fed", "cluster", "ml", "clock", "sync",
        ],
    ),
    ("wire", &["fed", "cluster", "ml"]),
    ("store", &["fed", "cluster", "ml"]),
    ("net", &["clock", "sync"]),
    ("fed", &["cluster", "ml"]),
    ("cluster", &[]),
    ("ml", &[]),
    ("clock", &[]),
    ("sync", &[]),
    ("seed", &["math"]),
    ("spec", &[]),
    ("math", &[]),
];

/// Small modules of pure functions that know none of the rooms.
const LEAVES: &[&str] = &["seed", "spec", "math"];

/// These decide or compute, and give the same bits every time.
const DETERMINISTIC: &[&str] = &["cluster", "fed", "ml", "seed", "spec", "math"];

/// What a deterministic room must not reach for.
const WORLD: &[&str] = &[
    "std::thread",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "Instant",
    "SystemTime",
];

/// Where a deterministic room may reach for it nonetheless: (part of the path, what, why).
const WORLD_ALLOWED: &[(&str, &str, &str)] = &[
    (
        "src/ml/data",
        "std::fs",
        "the readers of data files read files",
    ),
    (
        "src/ml/data/files/parallel.rs",
        "std::thread",
        "parts of files are read at once; the results have the order of the parts",
    ),
    (
        "src/ml/cores.rs",
        "std::thread",
        "the number of cores is asked for; it changes no bit",
    ),
    (
        "src/ml/model/network/blocks.rs",
        "std::thread",
        "blocks of rows are scored side by side, and taken in their order",
    ),
    (
        "src/fed/aggregate/ranges.rs",
        "std::thread",
        "disjoint ranges of parameters, or whole distances, are summed side by side; the split changes no bit",
    ),
];

/// Rooms within `src/app/coordinator`, and which other modules there each may name.
const COORDINATOR: &[(&str, &[&str])] = &[
    ("parameters", &[]),
    ("keeping", &["parameters", "reporter"]),
    ("nodes", &["parameters", "reporter"]),
    ("runs", &["parameters", "keeping", "nodes", "reporter"]),
    ("dashboard", &["window", "attempts"]),
];

const LONGEST: usize = 400;

/// Files that may be longer: (path, why).
const LONGER: &[(&str, &str)] = &[];

#[test]
fn imports_follow_the_table() {
    let mut faults = Vec::new();
    for file in rust_files(&["src"]) {
        let Some(room) = room_of(&file) else { continue };
        let code = without_comments(&read(&file));
        for (line, other) in imports(&code, module_depth(&file)) {
            if let Some(fault) = judge(&room, &other) {
                faults.push(format!("{}:{line}: {fault}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn deterministic_rooms_do_not_reach_for_the_world() {
    let mut faults = Vec::new();
    for file in rust_files(&["src"]) {
        if !room_of(&file).is_some_and(|room| DETERMINISTIC.contains(&room.as_str())) {
            continue;
        }
        let code = without_comments(&read(&file));
        for (line, text) in (1..).zip(code.lines()) {
            for thing in WORLD.iter().filter(|thing| mentions(text, thing)) {
                if !is_allowed(&file, thing) {
                    faults.push(format!("{}:{line}: mentions {thing}", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    let mut faults = Vec::new();
    for file in rust_files(&["src", "build", "tests", "build.rs"]) {
        let text = read(&file);
        if !text.starts_with("//!") {
            faults.push(format!("{}:1: opens without a line of //!", file.display()));
        }
        let lines = text.lines().count();
        let is_listed = LONGER.iter().any(|(path, _)| Path::new(path) == file);
        if lines > LONGEST && !file.starts_with("tests") && !is_listed {
            let fault = "lines; look for the second concept in it";
            faults.push(format!("{}: {lines} {fault}", file.display()));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn rooms_of_the_coordinator_follow_their_table() {
    let mut faults = Vec::new();
    for (room, allowed) in COORDINATOR {
        let folder = format!("src/app/coordinator/{room}");
        let files = rust_files(&[&folder]);
        assert!(!files.is_empty(), "{folder} is gone");
        for file in files {
            let code = without_comments(&read(&file));
            let is_mod = file.ends_with("mod.rs");
            let up = if is_mod { "super::" } else { "super::super::" };
            for root in ["crate::app::coordinator::", up] {
                for (at, _) in code.match_indices(root) {
                    let line = 1 + code[..at].matches('\n').count();
                    let names = first_names(&code[at + root.len()..]);
                    let strange =
                        |name: &&String| name != room && !allowed.contains(&name.as_str());
                    let strange = names.iter().filter(strange);
                    faults.extend(
                        strange.map(|name| {
                            format!("{}:{line}: `{room}` names `{name}`", file.display())
                        }),
                    );
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What is wrong with `room` importing `other`, if anything is.
fn judge(room: &str, other: &str) -> Option<String> {
    if room == other || (LEAVES.contains(&other) && !LEAVES.contains(&room)) {
        return None;
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return Some(format!("`{room}` is not in the table of rooms"));
    };
    if allowed.contains(&other) {
        return None;
    }
    let allowed = if allowed.is_empty() {
        "nothing".into()
    } else {
        allowed.join(", ")
    };
    Some(format!(
        "`{room}` imports `{other}`; it may import {allowed}, and {}",
        LEAVES.join(", ")
    ))
}

/// The first folder or file below `src`; the crate's root belongs to no room.
fn room_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix("src").ok()?;
    let first = Path::new(below.components().next()?.as_os_str());
    let name = first.file_stem()?.to_str()?;
    (name != "lib").then(|| name.to_string())
}

/// How many modules a file is below the crate's root.
fn module_depth(file: &Path) -> usize {
    let is_folder = file.file_stem().is_some_and(|stem| stem == "mod");
    file.components().count() - 1 - usize::from(is_folder)
}

/// The rooms a file names, with the lines it names them on: what follows `crate::`, the crate's
/// name, or enough `super::` to get to the root.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let to_root = "super::".repeat(depth);
    for root in ["crate::", "roundtable::", to_root.as_str()] {
        for (at, _) in code.match_indices(root) {
            let after = &code[at + root.len()..];
            let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c));
            if !is_whole {
                continue;
            }
            let line = 1 + code[..at].matches('\n').count();
            // In a module within the file, this many `super` may not reach the root yet; the
            // names of rooms tell.
            let is_sure = !root.starts_with("super");
            let names = first_names(after).into_iter();
            let names = names.filter(|name| is_sure || ROOMS.iter().any(|(room, _)| room == name));
            found.extend(names.map(|name| (line, name)));
        }
    }
    found
}

/// The name a path goes on with, or the names, where it goes on with a group.
fn first_names(after: &str) -> Vec<String> {
    let Some(group) = after.strip_prefix('{') else {
        return Vec::from_iter(leading_name(after));
    };
    let mut names = Vec::new();
    let (mut level, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => level += 1,
            '}' if level > 0 => level -= 1,
            ',' | '}' if level == 0 => {
                names.extend(leading_name(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn leading_name(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let name = &text[..end];
    // Types and macros at the root are no rooms.
    let is_module = name.starts_with(|c: char| c.is_lowercase()) && !text[end..].starts_with('!');
    (is_module && name != "self").then(|| name.to_string())
}

/// Line comments go, lines stay. A `//` within a string takes the rest of its line along, which
/// hides nothing that matters here.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_string() + "\n")
        .collect()
}

fn mentions(line: &str, thing: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has = |line: &str, thing: &str| {
        line.match_indices(thing).any(|(at, _)| {
            !line[..at].ends_with(is_part) && !line[at + thing.len()..].starts_with(is_part)
        })
    };
    // `use std::{iter, thread};` mentions std::thread.
    let grouped = line
        .trim_start()
        .strip_prefix("use std::{")
        .zip(thing.strip_prefix("std::"));
    has(line, thing) || grouped.is_some_and(|(group, thing)| has(group, thing))
}

#[test]
fn grouped_imports_are_seen() {
    assert!(mentions("use std::{iter, thread};", "std::thread"));
    assert!(mentions("    use std::thread::spawn;", "std::thread"));
    assert!(!mentions("use std::{iter, threads};", "std::thread"));
    assert!(!mentions("use crate::thread;", "std::thread"));
}

fn is_allowed(file: &Path, thing: &str) -> bool {
    let path = file.to_string_lossy().replace('\\', "/");
    WORLD_ALLOWED
        .iter()
        .any(|(part, what, _)| path.starts_with(part) && *what == thing)
}

/// All Rust files below these folders, in order, relative to the repository.
fn rust_files(roots: &[&str]) -> Vec<PathBuf> {
    let mut waiting: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() && !path.ends_with("node_modules") {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_reader_of_imports_sees_through_groups_and_comments() {
    let code =
        "use crate::{fed::{a, b}, cluster::Roster, Error};\nuse crate::ml::Model; // crate::net\n";
    let seen = imports(&without_comments(code), 1);
    let expected = [(1, "fed".into()), (1, "cluster".into()), (2, "ml".into())];
    assert_eq!(seen, expected);
    assert_eq!(imports("super::super::net::x", 2), [(1, "net".into())]);
    assert_eq!(imports("mycrate::net::x, crate::clock!()", 2), []);
}

#[test]
fn an_edge_outside_the_table_is_told_with_what_is_allowed() {
    assert_eq!(judge("fed", "cluster"), None);
    assert_eq!(judge("cluster", "seed"), None);
    let fault = judge("cluster", "fed").unwrap();
    assert_eq!(
        fault,
        "`cluster` imports `fed`; it may import nothing, and seed, spec, math"
    );
    assert!(judge("seed", "spec").is_some());
    assert_eq!(
        judge("attic", "fed").unwrap(),
        "`attic` is not in the table of rooms"
    );
}
