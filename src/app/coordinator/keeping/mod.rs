//! What is kept of runs on the disk, written on a thread of its own.

pub mod book;
pub mod keeper;
pub mod model_file;
