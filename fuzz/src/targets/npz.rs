//! NPZ archives of arrays.

use super::Target;
use super::folder::{Packing, open};

pub const TARGET: Target = Target {
    name: "npz",
    run,
    longest: 2048,
    memory: Packing::memory,
    seeds,
    words: &[
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"x_train.npy",
        b"y_train.npy",
        b"x.npy",
        b"y.npy",
        b"\x93NUMPY\x01\0",
        b"'<f4'",
        b"\x08\x00",
        b"\x00\x00",
    ],
};

const OPTIONS: [&str; 3] = ["", ",target=last", ",scale=2,standardise=yes"];

/// The first byte says how to read the rest.
fn run(bytes: &[u8]) -> bool {
    let Some((&how, file)) = bytes.split_first() else {
        return false;
    };
    let options = OPTIONS[usize::from(how) % OPTIONS.len()];
    open(&[("rows.npz", file)], Packing::Plain, options).is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let keras = include_bytes!("../../../tests/foreign_files/keras.npz");
    let values = include_bytes!("../../../tests/foreign_files/xy.npz");
    vec![
        [&b"\0"[..], keras].concat(),
        [&b"\x02"[..], keras].concat(),
        [&b"\x01"[..], values].concat(),
    ]
}
