//! Which blocks of a page are commands, and where each begins and ends.

use super::page::Block;
use super::tables::NOT_RUN;

/// How a block of commands begins.
pub const COMMANDS: &[&str] = &[
    "awk",
    "cat",
    "client",
    "compute_node",
    "coordinator",
    "curl",
    "echo",
    "grep",
    "head",
    "kill",
    "mkdir",
    "packaging/bundle",
    "printf",
    "python",
];

/// Whether a block is commands: indented or fenced as `sh`, it begins with one. Other blocks are what they print.
pub fn is_commands(block: &Block) -> bool {
    let mut words = block
        .lines
        .iter()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let first = words.next().map_or("", String::as_str);
    let word = first.split_whitespace().next().unwrap_or_default();
    let known = COMMANDS.contains(&word) || first.starts_with("cargo run");
    block.language == "sh" && (known || NOT_RUN.iter().any(|(begin, _)| first.starts_with(begin)))
}

/// The commands of a block with their lines; one goes on after a backslash, and to the end of what it is given to read.
pub fn commands(block: &Block) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let (mut open, mut until) = (false, None);
    for (at, line) in block.lines.iter().enumerate() {
        if open || until.is_some() {
            let (_, command) = commands.last_mut().expect("begun");
            *command += &format!("\n{line}");
        } else if !line.is_empty() && !line.starts_with('#') {
            commands.push((block.line + at, line.clone()));
        }
        open = line.ends_with('\\');
        if let Some((_, end)) = line.split_once("<<'") {
            until = end.split_once('\'').map(|(end, _)| end.to_owned());
        } else if until.as_deref() == Some(line) {
            until = None;
        }
    }
    commands
}
