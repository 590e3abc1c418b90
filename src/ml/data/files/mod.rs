//! Rows from files: their formats, what their columns are, and directories of them.
//!
//! `path` opens a file or directory; `file` knows the formats by their names. To add a format, write a file beside this
//! one that makes a `Table`, and name it in `file`.

mod csv;
mod decimal;
mod directory;
mod file;
mod format;
mod guarded;
mod idx;
mod input;
mod labels;
mod missing;
mod natural;
mod npy;
mod npz;
mod numbering;
mod parallel;
mod parquet;
mod parts;
pub(super) mod path;
mod role;
mod table;

use super::{DataError, Dataset};
pub use file::beside;
use format::Format;

/// Rows of comma-separated numbers without a header, the class in the last column and the others divided by `scale`. `name`
/// is for errors.
pub(super) fn numbers(name: &str, text: &str, scale: f32) -> Result<Dataset, DataError> {
    let format = Format {
        header: Some(false),
        scale: Some(scale),
        ..Format::default()
    };
    let table = csv::read(name, text.as_bytes(), &format)?;
    Ok(table::assemble(vec![table])?.swap_remove(0))
}
