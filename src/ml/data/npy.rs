//! NPY files: arrays as numpy saves them, one row of features each.
//!
//! The magic `\x93NUMPY`, a version, the length of the header, the header (a Python dictionary with
//! `descr`, `fortran_order` and `shape`), the values (numpy, `numpy.lib.format`). The first dimension
//! counts rows; the rest are the features of a row. The targets of `NAME.npy` are in a file beside it
//! where there is one, classes in `NAME-labels.npy` and real values in `NAME-targets.npy`, and otherwise a column of it
//! (`label` or `target`, the last).

mod header;

use super::format::{Column, Format};
use super::idx::BYTE_SCALE;
use super::input::Input;
use super::labels::{Labels, class};
use super::table::Table;
use super::{DataError, MAX_CLASSES, MAX_FEATURES, MAX_ROWS, Root, TargetKind};
use header::{Header, Kind, header};

/// Whether a file of this name, without `.gz`, holds targets of another.
pub(super) fn is_targets(name: &str) -> bool {
    name.ends_with("-labels.npy") || name.ends_with("-targets.npy")
}

/// Reads an array of rows with their targets.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Table, DataError> {
    let failed = |reason: String| DataError::file(path, reason);
    if format.header.is_some() || matches!(format.target, Column::Named(_)) {
        return Err(failed(
            "the columns of an NPY file have no names".to_owned(),
        ));
    }
    let mut input = Input::open(root, path)?;
    let Header { kind, shape } = header(path, &mut input)?;
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let apart = targets_beside(root, path, format);
    let kind_of_targets = apart.as_ref().map_or(format.kind, |(_, kind)| *kind);
    let column = match (&apart, &format.target) {
        (Some(_), Column::Last) => None,
        (None, Column::Last) => Some(columns),
        (_, Column::Position(position)) => Some(*position),
        (_, Column::Named(_)) => None,
    };
    if column.is_some_and(|column| column == 0 || column > columns) {
        let column = column.unwrap_or(0);
        let what = format.target_option();
        return Err(failed(format!(
            "there is no column {column} for the {what}; there are {columns}"
        )));
    }
    let width = columns - usize::from(column.is_some());
    if shape.len() < 2 || rows > MAX_ROWS || width == 0 || width > MAX_FEATURES {
        return Err(failed(format!(
            "its shape {shape:?} is not one of rows of features"
        )));
    }
    let length = input.announced(rows, columns.saturating_mul(kind.size()))?;

    let scale = format
        .scale
        .unwrap_or(if kind == Kind::U8 { BYTE_SCALE } else { 1.0 });
    let mut features = Vec::with_capacity(rows * width);
    let mut targets = Vec::new();
    let (mut at, target) = (0, column.unwrap_or(0));
    input.body(length, |bytes| {
        kind.each(bytes, |value| {
            at += 1;
            if at == target {
                targets.push(value);
            } else {
                features.push(value as f32 / scale);
            }
            if at == columns {
                at = 0;
            }
        });
    })?;
    let targets = match (column, apart) {
        (None, Some((apart, _))) => {
            let mut input = Input::open(root, &apart)?;
            let header = header(&apart, &mut input)?;
            if header.shape != [rows] {
                let shape = header.shape;
                let reason = format!("its shape is {shape:?}, but {path} has {rows} rows");
                return Err(DataError::file(&apart, reason));
            }
            let length = input.announced(rows, header.kind.size())?;
            targets.reserve_exact(rows);
            input.body(length, |bytes| {
                header.kind.each(bytes, |value| targets.push(value))
            })?;
            checked(&apart, &targets, kind_of_targets)?
        }
        _ => checked(path, &targets, kind_of_targets)?,
    };
    Ok(Table::of(path, width, features, targets))
}

fn checked(path: &str, targets: &[f64], kind: TargetKind) -> Result<Labels, DataError> {
    let wrong = |(row, reason): (usize, String)| {
        DataError::file(path, format!("row {row}, counted from 0, has {reason}"))
    };
    let as_class = |(row, value): (usize, &f64)| {
        let most = MAX_CLASSES - 1;
        let reason = || format!("class {value}: classes are whole numbers from 0 to {most}");
        class(*value).ok_or_else(|| (row, reason()))
    };
    let as_value = |(row, value): (usize, &f64)| {
        let narrow = *value as f32;
        let reason = || format!("the value {value}, which is not a finite number of 32 bits");
        narrow
            .is_finite()
            .then_some(narrow)
            .ok_or_else(|| (row, reason()))
    };
    let targets = targets.iter().enumerate();
    let all = match kind {
        TargetKind::Class => targets
            .map(as_class)
            .collect::<Result<_, _>>()
            .map(Labels::Numbers),
        TargetKind::Value => targets
            .map(as_value)
            .collect::<Result<_, _>>()
            .map(Labels::Values),
    };
    all.map_err(wrong)
}

/// `NAME-labels.npy` or `NAME-targets.npy` of `NAME.npy`, plain or packed, if it is there, and what is in it. Where the
/// options ask for neither, classes come first.
fn targets_beside(root: &Root, path: &str, format: &Format) -> Option<(String, TargetKind)> {
    let name = path
        .strip_suffix(".gz")
        .unwrap_or(path)
        .strip_suffix(".npy")?;
    let beside = |kind| {
        let plain = match kind {
            TargetKind::Class => format!("{name}-labels.npy"),
            TargetKind::Value => format!("{name}-targets.npy"),
        };
        let packed = format!("{plain}.gz");
        let mut both = [plain, packed].into_iter();
        Some((both.find(|path| root.resolve(path).is_ok())?, kind))
    };
    match format.kind {
        TargetKind::Class => beside(TargetKind::Class).or_else(|| beside(TargetKind::Value)),
        TargetKind::Value => beside(TargetKind::Value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Targets;
    use super::super::file::tests::{gzip, open};
    use super::super::path::tests::Folder;

    fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(values);
        bytes
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn the_class_is_a_column_or_in_a_file_beside() {
        let values = floats(&[1.0, 2.5, 0.0, 3.0, 4.0, 2.0]);
        let folder = Folder::of(&[
            ("a.npy", &npy("<f4", "(2, 3)", &values)),
            ("b.npy.gz", &gzip(&npy("<f4", "(2, 3)", &values))),
            (
                "b-labels.npy",
                &npy(
                    "<i8",
                    "(2,)",
                    &[[4, 0, 0, 0], [0; 4], [1, 0, 0, 0], [0; 4]].concat(),
                ),
            ),
        ]);
        let data = open(&folder, "path:a.npy").unwrap();
        assert_eq!(
            (data.row(0), data.row(1)),
            (&[1.0, 2.5][..], &[3.0, 4.0][..])
        );
        assert_eq!((data.labels(), data.classes()), (&[0, 2][..], 3));
        let first = open(&folder, "path:a.npy,label=1,scale=2").unwrap();
        assert_eq!(
            (first.labels(), first.row(1)),
            (&[1, 3][..], &[2.0, 1.0][..])
        );
        let beside = open(&folder, "path:b.npy.gz").unwrap();
        assert_eq!(
            (beside.labels(), beside.row(1)),
            (&[4, 1][..], &[3.0, 4.0, 2.0][..])
        );
    }

    #[test]
    fn real_values_are_a_column_or_in_a_file_beside() {
        let rows = npy("<f4", "(2, 2)", &floats(&[1.0, 2.5, 3.0, -4.0]));
        let doubles = |values: [f64; 2]| values.map(f64::to_le_bytes).concat();
        let folder = Folder::of(&[
            ("a.npy", &rows),
            ("b.npy", &rows),
            ("b-targets.npy", &npy("<f8", "(2,)", &doubles([0.5, -7.25]))),
            ("c.npy", &rows),
            ("c-targets.npy", &npy("<f8", "(2,)", &doubles([0.5, 1e300]))),
        ]);
        let column = open(&folder, "path:a.npy,target=2,scale=2").unwrap();
        assert_eq!(column.targets(), &Targets::Values(vec![2.5, -4.0]));
        assert_eq!(column.row(1), [1.5]);
        for spec in ["path:b.npy", "path:b.npy,target=last"] {
            let beside = open(&folder, spec).unwrap();
            assert_eq!(beside.targets(), &Targets::Values(vec![0.5, -7.25]));
            assert_eq!(beside.row(1), [3.0, -4.0]);
        }
        let error = |spec| open(&folder, spec).unwrap_err().to_string();
        assert!(error("path:c.npy").contains("row 1, counted from 0, has the value 1"));
        assert!(
            error("path:a.npy").contains("has class 2.5"),
            "a class unless asked"
        );
        assert!(error("path:a.npy,target=3").contains("no column 3 for the target"));
    }

    #[test]
    fn every_kind_of_number_is_read() {
        let doubles = [0.5_f64, 1.0].map(f64::to_le_bytes).concat();
        let longs = [-7_i64, 1].map(i64::to_le_bytes).concat();
        let ints = [-7_i32, 1].map(i32::to_le_bytes).concat();
        for (descr, values, first) in [
            ("<f8", doubles, 0.5),
            ("<i8", longs, -7.0),
            ("<i4", ints, -7.0),
            ("|u1", vec![51, 1], 0.2),
        ] {
            let folder = Folder::of(&[("a.npy", &npy(descr, "(1, 2)", &values))]);
            let data = open(&folder, "path:a.npy").unwrap();
            assert_eq!(
                (data.row(0), data.labels()),
                (&[first][..], &[1][..]),
                "{descr}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |bytes: &[u8], spec: &str| {
            let folder = Folder::of(&[("a.npy", bytes)]);
            open(&folder, spec).unwrap_err()
        };
        let of = |descr: &str, shape: &str, values: &[f32]| {
            error(&npy(descr, shape, &floats(values)), "path:a.npy")
        };
        assert!(of("<f4", "(2, 3)", &[0.0; 5]).contains("ends before all rows"));
        assert!(of("<f4", "(1, 2)", &[0.0; 3]).contains("more bytes follow"));
        assert!(of("<f4", "(900000000000, 3000000000)", &[0.0]).contains("more than can be"));
        assert!(of("<f4", "(0, 9000000000000000, 9000000000000000)", &[]).contains("no rows"));
        assert!(of("<f4", "(900000000, 3)", &[0.0]).contains("announces 900000000 rows"));
        assert!(of("<f4", "(4,)", &[0.0; 4]).contains("its shape [4] is not one of rows"));
        assert!(of("<f4", "()", &[0.0]).contains("no shape with rows"));
        assert!(of("<f4", "(x, 2)", &[0.0]).contains("no shape with rows"));
        assert!(of("<c8", "(1, 2)", &[0.0; 4]).contains("'<c8'"));
        assert!(of("<f4", "(1, 2)", &[0.0, 1.5]).contains("has class 1.5"));
        assert!(of("<f4", "(1, 2)", &[f32::NAN, 1.0]).contains("row 0 has NaN in column 0"));
        let good = npy("<f4", "(1, 2)", &floats(&[0.0, 1.0]));
        assert!(error(&good, "path:a.npy,label=3").contains("no column 3"));
        assert!(error(&good, "path:a.npy,label=kind").contains("no names"));
        for end in 0..good.len() {
            assert!(
                error(&good[..end], "path:a.npy").starts_with("a.npy: "),
                "{end}"
            );
        }
    }

    #[test]
    fn damage_is_an_error_or_harmless_and_never_a_panic() {
        let good = npy("<f4", "(1, 2)", &floats(&[0.0, 1.0]));
        for place in 0..good.len() {
            let mut bytes = good.clone();
            bytes[place] ^= 0x11;
            let _ = open(&Folder::of(&[("a.npy", &bytes)]), "path:a.npy");
        }
    }
}
