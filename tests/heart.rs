//! The heart-disease data of four hospitals, a natural partition, where they are at hand (`../shared/data` beside the
//! repository); skipped where they are not.

use std::path::Path;
use std::process::Command;

use roundtable::ml::data::{Request, Root, Source};
use roundtable::seed::Seed;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/heart-disease");
const HOSPITALS: &str = "files=processed.*.data,binary=yes";

fn is_there() -> bool {
    let there = Path::new(DATA).is_dir();
    if !there {
        println!("skipped: no heart-disease data at {DATA}");
    }
    there
}

fn open(options: &str) -> Source {
    let request = Request {
        spec: format!("path:.,{HOSPITALS},{options}"),
        partition: None,
        shards: None,
        seed: Seed(1),
        held_out: 0.0,
    };
    Source::open(&request, &Root::new(DATA).unwrap()).unwrap()
}

fn rows(source: &Source) -> Vec<usize> {
    (0..source.shards())
        .filter_map(|shard| source.rows(shard))
        .collect()
}

#[test]
fn hospitals_are_shards() {
    if !is_there() {
        return;
    }
    let all = open("missing=mean");
    assert_eq!(rows(&all), [303, 294, 123, 200]);
    assert_eq!((all.features(), all.classes()), (13, 2));
    assert_eq!(all.name(0).as_deref(), Some("processed.cleveland.data"));
    let diseased = |shard| all.shard(shard).unwrap().labels().iter().sum::<u32>();
    assert_eq!([0, 1, 2, 3].map(diseased), [139, 106, 115, 149]);
    // As FLamby has them: without the columns that are mostly empty, and whole rows only.
    let whole = open("missing=drop,without=11-13");
    assert_eq!(
        (rows(&whole), whole.features()),
        (vec![303, 261, 46, 130], 10)
    );
}

/// The accuracy that `client` prints for logistic regression with these options.
fn accuracy(options: &[&str]) -> f64 {
    let data = format!("path:.,{HOSPITALS},missing=mean,standardise=yes");
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["--quiet", "--data-root", DATA, "--data", &data])
        .args([
            "--model",
            "softmax:13-2",
            "--held-out",
            "0.34",
            "--lr",
            "0.05",
        ])
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{text}{errors}"))
}

#[test]
fn four_hospitals_learn_together() {
    if !is_there() {
        return;
    }
    let accuracy = accuracy(&["--rounds", "20", "--epochs", "1"]);
    // All rows in one place come to 0.80 to 0.84, the majority to 0.55.
    assert!(accuracy > 0.75, "{accuracy}");
    println!("accuracy {accuracy}");
}
