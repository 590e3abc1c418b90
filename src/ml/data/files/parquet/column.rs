//! The values of a column of a Parquet file, whatever their kind.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{AsBytes, ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;

use crate::ml::data::files::role::Role;
use crate::ml::data::files::table::Cell;

/// Values that are decoded at a time.
const CHUNK: usize = 1 << 14;

/// Why a column of this role cannot be read, if it cannot.
pub(super) fn unread(column: &ColumnDescriptor, role: Role) -> Option<String> {
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

/// The value of a feature; NaN where it is missing.
pub(super) fn feature(cell: &Cell<'_>) -> f32 {
    match *cell {
        Cell::Number(value) => value as f32,
        Cell::Signed(value) => value as f64 as f32,
        Cell::Unsigned(value) => value as f64 as f32,
        Cell::Missing | Cell::Text(_) => f32::NAN,
    }
}

/// Gives each value of a column, of which there are at most so many, to `take`; until it wants no more, and says why.
pub(super) fn cells(
    reader: ColumnReader,
    column: &ColumnDescriptor,
    most: usize,
    take: impl FnMut(Cell<'_>) -> Result<(), String>,
) -> Result<(), ParquetError> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::Int32ColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::Int64ColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::FloatColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::DoubleColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::ByteArrayColumnReader(reader) => each(reader, column, most, take),
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            Err(ParquetError::General("its kind is not read".to_owned()))
        }
    }
}

/// The same for a column of one kind.
fn each<D: DataType<T: Value>>(
    mut reader: ColumnReaderImpl<D>,
    column: &ColumnDescriptor,
    most: usize,
    mut take: impl FnMut(Cell<'_>) -> Result<(), String>,
) -> Result<(), ParquetError> {
    let (is_signed, whole) = (!is_unsigned(column), column.max_def_level());
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut left = most;
    let mut take = |cell: Cell<'_>| take(cell).map_err(ParquetError::General);
    while left > 0 {
        values.clear();
        levels.clear();
        let chunk = CHUNK.min(left);
        let (rows, ..) = reader.read_records(chunk, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            break;
        }
        let mut values = values.iter().map(|value: &D::T| value.cell(is_signed));
        if whole == 0 {
            left -= values.len();
            values.try_for_each(&mut take)?;
            continue;
        }
        // Where the level of a row is lower, its value is missing, and is not among the values.
        left -= levels.len();
        for level in &levels {
            let value = if *level == whole { values.next() } else { None };
            take(value.unwrap_or(Cell::Missing))?;
        }
    }
    Ok(())
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
        match is_signed {
            true => Cell::Signed(*self),
            false => Cell::Unsigned(self.cast_unsigned()),
        }
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
