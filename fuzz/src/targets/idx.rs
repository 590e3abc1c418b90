//! IDX files of images with their classes: packed and plain read the same.

use super::Target;
use super::folder::{Packing, join, open, packed, two};

pub const TARGET: Target = Target {
    name: "idx",
    run,
    longest: 1024,
    memory: Packing::memory,
    seeds,
    words: &[
        b"\0\0\x08\x03",
        b"\0\0\x08\x01",
        b"\0\0\0\x02",
        b"\xff\xff\xff\xff",
    ],
};

const OPTIONS: [&str; 4] = ["", ",scale=1", ",standardise=yes", ",label=1"];

fn run(bytes: &[u8]) -> bool {
    let Some((how, images, labels)) = two(bytes) else {
        return false;
    };
    let options = OPTIONS[usize::from(how) % OPTIONS.len()];
    let packing = Packing::of(how / 4);
    let files = [
        ("train-images-idx3-ubyte", images),
        ("train-labels-idx1-ubyte", labels),
    ];
    let read = open(&files, packing, options);
    if packing == Packing::Packed {
        assert_eq!(
            open(&files, Packing::Plain, options).ok(),
            read.as_ref().ok().cloned()
        );
    }
    if let Ok(rows) = &read {
        assert_eq!(images.len().wrapping_sub(rows.rows() * rows.width()) % 4, 0);
    }
    read.is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let images = [&b"\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x02"[..], &[9; 12]].concat();
    let labels = b"\0\0\x08\x01\0\0\0\x03\x01\0\x02";
    let flat = b"\0\0\x08\x02\0\0\0\x01\0\0\0\x05abcde";
    vec![
        join(0, &images, labels),
        join(5, &images, labels),
        join(2, flat, b"\0\0\x08\x01\0\0\0\x01\x07"),
        join(8, &packed(&images), &packed(labels)),
    ]
}
