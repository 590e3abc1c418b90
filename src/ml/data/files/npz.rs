//! NPZ files: arrays with names in a zip archive, as numpy's `savez` and `savez_compressed` write them.
//!
//! Arrays are found by the names that they usually have: `x_train` and `y_train` with `x_test` and `y_test` (Keras),
//! `train_images` and so on (MedMNIST), or `x` and `y` alone.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;

use super::file::Rows;
use super::format::{Column, Format};
use super::input::{Input, MAX_FILE};
use super::npy::array::Array;
use super::table::Table;
use crate::ml::data::{DataError, Root, TargetKind};

/// Names of features and of their targets.
type Pair = (&'static str, &'static str);

/// Rows to train on, and those to evaluate with where an archive may hold both. The first that are there are read.
const PAIRS: [(Pair, Option<Pair>); 6] = [
    (("x_train", "y_train"), Some(("x_test", "y_test"))),
    (("X_train", "y_train"), Some(("X_test", "y_test"))),
    (
        ("train_images", "train_labels"),
        Some(("test_images", "test_labels")),
    ),
    (("x", "y"), None),
    (("X", "y"), None),
    (("features", "targets"), None),
];

/// Reads the arrays of an archive.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Rows, DataError> {
    if format.header.is_some() || format.target != Column::Last {
        let reason = "`header`, and columns of `label` and `target`, are for other files: arrays of an NPZ file have \
                      names; `target=last` says that targets are real values";
        return Err(DataError::file(path, reason));
    }
    let file = root.open(path, MAX_FILE)?;
    let failed = |error: &dyn std::fmt::Display| DataError::file(path, error);
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    let opened = ZipArchive::new(BufReader::new(file));
    let mut archive = Archive {
        path,
        length,
        zip: opened.map_err(|error| failed(&error))?,
    };
    let found = PAIRS.into_iter().find(|(rows, _)| archive.has(*rows));
    let Some((rows, held_out)) = found else {
        let names = archive.zip.file_names().take(20).flatten();
        let names: Vec<_> = names.collect();
        let read = PAIRS.map(|((rows, targets), _)| format!("{rows} and {targets}"));
        let (names, read) = (names.join(", "), read.join("; "));
        return Err(failed(&format!("it holds {names}; what is read is {read}")));
    };
    let held_out = held_out.filter(|pair| archive.has(*pair));
    Ok(Rows {
        rows: archive.table(rows, format)?,
        held_out: held_out
            .map(|pair| archive.table(pair, format))
            .transpose()?,
    })
}

struct Archive<'a> {
    path: &'a str,
    /// Of the file, in bytes.
    length: u64,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive<'_> {
    fn has(&self, (rows, targets): Pair) -> bool {
        let has = |name| self.zip.index_for_name(&member(name)).is_some();
        has(rows) && has(targets)
    }

    fn table(&mut self, (rows, targets): Pair, format: &Format) -> Result<Table, DataError> {
        let (width, count, features) = self.array(rows, |array| {
            let (width, count) = (array.columns(), array.rows());
            let (features, _) = array.features(None, format)?;
            Ok((width, count, features))
        })?;
        let kind = match targets {
            "targets" => TargetKind::Value,
            _ => format.kind,
        };
        let targets = self.array(targets, |array| array.targets(count, kind))?;
        Ok(Table::of(self.path, width, features, targets))
    }

    /// What `read` makes of an array.
    fn array<R>(
        &mut self,
        name: &str,
        read: impl FnOnce(Array) -> Result<R, DataError>,
    ) -> Result<R, DataError> {
        let path = format!("{}[{name}]", self.path);
        let entry = self.zip.by_name(&member(name));
        let entry = entry.map_err(|error| DataError::file(&path, error))?;
        let packed = entry.compressed_size().min(self.length);
        read(Array::open(&path, Input::packed(&path, entry, packed))?)
    }
}

/// The file of an array in the archive.
fn member(name: &str) -> String {
    format!("{name}.npy")
}
