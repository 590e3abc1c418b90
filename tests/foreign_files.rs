//! Files that numpy, pandas, Polars and pyarrow wrote, as `tests/foreign_files/make.py` says.

use std::fs;
use std::path::Path;
use std::process::Command;

use roundtable::ml::data::{Dataset, Request, Root, Source, Targets};
use roundtable::seed::Seed;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign_files");

fn open_in(folder: &Path, spec: &str) -> Result<Source, String> {
    let request = Request {
        spec: format!("path:{spec}"),
        partition: None,
        // Rows of one array are asked for in one piece, to be compared.
        shards: spec.contains(".np").then_some(1),
        seed: Seed(1),
        held_out: 0.0,
    };
    Source::open(&request, &Root::new(folder).unwrap()).map_err(|error| error.to_string())
}

fn open(spec: &str) -> Result<Source, String> {
    open_in(Path::new(FILES), spec)
}

/// All rows of all shards, with the names of the shards.
fn rows(source: &Source) -> Vec<(Option<String>, Dataset)> {
    let shards = 0..source.shards();
    shards
        .map(|shard| {
            (
                source.name(shard),
                source.shard(shard).unwrap().as_ref().clone(),
            )
        })
        .collect()
}

#[test]
fn parquet_of_every_writer_is_what_the_text_is() {
    for options in [
        "label=kind,by=site,missing=mean,standardise=yes",
        "label=kind,missing=drop,without=5",
        "label=treated,missing=mean,without=5+7,standardise=yes",
        "target=score,missing=drop,without=5+7",
        "label=7,by=5,without=2,scale=10",
        "label=last,without=2+5,binary=no",
    ] {
        let text = rows(&open(&format!("rows.csv,{options}")).unwrap());
        assert!(text.iter().map(|(_, rows)| rows.rows()).sum::<usize>() >= 39);
        for file in ["pandas", "gzip", "polars", "encodings"] {
            let found = rows(&open(&format!("{file}.parquet,{options}")).unwrap());
            assert_eq!(found, text, "{file}, {options}");
        }
    }
}

#[test]
fn what_parquet_cannot_give_is_said() {
    let error = |spec| open(spec).err().unwrap();
    assert_eq!(
        error("pandas.parquet,label=kind,by=site"),
        "pandas.parquet:4:2: \"\" is missing; missing=mean fills it in, missing=drop drops its row"
    );
    assert_eq!(
        error("pandas.parquet,label=kind,missing=mean"),
        "pandas.parquet: column `site` is text, which is no feature, class or target; make numbers of it, or leave it out \
         with without="
    );
    assert!(error("zstd.parquet,label=kind,by=site").contains("is packed by zstd,"));
    assert!(error("list.parquet").contains("is a list"));
    assert!(error("time.parquet").contains("column `born` is of dates or times"));
    assert!(error("pandas.parquet,label=city,by=site").contains("no column `city`"));
    assert!(error("pandas.parquet,label=kind,header=yes").contains("header= is for CSV"));
    assert!(
        error("encodings.parquet,label=age,target=age").contains("give one of them"),
        "a target is one thing"
    );
    assert!(
        error("encodings.parquet,label=pressure,without=5+7,missing=mean").contains("no class"),
        "119.3 is no class"
    );
}

#[test]
fn archives_of_arrays_bring_rows_to_evaluate_with() {
    let source = open("keras.npz").unwrap();
    let held_out = source.held_out().unwrap();
    assert_eq!(
        (source.total_rows(), held_out.rows(), source.features()),
        (20, 5, 4)
    );
    let array = open("keras.npy").unwrap();
    assert_eq!(source.shard(0), array.shard(0));
    let values = open("xy.npz,target=last").unwrap().shard(0).unwrap();
    let Targets::Values(values) = values.targets() else {
        panic!("real values were asked for");
    };
    // Rows of one array are dealt out as the seed says.
    let mut values = values.clone();
    values.sort_by(f32::total_cmp);
    assert_eq!(values, [-1.0, 0.5, 2.25, 3.0]);
    let error = |spec| open(spec).err().unwrap();
    assert!(error("xy.npz").contains("xy.npz[y]: row 0, counted from 0, has class 0.5"));
    assert!(error("xy.npz,label=y").contains("have names"));
    assert!(error("keras.npz,without=1").contains("CSV and Parquet"));
    let strange = error("strange.npz");
    assert!(
        strange.contains("it holds a.npy, b.npy; what is read is x_train and y_train"),
        "{strange}"
    );
}

#[test]
fn files_of_a_directory_are_shards() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        fs::copy(Path::new(FILES).join(from), folder.path().join(to)).unwrap();
    };
    copy("pandas.parquet", "train1.parquet");
    copy("encodings.parquet", "train2.parquet");
    copy("polars.parquet", "validate.parquet");
    let options = "label=kind,without=5,missing=mean";
    let source = open_in(folder.path(), &format!(".,{options}")).unwrap();
    assert_eq!(
        (source.shards(), source.rows(0), source.rows(1)),
        (2, Some(40), Some(40))
    );
    assert_eq!(source.shard(0), source.shard(1));
    assert_eq!(source.held_out().map(Dataset::rows), Some(40));

    let folder = tempfile::tempdir().unwrap();
    let copy =
        |to: &str| fs::copy(Path::new(FILES).join("keras.npz"), folder.path().join(to)).unwrap();
    copy("train1.npz");
    copy("train2.npz");
    let source = open_in(folder.path(), ".").unwrap();
    assert_eq!((source.shards(), source.total_rows()), (2, 40));
    assert_eq!(source.held_out().map(Dataset::rows), Some(10));
}

#[test]
fn packed_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        Path::new(FILES).join("keras.npz"),
        folder.path().join("a.npz.gz"),
    )
    .unwrap();
    let error = open_in(folder.path(), "a.npz.gz").err().unwrap();
    assert!(error.contains("unpack it with gunzip"), "{error}");
}

#[test]
fn damage_is_an_error_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    for (file, options) in [
        ("pandas.parquet", ",label=kind,by=site,missing=mean"),
        ("encodings.parquet", ",label=kind,by=site,missing=mean"),
        ("keras.npz", ""),
    ] {
        let good = fs::read(Path::new(FILES).join(file)).unwrap();
        let place = folder.path().join(file);
        let spec = format!("{file}{options}");
        for at in (0..good.len()).step_by(5) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&place, &bytes).unwrap();
            let _ = open_in(folder.path(), &spec);
        }
        for end in (0..good.len()).step_by(31) {
            fs::write(&place, &good[..end]).unwrap();
            assert!(
                open_in(folder.path(), &spec).is_err(),
                "{file} cut at {end}"
            );
        }
    }
}

#[test]
fn a_run_trains_on_parquet() {
    let train = [
        "--quiet",
        "--data",
        "path:pandas.parquet,label=kind,by=site,missing=mean,standardise=yes",
        "--rounds",
        "2",
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(train)
        .args([
            "--data-root",
            FILES,
            "--model",
            "softmax:5-3",
            "--lr",
            "0.001",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.trim_end()
            .lines()
            .last()
            .unwrap()
            .parse::<f64>()
            .is_ok(),
        "{said}"
    );
}
