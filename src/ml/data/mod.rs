//! Data sets, where they come from, and how they are read.

mod dataset;

pub use dataset::{Dataset, DatasetError, MAX_CLASSES, MAX_FEATURES, MAX_ROWS};
