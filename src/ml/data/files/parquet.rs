//! Parquet files: columns with names and kinds, as pandas, Polars, DuckDB and Spark write them.
//!
//! Read are columns of numbers and truth values, and texts where they are classes or name shards; plain, or packed by
//! Snappy or gzip. A missing value is a gap as an empty field of text is. The `parquet` crate knows the format; here columns
//! become rows, one group of rows after the other.

mod column;
mod schema;

use std::fs::File;

use csv::ByteRecord;
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::format::Format;
use super::guarded::guarded;
use super::input::MAX_FILE;
use super::missing::{Missing, is_gap};
use super::role::{Role, roles};
use super::table::{Cell, Columns, Fault, Fields, Table};
use crate::ml::data::{DataError, MAX_ROWS, Root};
use column::{cells, feature, unread};

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
        schema::check(&file).map_err(|reason| DataError::file(path, reason))?;
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
            let targets = (0..rows).map(|row| columns.targets.text(row));
            let first = targets.into_iter().find(|target| !is_gap(target));
            if first.is_none() && format.missing == Missing::Drop {
                before = all;
                continue;
            }
            let new = || {
                let first = first.as_deref().unwrap_or_default();
                Table::new(self.path, roles.clone(), first, format).with_names(&names)
            };
            let table = table.get_or_insert_with(new);
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
                Role::Feature => columns.features.push(column.features()?),
                Role::Target => columns.targets = column.fields()?,
                Role::Shard => columns.shards = column.fields()?,
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
    /// The values of a feature.
    fn features(&self) -> Result<Vec<f32>, DataError> {
        let mut values = Vec::new();
        self.each(|cell| {
            values.push(feature(&cell));
            Ok(())
        })?;
        Ok(values)
    }

    /// The fields of a target, or of names of shards.
    fn fields(&self) -> Result<Fields, DataError> {
        let mut fields = Fields::default();
        self.each(|cell| fields.push(cell))?;
        Ok(fields)
    }

    /// Gives every value to `take`, until it says what is wrong.
    fn each(&self, mut take: impl FnMut(Cell<'_>) -> Result<(), String>) -> Result<(), DataError> {
        let metadata = self.group.metadata().column(self.number);
        let described = metadata.column_descr();
        let wrong = |reason: String| {
            let name = described.path().string();
            DataError::file(self.path, format!("column `{name}` {reason}"))
        };
        match metadata.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => {}
            packing => {
                let packing = packed_by(packing);
                return Err(wrong(format!(
                    "is packed by {packing}, which is not read; write it with compression=\"snappy\" or \"gzip\""
                )));
            }
        }
        let mut found = 0;
        let count = |cell: Cell<'_>| {
            found += 1;
            take(cell)
        };
        let reader = self.group.get_column_reader(self.number);
        let read = reader.and_then(|reader| cells(reader, described, self.rows, count));
        read.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let rows = self.rows;
        if found != rows {
            return Err(wrong(format!(
                "has {found} values where there are {rows} rows"
            )));
        }
        Ok(())
    }
}

/// The name of a packing, as writers of files know it.
fn packed_by(packing: Compression) -> String {
    let name = format!("{packing:?}").to_lowercase();
    name.split('(').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::column::writer::ColumnWriter;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::super::path::tests::Folder;
    use crate::ml::data::{DATA, Opened, Root};
    use crate::seed::Seed;

    /// Writes a group of whole numbers for each list of columns.
    fn write(folder: &Folder, name: &str, columns: &[&str], groups: &[&[&[i64]]]) {
        let fields = columns.iter().map(|name| format!("required int64 {name};"));
        let message = format!("message rows {{ {} }}", fields.collect::<String>());
        let schema = Arc::new(parse_message_type(&message).unwrap());
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
        for group in groups {
            let mut rows = writer.next_row_group().unwrap();
            for values in *group {
                let mut column = rows.next_column().unwrap().unwrap();
                let ColumnWriter::Int64ColumnWriter(typed) = column.untyped() else {
                    panic!("all columns are of one kind")
                };
                typed.write_batch(values, None, None).unwrap();
                column.close().unwrap();
            }
            rows.close().unwrap();
        }
        writer.close().unwrap();
    }

    #[test]
    fn whole_numbers_are_exact_and_the_index_is_left_out() {
        let folder = Folder::new(&[]);
        let columns = ["a", "site", "y", "__index_level_0__"];
        let large = 1 << 53;
        write(
            &folder,
            "a.parquet",
            &columns,
            &[
                &[&[1, 2], &[large, large + 1], &[0, 1], &[7, 8]],
                &[&[3], &[large], &[1], &[9]],
            ],
        );
        let origin = DATA.build("path:a.parquet,by=site").unwrap();
        let root = Root::new(folder.path()).unwrap();
        let Opened::Parts { shards, .. } = origin.open(&root, Seed(0)).unwrap() else {
            panic!("rows bring their shards")
        };
        let found: Vec<_> = shards
            .iter()
            .map(|(name, rows)| (&name[..], rows.labels(), rows.row(0), rows.width()))
            .collect();
        assert_eq!(
            found,
            [
                ("9007199254740992", &[0, 1][..], &[1.0][..], 1),
                ("9007199254740993", &[1][..], &[2.0][..], 1),
            ]
        );
    }
}
