//! The lines of a plain text, worked off by several threads: what makes reading CSV fast.
//!
//! A text without quotation marks is cut at ends of lines, so that each thread has whole rows. Whatever is
//! unusual is left to the reader that knows all of the format.

use std::panic::resume_unwind;
use std::thread;

use super::DataError;
use super::table::Table;

/// Below this many bytes one thread is enough.
const SMALL: usize = 1 << 20;

/// How the rows of a text become a table.
pub(super) struct Rows<'a> {
    pub path: &'a str,
    /// Features of a row.
    pub width: usize,
    /// Field of the class, from 0.
    pub label: usize,
    /// What features are divided by.
    pub scale: f32,
    /// The first class: whether it is a number decides whether all are.
    pub first_label: &'a [u8],
}

/// Whether every line is a row whose fields are what lies between commas.
pub(super) fn is_plain(text: &[u8]) -> bool {
    if text.contains(&b'"') {
        return false;
    }
    // Old files end lines by a carriage return alone.
    let alone = |pair: &[u8]| pair[0] == b'\r' && pair[1] != b'\n';
    !text.contains(&b'\r') || !text.windows(2).any(alone)
}

impl Rows<'_> {
    /// Reads the rows of `text` from `start` on, where a line begins.
    pub(super) fn read(&self, text: &[u8], start: usize) -> Result<Table, DataError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min((text.len() - start) / SMALL).max(1);
        let parts = parts(text, start, threads);
        let mut tables = if let [part] = parts[..] {
            vec![self.read_part(text, part)]
        } else {
            thread::scope(|scope| {
                let read = |&part| scope.spawn(move || self.read_part(text, part));
                let running: Vec<_> = parts.iter().map(read).collect();
                let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                    // A panic there goes on here.
                    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
                };
                running.into_iter().map(join).collect()
            })
        }
        .into_iter();
        // Of several errors, the first in the text counts.
        let Some(first) = tables.next() else {
            return Err(DataError::file(self.path, "no rows"));
        };
        let mut table = first?;
        for more in tables {
            table.append(more?);
        }
        Ok(table)
    }

    fn read_part(&self, text: &[u8], (start, end): (usize, usize)) -> Result<Table, DataError> {
        let mut table = Table::new(self.path, self.width, self.first_label);
        let mut at = start;
        for line in text[start..end].split(|&byte| byte == b'\n') {
            let row = line.strip_suffix(b"\r").unwrap_or(line);
            if !row.is_empty() {
                let fields = row.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
                table
                    .push(fields, self.label, self.scale)
                    .map_err(|fault| {
                        let before = text[..at].iter().filter(|&&byte| byte == b'\n').count();
                        fault.at(self.path, 1 + before as u64)
                    })?;
            }
            at += line.len() + 1;
        }
        Ok(table)
    }
}

/// Where about equal parts of whole lines start and end.
fn parts(text: &[u8], start: usize, count: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut from = start;
    for number in 1..=count {
        let about = start + (text.len() - start) * number / count;
        let rest = &text[about.max(from)..];
        let line = rest.iter().position(|&byte| byte == b'\n');
        let to = match line {
            Some(line) if number < count => about.max(from) + line + 1,
            _ => text.len(),
        };
        parts.push((from, to));
        from = to;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_and_nothing_is_lost() {
        let text = b"head\n1,2\n3,4\n\n55555555555555,6\n7,8";
        for count in 1..9 {
            let parts = parts(text, 5, count);
            assert_eq!((parts[0].0, parts[count - 1].1), (5, text.len()));
            for pair in parts.windows(2) {
                assert_eq!(pair[0].1, pair[1].0);
                assert!(pair[1].0 == text.len() || text[pair[1].0 - 1] == b'\n');
            }
        }
    }

    #[test]
    fn quotes_and_old_line_ends_are_not_plain() {
        assert!(is_plain(b"") && is_plain(b"1,2\r\n3,4\n") && is_plain(b"1,2\r\n"));
        for text in [&b"\"a\",1"[..], b"1,2\r3,4\n", b"1,2\r\r\n"] {
            assert!(!is_plain(text));
        }
        assert!(is_plain(b"1,2\r"), "an end of line at the end of the text");
    }
}
