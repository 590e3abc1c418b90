//! Rows from comma-separated text, each value checked at its place.
//!
//! Text without quotes is cut at its commas and line ends, in parts on several cores. Text with
//! quotes goes through the `csv` library, which knows their rules.

mod header;
mod records;

use std::iter;

use csv::ByteRecord;

use super::format::{Column, Format};
use super::missing::is_gap;
use super::parallel;
use super::role::{Role, roles};
use super::table::{Fault, Table};
use crate::ml::cores::cores;
use crate::ml::data::DataError;
use header::{counts_up, is_header};
use records::{Records, position};

/// Smallest part of a text that is worth a thread, in bytes.
const PART: usize = 1 << 20;

/// Reads a text. `path` is for errors.
pub(super) fn read(path: &str, text: &[u8], format: &Format) -> Result<Table, DataError> {
    read_parts(path, text, format, PART)
}

/// Reads a text in parts of at least `part` bytes.
fn read_parts(path: &str, text: &[u8], format: &Format, part: usize) -> Result<Table, DataError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut records = Records::of(path, text);
    let Some(mut first) = records.next()? else {
        return Err(DataError::file(path, "it is empty"));
    };
    let by_name = |field: &&Column| matches!(field, Column::Named(_));
    let named = iter::once(&format.target)
        .chain(&format.shard)
        .any(|field| by_name(&field));
    let has_header = format.header.unwrap_or(named || is_header(&first));
    let mut header = None;
    if has_header {
        let Some(next) = records.next()? else {
            return Err(DataError::file(path, "no rows"));
        };
        header = Some(std::mem::replace(&mut first, next));
    }
    let fields = header.as_ref().map_or(first.len(), ByteRecord::len);
    let roles = roles(path, format, header.as_ref(), fields)?;
    let target = roles.iter().position(|role| *role == Role::Target);
    let target = target.unwrap_or_default();
    let start = position(&first);
    let seen = first_target(path, &text[start..], target)?;
    let mut table = Table::new(path, roles, &seen, format);
    if let Some(header) = &header {
        table = table.with_names(header);
    }
    let table = match text.contains(&b'"') {
        true => read_quoted(path, text, start, table)?,
        false => read_plain(path, text, start, table, part)?,
    };
    let in_doubt = table.turns_to_numbers() || counts_up(&first, target);
    if in_doubt && header.is_none() && format.header.is_none() {
        let reason = "it may be names of columns or a row; say header=yes or header=no".to_owned();
        let (path, line) = (path.to_owned(), line(text, start));
        return Err(DataError::Line { path, line, reason });
    }
    Ok(table)
}

/// The first target that is not missing, empty if there is none.
fn first_target(path: &str, rows: &[u8], target: usize) -> Result<Vec<u8>, DataError> {
    let mut records = Records::of(path, rows);
    while let Some(record) = records.next()? {
        let field = record.get(target).unwrap_or_default();
        if !is_gap(field) {
            return Ok(field.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Adds the rows of text with quotes, from `start` on.
fn read_quoted(
    path: &str,
    text: &[u8],
    start: usize,
    mut table: Table,
) -> Result<Table, DataError> {
    let mut records = Records::of(path, &text[start..]);
    let mut record = ByteRecord::new();
    while records.read(&mut record)? {
        let place = |fault: Fault| fault.at(path, line(text, start + position(&record)));
        table.push(record.iter()).map_err(place)?;
    }
    Ok(table)
}

/// Adds the rows of text without quotes, from `start` on, in parts.
fn read_plain(
    path: &str,
    text: &[u8],
    start: usize,
    mut table: Table,
    part: usize,
) -> Result<Table, DataError> {
    let parts: Vec<(usize, &[u8])> = parts(text, start, part);
    let read: Vec<Result<Table, DataError>> = parallel::map(&parts, |(start, part)| {
        let mut rows = table.like();
        let place = |(at, fault): (usize, Fault)| fault.at(path, line(text, start + at));
        push_lines(&mut rows, part).map_err(place)?;
        Ok(rows)
    });
    for rows in read {
        table.append(rows?);
    }
    Ok(table)
}

/// Cuts the text from `start` on into parts of whole lines, one a core, of at least `least` bytes;
/// each with its place.
fn parts(text: &[u8], mut start: usize, least: usize) -> Vec<(usize, &[u8])> {
    let all = text.len() - start;
    let size = (all / cores()).max(least);
    let mut parts = Vec::new();
    while start < text.len() {
        let after = (start + size).min(text.len());
        let line_end = text[after..].iter().position(|byte| *byte == b'\n');
        let end = line_end.map_or(text.len(), |length| after + length + 1);
        parts.push((start, &text[start..end]));
        start = end;
    }
    parts
}

/// Adds the rows of lines without quotes. The error comes with the place where its line starts.
fn push_lines(table: &mut Table, lines: &[u8]) -> Result<(), (usize, Fault)> {
    let mut at = 0;
    while at < lines.len() {
        if matches!(lines[at], b'\r' | b'\n') {
            at += 1;
            continue;
        }
        if let Some(length) = table.push_plain(&lines[at..]) {
            at += length;
            continue;
        }
        let rest = &lines[at..];
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let line = &rest[..end.unwrap_or(rest.len())];
        let fields = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        table.push(fields).map_err(|fault| (at, fault))?;
        at += line.len();
    }
    Ok(())
}

/// Number of the line, from 1, on which a record starts that lies at `place`, or behind blank lines
/// from there.
fn line(text: &[u8], place: usize) -> u64 {
    let place = place.min(text.len());
    let blank = text[place..]
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    1 + text[..place + blank]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count() as u64
}

#[cfg(test)]
mod tests;
