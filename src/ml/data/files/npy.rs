//! NPY files: arrays as numpy saves them, one row of features each.
//!
//! The magic `\x93NUMPY`, a version, the length of the header, the header (a Python dictionary with
//! `descr`, `fortran_order` and `shape`), the values (numpy, `numpy.lib.format`). The first dimension
//! counts rows; the rest are the features of a row. The targets of `NAME.npy` are in a file beside it
//! where there is one, classes in `NAME-labels.npy` and real values in `NAME-targets.npy`, and otherwise a column of it
//! (`label` or `target`, the last). Colour images are read channel after channel, whichever way they lie.

pub(super) mod array;
pub(super) mod channels;
mod header;

use super::format::{Column, Format};
use super::input::Input;
use super::labels::Labels;
use super::table::Table;
use crate::ml::data::{DataError, Root, TargetKind};
use array::Array;

/// Whether a file of this name, without `.gz`, holds targets of another.
pub(super) fn is_targets(name: &str) -> bool {
    name.ends_with("-labels.npy") || name.ends_with("-targets.npy")
}

/// Reads an array of rows with their targets.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Table, DataError> {
    if format.header.is_some() || matches!(format.target, Column::Named(_)) {
        let reason = "the columns of an NPY file have no names";
        return Err(DataError::file(path, reason));
    }
    let array = Array::open(path, Input::open(root, path)?)?;
    let apart = targets_beside(root, path, format)?;
    let (kind, column) = match (&apart, &format.target) {
        (Some((_, kind)), Column::Last) => (*kind, None),
        (_, Column::Position(position)) => (format.kind, Some(*position)),
        _ if array.has_images() => {
            let (name, what) = (stem(path), format.target_option());
            let reason = format!(
                "its {what}s are missing: there is no {name}-{what}s.npy, and the last value of an image is none"
            );
            return Err(DataError::file(path, reason));
        }
        _ => (format.kind, Some(array.columns())),
    };
    if let Some(column) = column
        && !(1..=array.columns()).contains(&column)
    {
        let (what, columns) = (format.target_option(), array.columns());
        let reason = format!("there is no column {column} for the {what}; there are {columns}");
        return Err(DataError::file(path, reason));
    }
    let (rows, width) = (
        array.rows(),
        array.columns() - usize::from(column.is_some()),
    );
    let (features, inside) = array.features(column, format)?;
    let targets = match apart {
        Some((apart, _)) if column.is_none() => {
            Array::open(&apart, Input::open(root, &apart)?)?.targets(rows, kind)?
        }
        _ => Labels::from_numbers(&inside, kind).map_err(|reason| DataError::file(path, reason))?,
    };
    Ok(Table::of(path, width, features, targets))
}

/// `NAME` of `NAME.npy`, plain or packed.
fn stem(path: &str) -> &str {
    let plain = path.strip_suffix(".gz").unwrap_or(path);
    plain.strip_suffix(".npy").unwrap_or(plain)
}

/// The files that may hold targets of this kind for the rows at `path`; the first that is there does.
fn targets_of(path: &str, kind: TargetKind) -> [String; 2] {
    let name = stem(path);
    let plain = match kind {
        TargetKind::Class => format!("{name}-labels.npy"),
        TargetKind::Value => format!("{name}-targets.npy"),
    };
    let packed = format!("{plain}.gz");
    [plain, packed]
}

/// All files that may hold the targets of the rows at `path`.
pub(super) fn beside(path: &str) -> Vec<String> {
    let kinds = [TargetKind::Class, TargetKind::Value];
    let files = kinds.into_iter().flat_map(|kind| targets_of(path, kind));
    files.collect()
}

/// The file beside `path` that holds its targets, if it is there, and what is in it. Where the options ask for neither
/// kind, classes come first.
fn targets_beside(
    root: &Root,
    path: &str,
    format: &Format,
) -> Result<Option<(String, TargetKind)>, DataError> {
    let kinds: &[TargetKind] = match format.kind {
        TargetKind::Class => &[TargetKind::Class, TargetKind::Value],
        TargetKind::Value => &[TargetKind::Value],
    };
    for kind in kinds {
        for file in targets_of(path, *kind) {
            if root.holds(&file)? {
                return Ok(Some((file, *kind)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{gzip, open};
    use super::super::path::tests::Folder;
    use crate::ml::data::Targets;

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
            ("|b1", vec![1, 1], 1.0),
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
    fn colour_images_are_read_channel_after_channel() {
        let images: Vec<f32> = (0..5 * 6 * 3).map(|value| value as f32).collect();
        let folder = Folder::of(&[
            ("a.npy", &npy("<f4", "(1, 5, 6, 3)", &floats(&images))),
            ("a-labels.npy", &npy("|u1", "(1,)", &[1])),
            ("b.npy", &npy("<f4", "(1, 5, 6, 3)", &floats(&images))),
            ("c.npy", &npy("<f4", "(1, 90)", &floats(&images))),
            ("c-labels.npy", &npy("|u1", "(1,)", &[1])),
        ]);
        let row = |spec| open(&folder, spec).unwrap().row(0).to_vec();
        let planes: Vec<f32> = (0..90).map(|at| (at % 30 * 3 + at / 30) as f32).collect();
        assert_eq!(row("path:a.npy"), planes);
        assert_eq!(row("path:a.npy,channels=first"), images);
        assert_eq!(row("path:c.npy"), images);
        let error = |spec| open(&folder, spec).unwrap_err();
        assert!(error("path:b.npy").contains("there is no b-labels.npy"));
        assert!(error("path:c.npy,channels=last").contains("four dimensions"));
    }

    #[cfg(unix)]
    #[test]
    fn targets_that_cannot_be_found_are_not_taken_from_a_column() {
        let rows = npy("<f4", "(1, 2)", &floats(&[1.0, 0.0]));
        let folder = Folder::of(&[("a.npy", &rows)]);
        let link = folder.path().join("a-labels.npy");
        std::os::unix::fs::symlink("a-labels.npy", link).unwrap();
        assert!(
            open(&folder, "path:a.npy")
                .unwrap_err()
                .starts_with("a-labels.npy")
        );
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
