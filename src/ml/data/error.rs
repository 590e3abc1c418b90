//! What can be wrong with data, said with the place where it is.

use std::fmt;

use super::DatasetError;
use crate::spec::SpecError;

/// Why data cannot be had.
#[derive(Clone, Debug, PartialEq)]
pub enum DataError {
    /// The spec of the data, or of their partition, is wrong.
    Spec(SpecError),
    /// A path may not be read.
    Refused {
        /// The path as written.
        path: String,
        /// The directory that data must lie below.
        root: String,
        /// Why.
        reason: String,
    },
    /// A file or directory cannot be used as a whole.
    File {
        /// The path as written.
        path: String,
        /// Why.
        reason: String,
    },
    /// A line of a file is wrong.
    Line {
        /// The path as written.
        path: String,
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A value in a file is wrong.
    Cell {
        /// The path as written.
        path: String,
        /// Number of the line, from 1.
        line: u64,
        /// Number of the field in the line, from 1.
        column: usize,
        /// The value, shortened if it is long.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The rows make no data set.
    Dataset(DatasetError),
    /// The bytes of a shard are damaged.
    Blob(String),
    /// The shards asked for cannot be made, or there is no such shard.
    Shards(String),
}

impl DataError {
    /// An error about a file or directory as a whole.
    pub fn file(path: &str, reason: impl fmt::Display) -> Self {
        let (path, reason) = (path.to_owned(), reason.to_string());
        DataError::File { path, reason }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Spec(error) => error.fmt(formatter),
            DataError::Refused { path, root, reason } => {
                write!(
                    formatter,
                    "{path:?} may not be read: {reason}; data root: {root}"
                )
            }
            DataError::File { path, reason } => write!(formatter, "{path}: {reason}"),
            DataError::Line { path, line, reason } => write!(formatter, "{path}:{line}: {reason}"),
            DataError::Cell {
                path,
                line,
                column,
                value,
                reason,
            } => {
                write!(formatter, "{path}:{line}:{column}: {value:?} {reason}")
            }
            DataError::Dataset(error) => error.fmt(formatter),
            DataError::Blob(reason) => write!(formatter, "damaged shard: {reason}"),
            DataError::Shards(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for DataError {}

impl From<SpecError> for DataError {
    fn from(error: SpecError) -> Self {
        DataError::Spec(error)
    }
}

impl From<DatasetError> for DataError {
    fn from(error: DatasetError) -> Self {
        DataError::Dataset(error)
    }
}
