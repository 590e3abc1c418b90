//! NPY arrays with their classes in a column or a file beside: packed and plain read the same.

use super::Target;
use super::folder::{Packing, join, open, packed, two};

pub const TARGET: Target = Target {
    name: "npy",
    run,
    longest: 1024,
    memory: Packing::memory,
    seeds,
    words: &[
        b"\x93NUMPY\x01\0",
        b"\x93NUMPY\x02\0",
        b"'descr': '<f4'",
        b"'<f8'",
        b"'|u1'",
        b"'|b1'",
        b"'<i4'",
        b"'<i8'",
        b"'fortran_order': False",
        b"True",
        b"'shape': (",
        b"3,",
        b"(2, 3)",
        b"()",
        b"}",
        b"\n",
    ],
};

const OPTIONS: [&str; 4] = ["", ",target=1", ",standardise=yes", ",label=2,scale=16"];

fn run(bytes: &[u8]) -> bool {
    let Some((how, rows, labels)) = two(bytes) else {
        return false;
    };
    let options = OPTIONS[usize::from(how) % OPTIONS.len()];
    let packing = Packing::of(how / 4);
    let both = [("rows.npy", rows), ("rows-labels.npy", labels)];
    let files = if labels.is_empty() { &both[..1] } else { &both };
    let read = open(files, packing, options);
    if packing == Packing::Packed {
        assert_eq!(
            open(files, Packing::Plain, options).ok(),
            read.as_ref().ok().cloned()
        );
    }
    read.is_ok()
}

/// A file of values of this kind and shape.
fn array(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (header.len() + 1) as u16;
    [
        b"\x93NUMPY\x01\0",
        &length.to_le_bytes()[..],
        header.as_bytes(),
        b"\n",
        values,
    ]
    .concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let singles = [1.5f32, -2.0, 0.0, 3.25, 9.0, 1.0]
        .map(f32::to_le_bytes)
        .concat();
    let doubles = [1.5f64, 2.0, 0.0, 1.0].map(f64::to_le_bytes).concat();
    let wholes = [1i32, 2, 0, 1].map(i32::to_le_bytes).concat();
    let long = [1i64, 0].map(i64::to_le_bytes).concat();
    vec![
        join(0, &array("<f4", "2, 3", &singles), b""),
        join(
            0,
            &array("<f4", "2, 3", &singles),
            &array("<i8", "2,", &long),
        ),
        join(1, &array("<i4", "2, 2", &wholes), b""),
        join(6, &array("<f8", "2, 2", &doubles), b""),
        join(3, &array("|u1", "2, 3", &[1, 2, 3, 4, 5, 6]), b""),
        join(8, &packed(&array("<f4", "2, 3", &singles)), b""),
    ]
}
