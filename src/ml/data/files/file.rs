//! One file of rows, in the format that its name says.

use super::csv;
use super::format::Format;
use super::input::Input;
use super::npy::channels::Channels;
use super::table::Table;
use super::{idx, npy, npz, parquet};
use crate::ml::data::{DataError, Root};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Idx,
    Npy,
    Npz,
    Parquet,
}

impl Kind {
    /// By the name of the file; `.gz` at its end does not count.
    pub fn of(name: &str) -> Kind {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let endings = [
            (".npy", Kind::Npy),
            (".npz", Kind::Npz),
            (".parquet", Kind::Parquet),
        ];
        let found = endings.iter().find(|(ending, _)| name.ends_with(ending));
        match found {
            Some((_, kind)) => *kind,
            None if idx::is_idx(name) => Kind::Idx,
            None => Kind::Text,
        }
    }

    /// Whether columns may be left out, name shards and have gaps.
    fn has_columns(self) -> bool {
        matches!(self, Kind::Text | Kind::Parquet)
    }

    /// Whether it is packed inside.
    fn is_packed(self) -> bool {
        matches!(self, Kind::Npz | Kind::Parquet)
    }
}

/// The files that may hold the targets of the rows in the file at `path`, whether they are there or not.
pub fn beside(path: &str) -> Vec<String> {
    match Kind::of(path) {
        Kind::Idx => idx::beside(path),
        Kind::Npy => npy::beside(path),
        Kind::Text | Kind::Npz | Kind::Parquet => Vec::new(),
    }
}

/// What a file holds.
pub(super) struct Rows {
    pub rows: Table,
    /// Rows to evaluate with, of a file that holds both.
    pub held_out: Option<Table>,
}

impl From<Table> for Rows {
    fn from(rows: Table) -> Rows {
        Rows {
            rows,
            held_out: None,
        }
    }
}

/// Reads a file.
pub(super) fn read(root: &Root, path: &str, format: &Format) -> Result<Rows, DataError> {
    let kind = Kind::of(path);
    if !kind.has_columns()
        && let Some(option) = format.of_columns()
    {
        let reason = format!("{option} is for CSV and Parquet files only");
        return Err(DataError::file(path, reason));
    }
    if !matches!(kind, Kind::Npy | Kind::Npz) && format.channels != Channels::Auto {
        let reason = "channels= is for NPY and NPZ files only";
        return Err(DataError::file(path, reason));
    }
    if kind.is_packed() && path.ends_with(".gz") {
        let reason = "it is packed twice; unpack it with gunzip";
        return Err(DataError::file(path, reason));
    }
    Ok(match kind {
        Kind::Text => csv::read(path, &Input::open(root, path)?.all()?, format)?.into(),
        Kind::Idx => idx::read(root, path, format)?.into(),
        Kind::Npy => npy::read(root, path, format)?.into(),
        Kind::Npz => npz::read(root, path, format)?,
        Kind::Parquet => parquet::read(root, path, format)?.into(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::super::path::tests::Folder;
    use super::*;
    use crate::ml::data::{DATA, Dataset, Opened};
    use crate::seed::Seed;

    /// The rows of a source that is one pool.
    pub fn open(folder: &Folder, spec: &str) -> Result<Dataset, String> {
        let root = Root::new(folder.path()).unwrap();
        let origin = DATA.build(spec).map_err(|error| error.to_string())?;
        let opened = origin
            .open(&root, Seed(0))
            .map_err(|error| error.to_string())?;
        let Opened::Pool { pool, .. } = opened else {
            panic!("a file is one pool")
        };
        let all: Vec<u32> = (0..pool.rows() as u32).collect();
        Ok(pool.select(&all).unwrap())
    }

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn names_say_the_format() {
        assert_eq!(Kind::of("a.csv"), Kind::Text);
        assert_eq!(Kind::of("a.csv.gz"), Kind::Text);
        assert_eq!(Kind::of("d/a.npy.gz"), Kind::Npy);
        assert_eq!(Kind::of("a.npz"), Kind::Npz);
        assert_eq!(Kind::of("a.parquet"), Kind::Parquet);
        assert_eq!(Kind::of("train-images-idx3-ubyte.gz"), Kind::Idx);
        assert_eq!(Kind::of("train-images.idx3-ubyte"), Kind::Idx);
    }

    #[test]
    fn targets_may_lie_beside() {
        let expected = [
            "labels.npy",
            "labels.npy.gz",
            "targets.npy",
            "targets.npy.gz",
        ];
        assert_eq!(
            beside("d/a.npy.gz"),
            expected.map(|end| format!("d/a-{end}"))
        );
        let classes = "d/train-labels-idx1-ubyte";
        let expected = [classes.to_owned(), format!("{classes}.gz")];
        assert_eq!(beside("d/train-images-idx3-ubyte"), expected);
        assert!(beside("a.csv").is_empty());
    }

    #[test]
    fn text_may_be_packed() {
        let packed = gzip(b"1,2,0\n3,4,1\n");
        let folder = Folder::of(&[("a.csv.gz", &packed), ("cut.csv.gz", &packed[..20])]);
        let data = open(&folder, "path:a.csv.gz").unwrap();
        assert_eq!((data.rows(), data.row(1)), (2, &[3.0, 4.0][..]));
        assert!(open(&folder, "path:cut.csv.gz").is_err());
    }
}
