//! Rows from comma-separated text, each value checked at its place.
//!
//! Text without quotes is cut at its commas and line ends, in parts on several cores. Text with
//! quotes goes through the `csv` library, which knows their rules.

use std::iter;

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::format::{Column, Format};
use super::labels::number;
use super::parallel;
use super::role::{Role, roles};
use super::table::{Fault, Table};
use crate::ml::cores::cores;
use crate::ml::data::DataError;

/// Smallest part of a text that is worth a thread, in bytes.
const PART: usize = 1 << 20;

/// Reads a text. `path` is for errors.
pub(super) fn read(path: &str, text: &[u8], format: &Format) -> Result<Table, DataError> {
    read_parts(path, text, format, PART)
}

/// Reads a text in parts of at least `part` bytes.
fn read_parts(path: &str, text: &[u8], format: &Format, part: usize) -> Result<Table, DataError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        reader
            .read_byte_record(record)
            .map_err(|error| DataError::file(path, error))
    };
    let mut more = next(&mut record)?;
    let by_name = |field: &&Column| matches!(field, Column::Named(_));
    let named = iter::once(&format.target)
        .chain(&format.shard)
        .any(|field| by_name(&field));
    let header = more && format.header.unwrap_or(named || is_header(&record));
    if !more {
        return Err(DataError::file(path, "it is empty"));
    }
    let roles = roles(path, format, header.then_some(&record), record.len())?;
    if header {
        more = next(&mut record)?;
    }
    if !more {
        return Err(DataError::file(path, "no rows"));
    }
    let target = roles.iter().position(|role| *role == Role::Target);
    let first = target
        .and_then(|target| record.get(target))
        .unwrap_or_default();
    let mut table = Table::new(path, roles, first, format);
    if text.contains(&b'"') {
        while more {
            let place = |fault: Fault| fault.at(path, line(text, position(&record)));
            table.push(record.iter()).map_err(place)?;
            more = next(&mut record)?;
        }
        return Ok(table);
    }
    // A record's position is where the one before it ended.
    let parts: Vec<(usize, &[u8])> = parts(text, position(&record), part);
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

fn is_header(record: &ByteRecord) -> bool {
    record.iter().all(|field| number(field).is_none())
}

/// Where the record before this one ended.
fn position(record: &ByteRecord) -> usize {
    record
        .position()
        .map_or(0, |position| position.byte() as usize)
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
mod tests {
    use super::super::missing::Missing;
    use super::super::table::assemble;
    use super::*;
    use crate::ml::data::{Dataset, TargetKind, Targets};

    fn data(text: &str, format: &Format) -> Result<Dataset, String> {
        read("a.csv", text.as_bytes(), format)
            .and_then(|table| assemble(vec![table]))
            .map(|mut all| all.swap_remove(0))
            .map_err(|error| error.to_string())
    }

    fn error(text: &str) -> String {
        data(text, &Format::default()).unwrap_err()
    }

    #[test]
    fn plain_rows() {
        let data = data("1,2,0\n\n 3 , -4e-1,2\r\n", &Format::default()).unwrap();
        assert_eq!(
            (data.row(0), data.row(1)),
            (&[1.0, 2.0][..], &[3.0, -0.4][..])
        );
        assert_eq!((data.labels(), data.classes()), (&[0, 2][..], 3));
    }

    #[test]
    fn headers_are_seen_or_said() {
        let auto = data("a,b,class\n1,2,0\n", &Format::default()).unwrap();
        assert_eq!(auto.rows(), 1);
        let said = Format {
            header: Some(true),
            ..Format::default()
        };
        assert_eq!(data("1,2,3\n1,2,0\n", &said).unwrap().rows(), 1);
        let none = Format {
            header: Some(false),
            ..Format::default()
        };
        let wrong = data("a,b,class\n1,2,0\n", &none).unwrap_err();
        assert_eq!(wrong, "a.csv:1:1: \"a\" is not a number");
    }

    #[test]
    fn the_class_may_be_anywhere() {
        let label = |target| Format {
            target,
            ..Format::default()
        };
        let first = data("1,20,30\n0,40,50", &label(Column::Position(1))).unwrap();
        assert_eq!(
            (first.labels(), first.row(1)),
            (&[1, 0][..], &[40.0, 50.0][..])
        );
        let named = data(
            "a,kind,b\n1,y,2\n3,x,4",
            &label(Column::Named("kind".into())),
        )
        .unwrap();
        assert_eq!(
            (named.labels(), named.row(1)),
            (&[1, 0][..], &[3.0, 4.0][..])
        );
        let error = |text, format| data(text, &format).unwrap_err();
        assert_eq!(
            error("1,2", label(Column::Position(3))),
            "a.csv: there is no column 3; there are 2"
        );
        assert_eq!(
            error("a,b\n1,2", label(Column::Named("c".into()))),
            "a.csv: there is no column `c`"
        );
    }

    #[test]
    fn targets_may_be_real_values() {
        let target = |target| Format {
            target,
            kind: TargetKind::Value,
            ..Format::default()
        };
        let last = target(Column::Last);
        let found = data("a,b\n1,2.5\n3,-1e3\n", &last).unwrap();
        assert_eq!(found.targets(), &Targets::Values(vec![2.5, -1e3]));
        assert_eq!((found.row(1), found.classes()), (&[3.0][..], 0));
        let named = target(Column::Named("a".into()));
        let scaled = Format {
            scale: Some(10.0),
            ..named
        };
        let found = data("a,b\n7,20\n\"0.5\",40\n", &scaled).unwrap();
        assert_eq!(
            found.targets(),
            &Targets::Values(vec![7.0, 0.5]),
            "as they are"
        );
        assert_eq!(found.row(0), [2.0]);
        let error = |text| data(text, &last).unwrap_err();
        assert_eq!(error("1,2\n3,x"), "a.csv:2:2: \"x\" is not a number");
        assert_eq!(error("1,2\n3,"), "a.csv:2:2: \"\" is not a number");
        assert_eq!(
            error("1,1e39"),
            "a.csv:1:2: \"1e39\" is not a finite number"
        );
        let gaps = Format {
            missing: Missing::Drop,
            ..target(Column::Last)
        };
        let mut table = read("a.csv", b"1,5\n?,6\n3,7", &gaps).unwrap();
        table.drop_gaps().unwrap();
        let kept = assemble(vec![table]).unwrap().swap_remove(0);
        assert_eq!(kept.targets(), &Targets::Values(vec![5.0, 7.0]));
        let classes = read("b.csv", b"1,0", &Format::default()).unwrap();
        let values = read("c.csv", b"1,0", &last).unwrap();
        let mixed = assemble(vec![classes, values]).unwrap_err().to_string();
        assert_eq!(
            mixed,
            "c.csv: either its targets or those of b.csv are real values, not both"
        );
    }

    #[test]
    fn names_become_classes_in_sorted_order() {
        let data = data("1,pear\n2,apple\n3,10\n4,pear", &Format::default()).unwrap();
        assert_eq!((data.labels(), data.classes()), (&[2, 1, 0, 2][..], 3));
    }

    #[test]
    fn features_are_divided() {
        let format = Format {
            scale: Some(16.0),
            ..Format::default()
        };
        assert_eq!(data("8,4,0", &format).unwrap().row(0), [0.5, 0.25]);
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(error("1,2,0\n1,x1,0"), "a.csv:2:2: \"x1\" is not a number");
        assert_eq!(error("1,2,0\n1,,0"), "a.csv:2:2: \"\" is not a number");
        assert_eq!(
            error("1,nan,0"),
            "a.csv:1:2: \"nan\" is not a finite number"
        );
        assert_eq!(
            error("1,1e99,0"),
            "a.csv:1:2: \"1e99\" is not a finite number"
        );
        assert_eq!(
            error("1,2,0\n\n1,2,3,4"),
            "a.csv:3: 4 fields, but the first row has 3"
        );
        assert_eq!(
            error("1,2,0\r\n\r\n1,2\r\n"),
            "a.csv:3: 2 fields, but the first row has 3"
        );
        assert_eq!(
            error("\u{feff}1,2,0\n1,y,0"),
            "a.csv:2:2: \"y\" is not a number"
        );
        assert_eq!(
            error("1,2,0\n\"1\n\",z,0\n"),
            "a.csv:2:2: \"z\" is not a number"
        );
        assert_eq!(error(""), "a.csv: it is empty");
        assert_eq!(error("a,b\n"), "a.csv: no rows");
        assert!(error("1\n2").starts_with("a.csv: it has 1 columns"));
        for label in ["-1", "2.5", "70000", "inf", "NaN", "1e300"] {
            let text = format!("1,2,0\n3,4,{label}");
            let start = format!("a.csv:2:3: {label:?} is no class");
            assert!(error(&text).starts_with(&start), "{}", error(&text));
        }
        let mixed = "a.csv:2:3: \"A\" is not a number, as the classes before it are";
        assert_eq!(error("1,2,0\n3,4,A"), mixed);
        assert_eq!(error("1,A\n2,"), "a.csv:2:2: \"\" is no class: it is empty");
        let bytes = read("a.csv", b"1,2,0\n\xff\xfe,2,0", &Format::default()).unwrap_err();
        assert!(bytes.to_string().starts_with("a.csv:2:1: "));
    }

    #[test]
    fn texts_must_go_together() {
        let table =
            |path, text: &'static str| read(path, text.as_bytes(), &Format::default()).unwrap();
        let together = |second| assemble(vec![table("a", "1,2,7"), table("b", second)]);
        assert_eq!(together("1,2,3").unwrap()[1].classes(), 8);
        let error = together("1,2").unwrap_err().to_string();
        assert_eq!(error, "b: 1 features, but a has 2");
        assert!(
            together("1,2,x")
                .unwrap_err()
                .to_string()
                .starts_with("b: either")
        );
    }

    /// What a text is read as, in one part through the library (quotes in a last line that is cut
    /// off again would change the rows, so quotes go around one number) and in many parts.
    #[test]
    fn parts_and_ways_of_reading_change_nothing() {
        let mut lines = Vec::new();
        for row in 0..500 {
            let number = f64::from(row) * 0.37;
            let end = ["\n", "\r\n", "\n\n", " \r\n"][row as usize % 4];
            lines.push(format!("{number}, -{row}e-1,{number:.18},{}{end}", row % 7));
        }
        let plain = lines.concat();
        let quoted = plain.replacen("0,", "\"0\",", 1);
        let data = |text: &str, part| {
            let table = read_parts("a.csv", text.as_bytes(), &Format::default(), part).unwrap();
            assemble(vec![table]).unwrap().swap_remove(0)
        };
        let whole = data(&quoted, PART);
        assert_eq!((whole.rows(), whole.row(100)[1]), (500, -10.0));
        for part in [1, 10, 100, 1_000, PART] {
            assert!(data(&plain, part) == whole, "{part}");
        }
        // An error is the first of the text, wherever it is cut.
        let wrong = format!("{plain}1,2,3\n{plain}x,2,3,4\n");
        for part in [1, 1_000, PART] {
            let error = read_parts("a.csv", wrong.as_bytes(), &Format::default(), part);
            let text = "a.csv:626: 3 fields, but the first row has 4";
            assert_eq!(error.unwrap_err().to_string(), text);
        }
    }
}
