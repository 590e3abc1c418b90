//! Parquet files: columns with names and kinds, as pandas, Polars, DuckDB and Spark write them.
//!
//! Read are columns of numbers and truth values, and texts where they are classes or name shards; plain, or packed by
//! Snappy or gzip. A missing value is a gap as an empty field of text is. The `parquet` crate knows the format; here columns
//! become rows, one group of rows after the other.

use std::fs::File;

use csv::ByteRecord;
use parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{AsBytes, ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::format::Format;
use super::guarded::guarded;
use super::input::MAX_FILE;
use super::role::{Role, roles};
use super::table::Table;
use super::{DataError, MAX_ROWS, Root};

/// Values of a column that are decoded at a time.
const CHUNK: usize = 1 << 14;

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
            let (features, targets, shards) = self.group(group, rows, &roles)?;
            let first = targets.first().map_or(&b""[..], |first| first);
            let table =
                table.get_or_insert_with(|| Table::new(self.path, roles.clone(), first, format));
            let place = |(row, fault): (usize, super::table::Fault)| {
                fault.at(self.path, (before + row + 1) as u64)
            };
            let pushed = table.push_columns(&features, &targets, &shards);
            pushed.map_err(place)?;
            before = all;
        }
        table.ok_or_else(|| DataError::file(self.path, "no rows"))
    }

    /// Features column by column, targets, and names of shards, of a group of rows.
    fn group(&self, number: usize, rows: usize, roles: &[Role]) -> Result<Group, DataError> {
        let failed = |reason: &dyn std::fmt::Display| DataError::file(self.path, reason);
        let group = self.file.get_row_group(number);
        let group = group.map_err(|error| failed(&error))?;
        let (mut features, mut targets, mut shards) = (Vec::new(), Vec::new(), Vec::new());
        for (column, role) in roles.iter().enumerate() {
            if *role == Role::Nothing {
                continue;
            }
            let descriptor = group.metadata().column(column).column_descr();
            let packing = group.metadata().column(column).compression();
            if !matches!(
                packing,
                Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_)
            ) {
                let name = descriptor.path().string();
                return Err(failed(&format!(
                    "column `{name}` is packed by {packing:?}, which is not read; write it with \
                     compression=\"snappy\" or \"gzip\""
                )));
            }
            let reader = group.get_column_reader(column);
            let reader = reader.map_err(|error| failed(&error))?;
            let wrong = |error| {
                let name = descriptor.path().string();
                failed(&format!("column `{name}`: {error}"))
            };
            let found = if *role == Role::Feature {
                let values = cells(reader, descriptor, rows, feature).map_err(wrong)?;
                features.push(values);
                features.last().map_or(0, Vec::len)
            } else {
                let texts = match role {
                    Role::Target => &mut targets,
                    _ => &mut shards,
                };
                *texts = cells(reader, descriptor, rows, text).map_err(wrong)?;
                texts.len()
            };
            if found != rows {
                let name = descriptor.path().string();
                return Err(failed(&format!(
                    "column `{name}` has {found} values where there are {rows} rows"
                )));
            }
        }
        Ok((features, targets, shards))
    }
}

/// Features column by column, targets, and names of shards.
type Group = (Vec<Vec<f32>>, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// A value of a column.
enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a [u8]),
}

/// The value of a feature; NaN where it is missing.
fn feature(cell: Cell<'_>) -> f32 {
    match cell {
        Cell::Number(value) => value as f32,
        Cell::Missing | Cell::Text(_) => f32::NAN,
    }
}

/// A value as a field of text would have it.
fn text(cell: Cell<'_>) -> Vec<u8> {
    match cell {
        Cell::Missing => Vec::new(),
        Cell::Number(value) => value.to_string().into_bytes(),
        Cell::Text(text) => text.to_vec(),
    }
}

/// Why a column of this role cannot be read, if it cannot.
fn unread(column: &ColumnDescriptor, role: Role) -> Option<String> {
    if role == Role::Nothing {
        return None;
    }
    let kind = match (column.physical_type(), column.logical_type_ref()) {
        _ if column.max_rep_level() > 0 => "is a list",
        (_, Some(LogicalType::Decimal(_))) => "is of decimals",
        (_, Some(LogicalType::Date | LogicalType::Time(_) | LogicalType::Timestamp(_))) => {
            "is of dates or times"
        }
        (Type::INT96, _) => "is of dates or times",
        (Type::FIXED_LEN_BYTE_ARRAY, _) => "is of bytes",
        _ => match column.converted_type() {
            ConvertedType::DECIMAL => "is of decimals",
            ConvertedType::DATE
            | ConvertedType::TIME_MILLIS
            | ConvertedType::TIME_MICROS
            | ConvertedType::TIMESTAMP_MILLIS
            | ConvertedType::TIMESTAMP_MICROS => "is of dates or times",
            _ if column.physical_type() == Type::BYTE_ARRAY && role == Role::Feature => "is text",
            _ => return None,
        },
    };
    Some(format!(
        "{kind}, which is no feature, class or target; make numbers of it, or leave it out with without="
    ))
}

/// What `make` makes of each value of a column, of which there are at most so many.
fn cells<R>(
    reader: ColumnReader,
    column: &ColumnDescriptor,
    most: usize,
    make: fn(Cell<'_>) -> R,
) -> Result<Vec<R>, ParquetError> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::Int32ColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::Int64ColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::FloatColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::DoubleColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::ByteArrayColumnReader(reader) => each(reader, column, most, make),
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            Err(ParquetError::General("its kind is not read".to_owned()))
        }
    }
}

/// The same for a column of one kind.
fn each<D: DataType<T: Value>, R>(
    mut reader: ColumnReaderImpl<D>,
    column: &ColumnDescriptor,
    most: usize,
    make: fn(Cell<'_>) -> R,
) -> Result<Vec<R>, ParquetError> {
    let (is_signed, whole) = (!is_unsigned(column), column.max_def_level());
    let (mut all, mut values, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    while all.len() < most {
        values.clear();
        levels.clear();
        let chunk = CHUNK.min(most - all.len());
        let (rows, ..) = reader.read_records(chunk, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            break;
        }
        let mut values = values.iter().map(|value: &D::T| value.cell(is_signed));
        if whole == 0 {
            all.extend(values.map(make));
            continue;
        }
        // Where the level of a row is lower, its value is missing, and is not among the values.
        all.extend(levels.iter().map(|level| {
            let value = if *level == whole { values.next() } else { None };
            make(value.unwrap_or(Cell::Missing))
        }));
    }
    Ok(all)
}

/// A value as the library decodes it.
trait Value {
    /// What it is, in a column of signed whole numbers or of others.
    fn cell(&self, is_signed: bool) -> Cell<'_>;
}

impl Value for bool {
    fn cell(&self, _: bool) -> Cell<'_> {
        Cell::Number(f64::from(u8::from(*self)))
    }
}

impl Value for i32 {
    fn cell(&self, is_signed: bool) -> Cell<'_> {
        Cell::Number(match is_signed {
            true => f64::from(*self),
            false => f64::from(self.cast_unsigned()),
        })
    }
}

impl Value for i64 {
    fn cell(&self, is_signed: bool) -> Cell<'_> {
        Cell::Number(match is_signed {
            true => *self as f64,
            false => self.cast_unsigned() as f64,
        })
    }
}

impl Value for f32 {
    fn cell(&self, _: bool) -> Cell<'_> {
        Cell::Number(f64::from(*self))
    }
}

impl Value for f64 {
    fn cell(&self, _: bool) -> Cell<'_> {
        Cell::Number(*self)
    }
}

impl Value for ByteArray {
    fn cell(&self, _: bool) -> Cell<'_> {
        Cell::Text(self.as_bytes())
    }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    let converted = matches!(
        column.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    );
    match column.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => !integer.is_signed,
        _ => converted,
    }
}
