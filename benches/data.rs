//! How fast data are read and cut: CSV, IDX, gz and NPY against plain reading of the same file, and a
//! partition of 100,000 shards.
//!
//! `cargo bench --bench data -- [MEGABYTES] [--json]` writes files of about that size (100) to a
//! temporary directory. Times are medians of five. `--json` prints one object a line.

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use roundtable::clock;
use roundtable::ml::data::{DATA, Opened, Root};
use roundtable::ml::partition::PARTITIONS;
use roundtable::seed::{Purpose, Seed, Stream};

const COLUMNS: usize = 20;
const PIXELS: usize = 784;
const SHARDS: usize = 100_000;
const ROWS: u32 = 2_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    let bytes = asked.unwrap_or(100_usize) * 1_000_000;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let root = Root::new(folder.path()).expect("a data root");
    let mut stream = Seed(1).stream(Purpose::Synthetic, 0, 0);
    write_files(folder.path(), bytes, &mut stream);
    for (what, name) in [
        ("csv of decimals", "decimals.csv"),
        ("csv of small integers", "integers.csv"),
        ("csv of 18-digit floats", "long.csv"),
        ("idx", "train-images-idx3-ubyte"),
        ("idx.gz", "packed-images-idx3-ubyte.gz"),
        ("npy of f32", "floats.npy"),
    ] {
        let path = folder.path().join(name);
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        let plain = median(|| fs::read(&path).expect("a file").len());
        let read = median(|| open(&root, name));
        let megabytes = metadata.len() as f64 / 1e6;
        let (rate, plain) = (
            megabytes / read.as_secs_f64(),
            megabytes / plain.as_secs_f64(),
        );
        if as_json {
            let line = json!({"bench": "read", "what": what, "megabytes": megabytes,
                "mb_per_second": rate, "plain_mb_per_second": plain});
            println!("{line}");
        } else {
            println!(
                "{what:24} {megabytes:7.1} MB  {rate:8.0} MB/s  (plain reading {plain:.0} MB/s)"
            );
        }
    }
    partitions(as_json);
}

/// Rows of a file that was opened.
fn open(root: &Root, name: &str) -> usize {
    let origin = DATA.build(&format!("path:{name}")).expect("a spec");
    match origin.open(root, Seed(1)).expect("rows") {
        Opened::Pool { pool, .. } => pool.rows(),
        Opened::Parts { .. } => panic!("a file is one pool"),
    }
}

/// Median time of five runs, after one to warm up.
fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    black_box(work());
    let mut times = [(); 5].map(|()| {
        let start = clock::now();
        black_box(work());
        start.elapsed()
    });
    times.sort();
    times[2]
}

fn write_files(folder: &Path, bytes: usize, stream: &mut Stream) {
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("a file");
    let decimal = |stream: &mut Stream| format!("{:.5}", stream.normal());
    write("decimals.csv", &csv(bytes, || decimal(stream)));
    write(
        "integers.csv",
        &csv(bytes, || stream.below(256).to_string()),
    );
    write(
        "long.csv",
        &csv(bytes, || format!("{:.18e}", stream.normal())),
    );

    let rows = (bytes / PIXELS).max(1);
    let mut images = b"\x00\x00\x08\x03".to_vec();
    let mut labels = b"\x00\x00\x08\x01".to_vec();
    images.extend([rows as u32, 28, 28].iter().flat_map(|n| n.to_be_bytes()));
    labels.extend((rows as u32).to_be_bytes());
    // About a fifth of the pixels of handwritten digits are not black.
    let pixel = |stream: &mut Stream| {
        if stream.chance(0.2) {
            stream.below(256) as u8
        } else {
            0
        }
    };
    images.extend((0..rows * PIXELS).map(|_| pixel(stream)));
    labels.extend((0..rows).map(|_| stream.below(10) as u8));
    write("train-images-idx3-ubyte", &images);
    write("train-labels-idx1-ubyte", &labels);
    write("packed-labels-idx1-ubyte", &labels);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&images).expect("packing");
    write(
        "packed-images-idx3-ubyte.gz",
        &packed.finish().expect("packing"),
    );

    let rows = (bytes / 4 / (COLUMNS + 1)).max(1);
    let header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {}), }}\n",
        COLUMNS + 1
    );
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((header.len() as u16).to_le_bytes());
    array.extend(header.bytes());
    for _ in 0..rows {
        array.extend((0..COLUMNS).flat_map(|_| (stream.normal() as f32).to_le_bytes()));
        array.extend((stream.below(10) as f32).to_le_bytes());
    }
    write("floats.npy", &array);
}

/// Lines of so many bytes: columns of `cell`, and a class.
fn csv(bytes: usize, mut cell: impl FnMut() -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 1_000);
    let mut class = 0;
    while text.len() < bytes {
        for _ in 0..COLUMNS {
            text.extend(cell().bytes());
            text.push(b',');
        }
        class = (class + 7) % 10;
        writeln!(text, "{class}").expect("memory");
    }
    text
}

fn partitions(as_json: bool) {
    let rows: Vec<u32> = (0..ROWS).collect();
    for spec in PARTITIONS.names() {
        let partition = PARTITIONS.build(spec).expect("a partition");
        let cut = || {
            partition
                .cut(rows.clone(), &|row| row % 10, SHARDS, Seed(1))
                .expect("shards")
        };
        let shards = cut();
        let bytes = shards.bytes();
        let took = median(cut);
        let milliseconds = took.as_secs_f64() * 1e3;
        if as_json {
            let line = json!({"bench": "partition", "what": spec, "rows": ROWS, "shards": SHARDS,
                "milliseconds": milliseconds, "bytes": bytes});
            println!("{line}");
        } else {
            println!(
                "{spec:24} {ROWS} rows, {SHARDS} shards: {milliseconds:6.1} ms, {bytes} bytes"
            );
        }
    }
}
