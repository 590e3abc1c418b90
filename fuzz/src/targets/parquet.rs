//! Parquet files. Their library panics at some damage, which has to become an error.

use super::Target;
use super::folder::{Packing, open};

pub const TARGET: Target = Target {
    name: "parquet",
    run,
    longest: 8192,
    memory,
    seeds,
    words: &[b"PAR1", b"\x15", b"\x19", b"\x1c", b"\x2c", b"\x00"],
};

const OPTIONS: [&str; 4] = [
    ",label=kind,without=5,missing=mean",
    ",label=kind,without=5,missing=drop",
    ",target=1,without=5+7,missing=mean,standardise=yes",
    "",
];

/// A run of equal values takes a few bytes, so what a file holds has little to do with its length, but what is read stops
/// where its values do, and changed files say little that is true of many.
fn memory(_: usize) -> usize {
    16 << 20
}

/// The first byte says how to read the rest.
fn run(bytes: &[u8]) -> bool {
    let Some((&how, file)) = bytes.split_first() else {
        return false;
    };
    let options = OPTIONS[usize::from(how) % OPTIONS.len()];
    open(&[("rows.parquet", file)], Packing::Plain, options).is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let files: [&[u8]; 4] = [
        include_bytes!("../../../tests/foreign_files/pandas.parquet"),
        include_bytes!("../../../tests/foreign_files/gzip.parquet"),
        include_bytes!("../../../tests/foreign_files/polars.parquet"),
        include_bytes!("../../../tests/foreign_files/encodings.parquet"),
    ];
    let all = (0..).zip(files);
    all.map(|(how, file)| [&[how], file].concat()).collect()
}
