//! What README.md and docs/ say is so: their commands do what they say, links lead somewhere, options exist.
//!
//! Every command is typed as it stands, but for what `tables.rs` lists. `ROUNDTABLE_PAGE=howto/resume` follows that page alone.

mod commands;
mod output;
mod page;
mod reader;
mod site;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use page::{Page, below, root};
use reader::Reader;
use tables::OF_OTHERS;

/// The pages whose commands are run.
fn pages() -> Vec<Page> {
    let mut paths = below("docs");
    paths.insert(0, root().join("README.md"));
    paths.iter().map(|path| Page::read(path)).collect()
}

#[test]
fn every_command_does_what_its_page_says() {
    let only = std::env::var("ROUNDTABLE_PAGE").unwrap_or_default();
    let pages: Vec<Page> = pages()
        .into_iter()
        .filter(|page| page.name.contains(&only))
        .collect();
    let queue = Mutex::new(pages.iter());
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("the queue").next();
                    let Some(page) = next else { return };
                    let mut reader = Reader::of(page);
                    reader.follow();
                    for what in &reader.skipped {
                        println!("{}: not run: {what}", page.name);
                    }
                    faults
                        .lock()
                        .expect("the faults")
                        .append(&mut reader.faults);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("the faults");
    assert!(faults.is_empty(), "\n{}", faults.join("\n\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut paths = below("docs");
    paths.extend(below("examples"));
    paths.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
        ]
        .map(|name| root().join(name)),
    );
    let mut broken = Vec::new();
    for path in paths {
        let page = Page::read(&path);
        for (line, target) in page.links() {
            if target.starts_with("http") || leads(&path, &page, &target) {
                continue;
            }
            broken.push(format!("{}:{line}: {target}", page.name));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn leads(path: &Path, page: &Page, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let there = path.parent().expect("a folder").join(file);
    let has = |page: &Page| anchor.is_empty() || page.anchors().contains(anchor);
    match file {
        "" => has(page),
        _ if anchor.is_empty() => there.exists(),
        _ => there.exists() && has(&Page::read(&there)),
    }
}

#[test]
fn the_index_lists_every_page() {
    let index = root().join("docs/README.md");
    let listed: BTreeSet<PathBuf> = Page::read(&index)
        .links()
        .iter()
        .filter_map(|(_, target)| root().join("docs").join(target).canonicalize().ok())
        .collect();
    let folder = root().join("docs/decisions");
    for path in below("docs")
        .iter()
        .filter(|path| **path != index && !path.starts_with(&folder))
    {
        assert!(
            listed.contains(&path.canonicalize().expect("a page")),
            "{path:?} is not in docs/README.md"
        );
    }
}

#[test]
fn pages_name_no_option_that_help_does_not_know() {
    let known = Known::ask();
    let mut unknown = Vec::new();
    for page in pages() {
        let blocks = page
            .blocks()
            .into_iter()
            .filter(|block| block.language == "sh");
        let lines =
            blocks.flat_map(|block| block.lines.into_iter().map(move |line| (block.line, line)));
        for (line, code) in page.spans().into_iter().chain(lines) {
            for what in known.missing(&code) {
                unknown.push(format!("{}:{line}: {what} in `{code}`", page.name));
            }
        }
    }
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
}

/// What the programs say of their options: by program, or `client` and command.
struct Known {
    options: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn ask() -> Known {
        let help = |program: &str, words: &[&str]| {
            let said = Command::new(program).args(words).output().expect("help");
            String::from_utf8(said.stdout).expect("text")
        };
        let client = env!("CARGO_BIN_EXE_client");
        let list = help(client, &["-h"]);
        let list = list.split_once("Commands:\n").expect("commands").1;
        let list = list.split_once("\n\n").expect("their end").0;
        let first = |line: &str| {
            line.strip_prefix("  ")?
                .split_once(' ')
                .map(|(word, _)| word.to_owned())
        };
        let mut options = BTreeMap::new();
        for command in list
            .lines()
            .filter_map(first)
            .filter(|word| !word.is_empty() && word != "help")
        {
            options.insert(
                format!("client {command}"),
                named(&help(client, &[&command, "--help"])),
            );
        }
        let coordinator = help(env!("CARGO_BIN_EXE_coordinator"), &["--help"]);
        let node = help(env!("CARGO_BIN_EXE_compute_node"), &["--help"]);
        options.insert("coordinator".to_owned(), named(&coordinator));
        options.insert("compute_node".to_owned(), named(&node));
        Known { options }
    }

    /// The options in a piece of code that its command does not know; of a piece that is only an option, that no command knows.
    fn missing(&self, code: &str) -> Vec<String> {
        let code = code.split(" # ").next().unwrap_or(code);
        let words: Vec<&str> = code.split_whitespace().collect();
        let told: Vec<&BTreeSet<String>> = match words.first() {
            Some(&"client") => {
                let said = (1..words.len()).filter(|at| words[at - 1] != "--state");
                let command = said
                    .map(|at| format!("client {}", words[at]))
                    .find(|name| self.options.contains_key(name));
                vec![&self.options[&command.unwrap_or("client train".to_owned())]]
            }
            Some(&name) if self.options.contains_key(name) => vec![&self.options[name]],
            Some(option) if option.starts_with("--") => self.options.values().collect(),
            _ => return Vec::new(),
        };
        let mut options = named(code);
        options.retain(|option| !told.iter().any(|known| known.contains(option)));
        options.retain(|option| !OF_OTHERS.iter().any(|(other, _)| other == option));
        options.into_iter().collect()
    }
}

/// The long options in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let long = |word: &&str| word.len() > 2 && word.starts_with("--") && !word.starts_with("---");
    words.filter(long).map(str::to_owned).collect()
}
