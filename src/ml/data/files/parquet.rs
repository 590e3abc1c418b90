//! Parquet files: columns with names and kinds, as pandas, Polars, DuckDB and Spark write them.
//!
//! Read are columns of numbers and truth values, and texts where they are classes or name shards; plain, or packed by
//! Snappy or gzip. A missing value is a gap as an empty field of text is. The `parquet` crate knows the format; here columns
//! become rows, one group of rows after the other.

mod column;

use std::fs::File;

use csv::ByteRecord;
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::format::Format;
use super::guarded::guarded;
use super::input::MAX_FILE;
use super::role::{Role, roles};
use super::table::{Columns, Fault, Table};
use crate::ml::data::{DataError, MAX_ROWS, Root};
use column::{Cell, cells, feature, text, unread};

/// Reads a file.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Table, DataError> {
    if format.header.is_some() {
        let reason = "header= is for CSV files: the columns of a Parquet file always have names";
        return Err(DataError::file(path, reason));
    }
    let file = root.open(path, MAX_FILE)?;
    let read = guarded(|| Reader::open(path, file)?.table(format));
    read.unwrap_or_else(|| Err(DataError::file(path, "it is damaged")))
}

struct Reader<'a> {
    path: &'a str,
    file: SerializedFileReader<File>,
}

impl<'a> Reader<'a> {
    fn open(path: &'a str, file: File) -> Result<Self, DataError> {
        let file = SerializedFileReader::new(file);
        let file = file.map_err(|error| DataError::file(path, error))?;
        Ok(Reader { path, file })
    }

    fn table(&self, format: &Format) -> Result<Table, DataError> {
        let metadata = self.file.metadata();
        let columns = metadata.file_metadata().schema_descr().columns();
        let names = columns.iter().map(|column| column.path().string());
        let names: ByteRecord = names.collect::<Vec<_>>().into();
        let roles = roles(self.path, format, Some(&names), columns.len())?;
        for (column, role) in columns.iter().zip(&roles) {
            if let Some(reason) = unread(column, *role) {
                let reason = format!("column `{}` {reason}", column.path().string());
                return Err(DataError::file(self.path, reason));
            }
        }
        let mut table: Option<Table> = None;
        let mut before = 0;
        let width = roles.iter().filter(|role| **role == Role::Feature).count();
        for group in 0..self.file.num_row_groups() {
            let rows = metadata.row_group(group).num_rows();
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            // A run of equal values takes a few bytes, so the length of the file bounds nothing.
            let all = rows.saturating_add(before);
            if all > MAX_ROWS || 4 * width as u64 * all as u64 > MAX_FILE {
                let reason = format!(
                    "it has more than the {MAX_ROWS} rows or {MAX_FILE} bytes of features that are read"
                );
                return Err(DataError::file(self.path, reason));
            }
            if rows == 0 {
                continue;
            }
            let columns = self.group(group, rows, &roles)?;
            let first = columns.targets.first().map_or(&b""[..], |first| first);
            let table =
                table.get_or_insert_with(|| Table::new(self.path, roles.clone(), first, format));
            let place =
                |(row, fault): (usize, Fault)| fault.at(self.path, (before + row + 1) as u64);
            let pushed = table.push_columns(&columns);
            pushed.map_err(place)?;
            before = all;
        }
        table.ok_or_else(|| DataError::file(self.path, "no rows"))
    }

    /// The columns of a group of rows.
    fn group(&self, number: usize, rows: usize, roles: &[Role]) -> Result<Columns, DataError> {
        let group = self.file.get_row_group(number);
        let group = group.map_err(|error| DataError::file(self.path, error))?;
        let mut columns = Columns::default();
        for (number, role) in roles.iter().enumerate() {
            let column = Column {
                path: self.path,
                group: &*group,
                number,
                rows,
            };
            match role {
                Role::Feature => columns.features.push(column.values(feature)?),
                Role::Target => columns.targets = column.values(text)?,
                Role::Shard => columns.shards = column.values(text)?,
                Role::Nothing => {}
            }
        }
        Ok(columns)
    }
}

/// A column of a group of so many rows.
struct Column<'a> {
    path: &'a str,
    group: &'a dyn RowGroupReader,
    number: usize,
    rows: usize,
}

impl Column<'_> {
    /// What `make` makes of each value.
    fn values<R>(&self, make: fn(Cell<'_>) -> R) -> Result<Vec<R>, DataError> {
        let metadata = self.group.metadata().column(self.number);
        let described = metadata.column_descr();
        let wrong = |reason: String| {
            let name = described.path().string();
            DataError::file(self.path, format!("column `{name}` {reason}"))
        };
        match metadata.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => {}
            packing => {
                return Err(wrong(format!(
                    "is packed by {packing:?}, which is not read; write it with compression=\"snappy\" or \"gzip\""
                )));
            }
        }
        let reader = self.group.get_column_reader(self.number);
        let values = reader.and_then(|reader| cells(reader, described, self.rows, make));
        let values = values.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        if values.len() != self.rows {
            let (found, rows) = (values.len(), self.rows);
            return Err(wrong(format!(
                "has {found} values where there are {rows} rows"
            )));
        }
        Ok(values)
    }
}
