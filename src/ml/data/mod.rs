//! Data sets, where they come from, and how they are read.
//!
//! To add a kind of data, write a file beside this one and add its row to [`DATA`]. Whatever comes
//! from outside is checked here, once, with its file, line, column and value in the error.

mod blob;
mod builtin;
mod dataset;
mod devices;
mod error;
mod files;
mod moments;
mod names;
mod root;
mod source;
mod standard;
mod synthetic;
mod synthetic_linear;
mod targets;

use std::sync::Arc;

use crate::seed::Seed;
use crate::spec::Table;

pub use blob::{decode, encode};
pub use dataset::{Dataset, DatasetError, MAX_CLASSES, MAX_FEATURES, MAX_ROWS};
pub use error::DataError;
pub use files::beside;
pub use moments::{Column, MOST_DESCRIBED, Moments, Summary};
pub use names::Names;
pub use root::Root;
pub use source::{DEFAULT_SHARDS, Request, Source, no_classes};
pub use standard::Standard;
pub use targets::{TargetKind, Targets, TargetsView};

/// A kind of data with its options, not yet opened.
pub trait Origin: Send + Sync {
    /// Reads or prepares the rows. `root` bounds what files may be read; `seed` makes rows that are
    /// made.
    ///
    /// # Errors
    /// When something cannot be read, or is not as it should be.
    fn open(&self, root: &Root, seed: Seed) -> Result<Opened, DataError>;

    /// What the rows are to be taken for, where that is known before they are opened.
    fn kind(&self) -> Option<TargetKind>;
}

/// Rows as they come from an [`Origin`].
pub enum Opened {
    /// Rows that are still to be cut into shards.
    Pool {
        /// The rows.
        pool: Box<dyn Pool>,
        /// Rows for evaluation, where the data bring their own.
        held_out: Option<Dataset>,
    },
    /// Data that bring their own shards, and perhaps rows for evaluation.
    Parts {
        /// Name and rows of each shard.
        shards: Vec<(String, Arc<Dataset>)>,
        /// Rows for evaluation.
        held_out: Option<Dataset>,
    },
    /// Shards that are made when they are asked for.
    Made(Box<dyn Made>),
}

/// Shards, and rows for evaluation, that are made when they are asked for: a node makes only those it needs.
pub trait Made: Send + Sync {
    /// Number of shards; at least 1.
    fn shards(&self) -> usize;
    /// Name of a shard, of which there are so many.
    fn name(&self, shard: usize) -> String;
    /// Features of a row.
    fn features(&self) -> usize;
    /// Number of classes; 0 where targets are real values.
    fn classes(&self) -> usize;
    /// Rows of a shard, of which there are so many.
    fn rows(&self, shard: usize) -> usize;
    /// A shard, of which there are so many.
    fn shard(&self, shard: usize) -> Option<Dataset>;
    /// Rows for evaluation.
    fn held_out(&self) -> Option<Dataset>;
}

/// Rows that can be had by their number.
pub trait Pool: Send + Sync {
    /// Number of rows; at least 1.
    fn rows(&self) -> usize;
    /// Features of a row.
    fn features(&self) -> usize;
    /// Number of classes; 0 where targets are real values.
    fn classes(&self) -> usize;
    /// Class of a row; 0 where targets are real values.
    fn label(&self, row: u32) -> u32;
    /// These rows, in this order; none when there are none to choose.
    fn select(&self, rows: &[u32]) -> Option<Dataset>;
}

impl Pool for Dataset {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn features(&self) -> usize {
        self.width()
    }

    fn classes(&self) -> usize {
        self.classes()
    }

    fn label(&self, row: u32) -> u32 {
        self.labels().get(row as usize).copied().unwrap_or(0)
    }

    fn select(&self, rows: &[u32]) -> Option<Dataset> {
        self.select(rows)
    }
}

/// Every kind of data that can be opened here. `ship:` and `private:` data come over the wire or
/// from a node's own start, and use the same readers.
pub static DATA: Table<Arc<dyn Origin>> = Table {
    kind: "data",
    rows: &[
        builtin::ROW,
        synthetic::ROW,
        synthetic_linear::ROW,
        devices::ROW,
        files::path::ROW,
    ],
};
