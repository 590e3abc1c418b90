//! How fast data are read and cut: CSV, IDX, gz, NPY and Parquet against plain reading of the same file, and a
//! partition of 100,000 shards.
//!
//! `cargo bench --bench data -- [MEGABYTES] [WORD] [--json]` writes files of about that size (100) to
//! a temporary directory. Times are medians of five. With a word only what has it in its name is
//! measured; `--json` prints one object a line. Reading uses all cores (`taskset -c 0` gives it one).

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::column::writer::ColumnWriter;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use roundtable::clock;
use roundtable::ml::data::{DATA, Opened, Root};
use roundtable::ml::partition::PARTITIONS;
use roundtable::seed::{Purpose, Seed, Stream};

const COLUMNS: usize = 20;
const PIXELS: usize = 784;
/// Rows of a group, as pyarrow has it unless told.
const PARQUET_ROWS: usize = 1 << 20;
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
    let words = arguments[1..].iter().filter(|text| !text.starts_with('-'));
    let words: Vec<&String> = words
        .filter(|text| text.parse::<usize>().is_err())
        .collect();
    let is_wanted = |what: &str| words.is_empty() || words.iter().any(|word| what.contains(*word));
    for (what, name, write) in FILES {
        if !is_wanted(what) {
            continue;
        }
        write(folder.path(), name, bytes, &mut stream);
        let path = folder.path().join(name);
        let metadata = fs::metadata(&path).expect("a file");
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
    for spec in PARTITIONS.names() {
        if is_wanted(spec) {
            partition(spec, as_json);
        }
    }
}

/// Rows of a file that was opened.
fn open(root: &Root, name: &str) -> usize {
    let origin = DATA.build(&format!("path:{name}")).expect("a spec");
    match origin.open(root, Seed(1)).expect("rows") {
        Opened::Pool { pool, .. } => pool.rows(),
        Opened::Parts { .. } | Opened::Made(_) => panic!("a file is one pool"),
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

/// Writes a file of so many bytes.
type Write = fn(&Path, &str, usize, &mut Stream);

const FILES: [(&str, &str, Write); 7] = [
    (
        "csv of decimals",
        "decimals.csv",
        |folder, name, bytes, stream| {
            save(
                folder,
                name,
                &csv(bytes, || format!("{:.5}", stream.normal())),
            );
        },
    ),
    (
        "csv of small integers",
        "integers.csv",
        |folder, name, bytes, stream| {
            save(folder, name, &csv(bytes, || stream.below(256).to_string()));
        },
    ),
    (
        "csv of 18-digit floats",
        "long.csv",
        |folder, name, bytes, stream| {
            save(
                folder,
                name,
                &csv(bytes, || format!("{:.18e}", stream.normal())),
            );
        },
    ),
    (
        "idx",
        "train-images-idx3-ubyte",
        |folder, name, bytes, stream| {
            save(folder, name, &images(folder, name, bytes, stream));
        },
    ),
    (
        "idx.gz",
        "packed-images-idx3-ubyte.gz",
        |folder, name, bytes, stream| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed
                .write_all(&images(folder, name, bytes, stream))
                .expect("packing");
            save(folder, name, &packed.finish().expect("packing"));
        },
    ),
    ("npy of f32", "floats.npy", |folder, name, bytes, stream| {
        save(folder, name, &array(bytes, stream));
    }),
    (
        "parquet of f32",
        "floats.parquet",
        |folder, name, bytes, stream| {
            save(folder, name, &parquet(bytes, stream).expect("columns"));
        },
    ),
];

fn save(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).expect("a file");
}

/// Images of so many bytes. Writes the file of their classes.
fn images(folder: &Path, name: &str, bytes: usize, stream: &mut Stream) -> Vec<u8> {
    let rows = (bytes / PIXELS).max(1);
    let mut images = b"\x00\x00\x08\x03".to_vec();
    let mut labels = b"\x00\x00\x08\x01".to_vec();
    images.extend(
        [rows as u32, 28, 28]
            .iter()
            .flat_map(|size| size.to_be_bytes()),
    );
    labels.extend((rows as u32).to_be_bytes());
    // About a fifth of the pixels of handwritten digits are not black.
    let pixel = |stream: &mut Stream| match stream.chance(0.2) {
        true => stream.below(256) as u8,
        false => 0,
    };
    images.extend((0..rows * PIXELS).map(|_| pixel(stream)));
    labels.extend((0..rows).map(|row| (row % 10) as u8));
    let beside = name.replace("images-idx3", "labels-idx1");
    save(folder, beside.trim_end_matches(".gz"), &labels);
    images
}

/// A Parquet file of about so many bytes: columns of features, and a class.
fn parquet(bytes: usize, stream: &mut Stream) -> Result<Vec<u8>, ParquetError> {
    let rows = (bytes / 4 / COLUMNS).max(1);
    let features: String = (0..COLUMNS)
        .map(|c| format!("required float f{c};"))
        .collect();
    let schema = parse_message_type(&format!(
        "message rows {{ {features} required int32 class; }}"
    ))?;
    let mut writer = SerializedFileWriter::new(Vec::new(), schema.into(), Arc::default())?;
    for group in (0..rows).step_by(PARQUET_ROWS) {
        let rows = PARQUET_ROWS.min(rows - group);
        let mut columns = writer.next_row_group()?;
        while let Some(mut column) = columns.next_column()? {
            match column.untyped() {
                ColumnWriter::FloatColumnWriter(column) => {
                    let values: Vec<f32> = (0..rows).map(|_| stream.normal() as f32).collect();
                    column.write_batch(&values, None, None)?;
                }
                ColumnWriter::Int32ColumnWriter(column) => {
                    let values: Vec<i32> = (0..rows as i32).map(|row| row % 10).collect();
                    column.write_batch(&values, None, None)?;
                }
                _ => unreachable!("the schema has two kinds"),
            }
            column.close()?;
        }
        columns.close()?;
    }
    writer.into_inner()
}

/// An NPY file of so many bytes: columns of features, and a class.
fn array(bytes: usize, stream: &mut Stream) -> Vec<u8> {
    let columns = COLUMNS + 1;
    let rows = (bytes / 4 / columns).max(1);
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}\n");
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((header.len() as u16).to_le_bytes());
    array.extend(header.bytes());
    for row in 0..rows {
        array.extend((0..COLUMNS).flat_map(|_| (stream.normal() as f32).to_le_bytes()));
        array.extend(((row % 10) as f32).to_le_bytes());
    }
    array
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

fn partition(spec: &str, as_json: bool) {
    let rows: Vec<u32> = (0..ROWS).collect();
    let partition = PARTITIONS.build(spec).expect("a partition");
    let cut = || {
        let shards = partition.cut(rows.clone(), &|row| row % 10, SHARDS, Seed(1));
        shards.expect("shards")
    };
    let bytes = cut().bytes();
    let milliseconds = median(cut).as_secs_f64() * 1e3;
    if as_json {
        let line = json!({"bench": "partition", "what": spec, "rows": ROWS, "shards": SHARDS,
            "milliseconds": milliseconds, "bytes": bytes});
        println!("{line}");
    } else {
        println!("{spec:24} {ROWS} rows, {SHARDS} shards: {milliseconds:6.1} ms, {bytes} bytes");
    }
}
