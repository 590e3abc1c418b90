//! docs/events.md, held against what `client --json` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

type Members = BTreeMap<String, BTreeSet<String>>;

/// The members that the page lists, by event.
fn documented() -> Members {
    let page = include_str!("../docs/events.md");
    let sections = page.split("\n## ").skip(1);
    let members = |section: &str| {
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let names = rows.filter_map(|row| row.split('|').nth(1));
        let names: Vec<&str> = names
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        names.into_iter().map(str::to_owned).collect()
    };
    let named =
        sections.filter_map(|section| Some((section.lines().next()?.to_owned(), members(section))));
    named.collect()
}

/// The members of every event that a run prints, besides `event` itself.
fn printed(arguments: &[&str]) -> Members {
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .arg("--json")
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let mut printed = Members::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let mut members: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
        members.remove("event");
        let event = value["event"].as_str().unwrap().to_owned();
        printed.entry(event).or_default().extend(members);
    }
    printed
}

#[test]
fn the_page_lists_what_is_printed() {
    let documented = documented();
    // Two nodes that take long and decline much: the run has something to say in between.
    let printed = printed(&["train", "--rounds", "2", "--nodes", "2", "--load", "1"]);
    let events: Vec<&str> = printed.keys().map(String::as_str).collect();
    assert_eq!(events, ["ended", "notice", "result", "round", "started"]);
    assert_eq!(printed, documented);
}
