//! Matrices in numpy's NPY format, versions 1 to 3: one row a line, the class in one of the columns.
//!
//! The format is described in numpy's documentation of `numpy.lib.format`: a magic string, the version, the length of a
//! header, the header as a Python dictionary, the values.

use super::csv::{Format, Label};
use super::table::Table;
use super::{DataError, MAX_CLASSES, MAX_FEATURES, MAX_ROWS};

/// Reads a matrix. `path` is for errors.
pub(super) fn read(path: &str, bytes: &[u8], format: &Format) -> Result<Table, DataError> {
    let failed = |reason: String| DataError::file(path, reason);
    let matrix = Matrix::read(bytes).map_err(failed)?;
    let [rows, columns] = matrix.shape;
    let label = match format.label {
        Label::Last => columns - 1,
        Label::Position(position) if (1..=columns).contains(&position) => position - 1,
        Label::Position(position) => {
            let reason = format!("there is no column {position}; there are {columns}");
            return Err(failed(reason));
        }
        Label::Named(_) => {
            return Err(failed(
                "its columns have no names; say label=NUMBER".to_owned(),
            ));
        }
    };
    let mut features = Vec::with_capacity(rows * (columns - 1));
    let mut labels = Vec::with_capacity(rows);
    for (place, value) in matrix.values().enumerate() {
        let (row, column) = (place / columns, place % columns);
        if column == label {
            if value.fract() != 0.0 || !(0.0..MAX_CLASSES as f64).contains(&value) {
                let reason =
                    format!("row {row} has class {value}; classes are whole numbers from 0");
                return Err(failed(reason));
            }
            labels.push(value as u32);
            continue;
        }
        let feature = value as f32 / format.scale;
        if !feature.is_finite() {
            let reason = format!("row {row} has {value} in column {column}, counted from 0");
            return Err(failed(reason));
        }
        features.push(feature);
    }
    Ok(Table::of_numbers(path, columns - 1, features, labels))
}

/// A matrix as it lies in the file.
struct Matrix<'a> {
    /// Rows, columns.
    shape: [usize; 2],
    size: usize,
    value: fn(&[u8]) -> f64,
    bytes: &'a [u8],
}

/// Reads one little-endian value of a type.
macro_rules! reader {
    ($type:ty) => {
        |bytes| {
            let mut value = [0; size_of::<$type>()];
            value.copy_from_slice(bytes);
            <$type>::from_le_bytes(value) as f64
        }
    };
}

impl<'a> Matrix<'a> {
    fn read(bytes: &'a [u8]) -> Result<Matrix<'a>, String> {
        let (header, bytes) =
            header(bytes).ok_or("it is no NPY file, or its header is cut short")?;
        let descr = entry(header, "descr").ok_or("its header does not say the type")?;
        let (size, value): (usize, fn(&[u8]) -> f64) = match descr.trim_matches(['\'', '"']) {
            "|u1" => (1, |bytes| f64::from(bytes[0])),
            "<i4" => (4, reader!(i32)),
            "<i8" => (8, reader!(i64)),
            "<f4" => (4, reader!(f32)),
            "<f8" => (8, reader!(f64)),
            other => {
                return Err(format!(
                    "its values are of type {other}; known are |u1, <i4, <i8, <f4, <f8"
                ));
            }
        };
        if entry(header, "fortran_order") != Some("False") {
            return Err("its columns lie one after the other; save it in C order".to_owned());
        }
        let shape = shape(header).ok_or("it is no matrix of rows and columns")?;
        let [rows, columns] = shape;
        if rows == 0 || rows > MAX_ROWS || !(2..=MAX_FEATURES + 1).contains(&columns) {
            return Err(format!(
                "{rows} rows of {columns} columns; a row has 1 to {MAX_FEATURES} features and a class"
            ));
        }
        let expected = rows.checked_mul(columns).and_then(|n| n.checked_mul(size));
        if expected != Some(bytes.len()) {
            let length = bytes.len();
            return Err(format!(
                "{rows} rows of {columns} columns do not fit its {length} bytes of values"
            ));
        }
        Ok(Matrix {
            shape,
            size,
            value,
            bytes,
        })
    }

    /// All values, row by row.
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.bytes.chunks_exact(self.size).map(self.value)
    }
}

/// The header, and what follows it.
fn header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_le_bytes(*length) as usize, rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return None,
    };
    let (header, values) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, values))
}

/// What the header's dictionary says of a key, up to the next comma; not for tuples.
fn entry<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = header.split_once(&format!("'{key}'"))?;
    let value = after.trim_start().strip_prefix(':')?;
    Some(value.split([',', '}']).next()?.trim())
}

fn shape(header: &str) -> Option<[usize; 2]> {
    let (_, after) = header.split_once("'shape'")?;
    let tuple = after.trim_start().strip_prefix(':')?.trim_start();
    let (inside, _) = tuple.strip_prefix('(')?.split_once(')')?;
    let mut sizes = inside
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let shape = [sizes.next()?.parse().ok()?, sizes.next()?.parse().ok()?];
    sizes.next().is_none().then_some(shape)
}

#[cfg(test)]
mod tests {
    use super::super::table::assemble;
    use super::*;

    fn npy(header: &str, values: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(values);
        file
    }

    fn header(descr: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}      \n")
    }

    fn rows(bytes: &[u8], label: Label) -> Result<Vec<Vec<f32>>, String> {
        let format = Format {
            label,
            ..Format::default()
        };
        let table = read("a.npy", bytes, &format).map_err(|error| error.to_string())?;
        let data = assemble(vec![table]).map_err(|error| error.to_string())?;
        let row = |row: usize| {
            let label = data[0].labels()[row] as f32;
            [data[0].row(row), &[label]].concat()
        };
        Ok((0..data[0].rows()).map(row).collect())
    }

    #[test]
    fn matrices_of_each_type_are_read() {
        let floats: Vec<u8> = [0.5f32, 2.0, -1.0, 0.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let file = npy(&header("<f4", "(2, 2)"), &floats);
        assert_eq!(
            rows(&file, Label::Last),
            Ok(vec![vec![0.5, 2.0], vec![-1.0, 0.0]])
        );
        let file = npy(&header("|u1", "(1, 3)"), &[1, 20, 30]);
        assert_eq!(
            rows(&file, Label::Position(1)),
            Ok(vec![vec![20.0, 30.0, 1.0]])
        );
        let wide: Vec<u8> = [3i64, 1].iter().flat_map(|v| v.to_le_bytes()).collect();
        let file = npy(&header("<i8", "(1, 2)"), &wide);
        assert_eq!(rows(&file, Label::Last), Ok(vec![vec![3.0, 1.0]]));
    }

    #[test]
    fn lies_are_named() {
        let error = |file: &[u8]| rows(file, Label::Last).unwrap_err();
        assert!(error(b"PK").contains("no NPY file"));
        assert!(error(&npy(&header(">f4", "(1, 2)"), &[0; 8])).contains(">f4"));
        assert!(error(&npy(&header("<f4", "(8,)"), &[0; 32])).contains("no matrix"));
        assert!(error(&npy(&header("<f4", "(2, 2)"), &[0; 8])).contains("8 bytes"));
        assert!(error(&npy(&header("<f4", "(99999999999, 2)"), &[])).contains("rows of"));
        assert!(error(&npy(&header("<f4", "(4, 1)"), &[0; 16])).contains("1 columns"));
        let fortran = header("<f4", "(1, 2)").replace("False", "True");
        assert!(error(&npy(&fortran, &[0; 8])).contains("C order"));
        let nan: Vec<u8> = [f32::NAN, 0.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert!(error(&npy(&header("<f4", "(1, 2)"), &nan)).contains("NaN in column 0"));
        let half: Vec<u8> = [0.0f32, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(error(&npy(&header("<f4", "(1, 2)"), &half)).contains("class 0.5"));
        let good = npy(&header("|u1", "(1, 2)"), &[1, 2]);
        assert!(
            rows(&good, Label::Position(3))
                .unwrap_err()
                .contains("no column 3")
        );
        assert!(
            rows(&good, Label::Named("y".into()))
                .unwrap_err()
                .contains("no names")
        );
    }
}
