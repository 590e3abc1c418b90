//! What a page in Markdown holds: blocks of code, spans of code, links, headings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page, by its path from the root.
pub struct Page {
    pub name: String,
    pub text: String,
}

/// Lines that stand together, fenced or indented; `line` is the number of the first.
pub struct Block {
    pub line: usize,
    pub lines: Vec<String>,
    /// What a fenced block is said to be, none for what commands print; `sh` of an indented one.
    pub language: String,
}

impl Page {
    pub fn read(path: &Path) -> Page {
        let name = path.strip_prefix(root()).unwrap_or(path);
        Page {
            name: name.to_string_lossy().into_owned(),
            text: fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}")),
        }
    }

    /// The blocks of code, in order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut fenced, mut indented) = (false, false);
        let mut before = "";
        for (at, line) in self.text.lines().enumerate() {
            let fresh = |language: &str| Block {
                line: at + 1,
                lines: Vec::new(),
                language: language.to_owned(),
            };
            if let Some(language) = line.strip_prefix("```") {
                fenced = !fenced;
                if fenced {
                    blocks.push(fresh(language));
                }
                indented = false;
            } else if fenced {
                blocks
                    .last_mut()
                    .expect("begun")
                    .lines
                    .push(line.to_owned());
            } else if line.starts_with("    ") && (indented || before.trim().is_empty()) {
                if !indented {
                    blocks.push(fresh("sh"));
                }
                indented = true;
                let block = blocks.last_mut().expect("begun");
                block.lines.push(line[4..].to_owned());
            } else {
                indented = false;
            }
            before = line;
        }
        blocks
    }

    /// The lines outside blocks, with their numbers.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut in_block = BTreeSet::new();
        for block in self.blocks() {
            in_block.extend(block.line..=block.line + block.lines.len());
        }
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line));
        lines
            .filter(|(at, line)| !line.starts_with("    ") && !in_block.contains(at))
            .collect()
    }

    /// Code within lines of prose.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let code = |(at, line): (usize, &str)| {
            let odd = line.split('`').skip(1).step_by(2);
            odd.map(move |code| (at, code.to_owned()))
                .collect::<Vec<_>>()
        };
        self.prose().into_iter().flat_map(code).collect()
    }

    /// The targets of links and images.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (at, line) in self.prose() {
            for after in line.split("](").skip(1) {
                let target = after.split([')', ' ']).next().unwrap_or_default();
                links.push((at, target.to_owned()));
            }
        }
        links
    }

    /// The anchors of the page: those of its headings, as GitHub makes them, and those it sets.
    pub fn anchors(&self) -> BTreeSet<String> {
        let heading = |(_, line): (usize, &str)| {
            let title = line.strip_prefix('#')?.trim_start_matches('#');
            let kept = title.trim().chars().filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                _ => letter
                    .is_alphanumeric()
                    .then(|| letter.to_ascii_lowercase()),
            });
            Some(kept.collect())
        };
        let set = |(_, line): (usize, &str)| {
            let after = line.split_once("<a id=\"")?.1;
            Some(after.split_once('"')?.0.to_owned())
        };
        let prose = self.prose();
        let headings = prose.iter().copied().filter_map(heading);
        headings
            .chain(prose.iter().copied().filter_map(set))
            .collect()
    }
}

/// All pages below a folder of the project, in order.
pub fn below(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
