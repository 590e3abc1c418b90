//! Files and directories, right and wrong.

use super::*;
use crate::ml::data::DATA;
use std::fs;
use std::path::Path;

/// A directory with files, gone when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, text.as_bytes()))
            .collect();
        Folder::of(&files)
    }

    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Folder(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

fn open(folder: &Folder, spec: &str) -> Result<Opened, String> {
    let origin = DATA.build(spec).map_err(|error| error.to_string())?;
    let root = Root::new(folder.path()).unwrap();
    origin
        .open(&root, Seed(0))
        .map_err(|error| error.to_string())
}

#[test]
fn a_directory_is_shards_in_natural_order() {
    let files = [
        ("d/train10.txt", "1,2,0"),
        ("d/train2.txt", "3,4,1\n5,6,5"),
        ("d/train1.csv", "7,8,0"),
        ("d/validate.txt", "9,9,1"),
        ("d/notes.txt", "hello"),
        ("d/train3.zip", "not read"),
    ];
    let folder = Folder::new(&files);
    let Ok(Opened::Parts { shards, held_out }) = open(&folder, "path:d/,scale=2") else {
        panic!("a directory brings its shards")
    };
    let names: Vec<&str> = shards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["train1.csv", "train2.txt", "train10.txt"]);
    assert!(shards.iter().all(|(_, data)| data.classes() == 6));
    assert_eq!(shards[1].1.row(1), [2.5, 3.0]);
    assert_eq!(held_out.unwrap().row(0), [4.5, 4.5]);
}

#[test]
fn a_file_is_a_pool() {
    let folder = Folder::new(&[("all.csv", "kind,a\nx,1\ny,2\n")]);
    let Ok(Opened::Pool { pool, .. }) = open(&folder, "path:all.csv,label=kind") else {
        panic!("a file is one pool")
    };
    assert_eq!((pool.rows(), pool.features(), pool.classes()), (2, 1, 2));
}

#[test]
fn patterns_name_the_shards() {
    let files = [("d/b.data", "1,0"), ("d/a.data", "2,3"), ("d/c.txt", "x")];
    let folder = Folder::new(&files);
    let Ok(Opened::Parts { shards, .. }) = open(&folder, "path:d,files=*.data,binary=yes") else {
        panic!("a directory brings its shards")
    };
    let named: Vec<_> = shards
        .iter()
        .map(|(name, data)| (&name[..], data.labels()[0]))
        .collect();
    assert_eq!(named, [("a.data", 1), ("b.data", 0)]);
}

#[test]
fn a_pattern_leaves_other_training_files_alone() {
    let files = [
        ("d/site-1.csv", "1,0"),
        ("d/train1.csv", "2,1"),
        ("d/validate.csv", "3,1\n4,0"),
    ];
    let folder = Folder::new(&files);
    let opened = open(&folder, "path:d,files=site-*.csv");
    let Ok(Opened::Parts { shards, held_out }) = opened else {
        panic!("a directory brings its shards")
    };
    assert_eq!((shards.len(), held_out.unwrap().rows()), (1, 2));
}

#[test]
fn columns_have_the_same_names_in_all_files() {
    let files = [
        ("d/train1.csv", "a,b,y\n1,2,0\n"),
        ("d/train2.csv", "b,a,y\n2,1,0\n"),
        ("e/train1.csv", "a,y,b\n1,0,2\n"),
        ("e/validate.csv", "y,a,b\n0,1,2\n"),
    ];
    let folder = Folder::new(&files);
    let error = open(&folder, "path:d").err().unwrap();
    let text = "d/train2.csv: it has the column `b` where d/train1.csv has `a`; give all files the same columns in \
                the same order";
    assert_eq!(error, text);
    assert!(open(&folder, "path:e").is_err());
    assert!(open(&folder, "path:e,label=y").is_ok());
}

#[test]
fn classes_are_numbered_as_they_are_named() {
    let files = [
        ("one.csv", "1,malignant\n2,malignant\n"),
        ("two.csv", "1,2\n2,1\n"),
        ("gap.csv", "1,NA\n2,yes\n?,no\n3,no\n"),
    ];
    let folder = Folder::new(&files);
    let pool = |spec| match open(&folder, spec) {
        Ok(Opened::Pool { pool, .. }) => {
            let labels: Vec<u32> = (0..pool.rows() as u32).map(|row| pool.label(row)).collect();
            Ok((labels, pool.classes()))
        }
        Ok(_) => panic!("a file is one pool"),
        Err(error) => Err(error),
    };
    let known = pool("path:one.csv,classes=benign/malignant");
    assert_eq!(known, Ok((vec![1, 1], 2)));
    assert_eq!(pool("path:two.csv,classes=1/2"), Ok((vec![1, 0], 2)));
    let error = |spec| pool(spec).unwrap_err();
    let refused = error("path:one.csv,classes=numbers");
    assert!(
        refused.starts_with("one.csv:1:2: \"malignant\" is a text"),
        "{refused}"
    );
    assert_eq!(
        error("path:one.csv,classes=mild/severe"),
        "one.csv:1:2: \"malignant\" is none of the classes that are named, mild/severe"
    );
    assert!(error("path:one.csv,classes=benign").contains("two classes or more"));
    assert!(error("path:one.csv,classes=a/a").contains("two classes or more"));
    assert!(error("path:one.csv,classes=a/b,binary=yes").contains("binary=yes"));

    let gap = "gap.csv:1:2: \"NA\" is no class or value but a gap; missing=drop drops its row";
    assert_eq!(error("path:gap.csv"), gap);
    assert_eq!(error("path:gap.csv,missing=mean"), gap);
    assert_eq!(pool("path:gap.csv,missing=drop"), Ok((vec![1, 0], 2)));
}

#[test]
fn a_column_may_name_the_shard() {
    let text = "age,site,sick\n40,basel,0\n?,bern,1\n60,basel,1\n50,,0\n";
    let folder = Folder::new(&[
        ("all.csv", &text.replace(",,", ",aarau,")),
        ("gap.csv", text),
    ]);
    let Ok(Opened::Parts { shards, .. }) = open(&folder, "path:all.csv,by=site,missing=mean")
    else {
        panic!("rows bring their shards")
    };
    let rows: Vec<_> = shards
        .iter()
        .map(|(name, data)| (&name[..], data.features().into_iter().copied().collect()))
        .collect();
    let expected: [(&str, Vec<f32>); 3] = [
        ("aarau", vec![50.0]),
        ("basel", vec![40.0, 60.0]),
        ("bern", vec![50.0]),
    ];
    assert_eq!(rows, expected);
    let Ok(Opened::Parts { shards, .. }) =
        open(&folder, "path:all.csv,by=2,header=yes,missing=drop")
    else {
        panic!("rows bring their shards")
    };
    assert_eq!(shards.len(), 2, "nobody is left in bern");
    let error = |spec| open(&folder, spec).err().unwrap();
    assert_eq!(
        error("path:gap.csv,by=site,missing=mean"),
        "gap.csv:5:2: \"\" names no shard"
    );
    assert_eq!(
        error("path:all.csv,by=site"),
        "all.csv:3:1: \"?\" is not a number"
    );
    assert!(error("path:all.csv,by=sick").contains("is the class and names the shard"));
    assert!(error("path:all.csv,by=place").contains("no column `place`"));
    assert!(error("path:all.csv,by=2,without=1").contains("is left as a feature"));
    assert!(error("path:all.csv,without=4").contains("no column 4; there are 3"));
    assert!(error("path:all.csv,without=3-2").contains("is not allowed"));
    assert!(error("path:.,by=site").contains("one file"));
    assert!(error("path:all.csv,files=x*").contains("a directory"));
}

#[test]
fn what_is_wrong_is_named() {
    let files = [
        ("d/train1.txt", "1,0\n2,x"),
        ("e/other.txt", "1,2"),
        ("f/train.txt", ""),
    ];
    let folder = Folder::new(&files);
    let error = |spec| open(&folder, spec).err().unwrap();
    let text = "d/train1.txt:2:2: \"x\" is not a number, as the classes before it are";
    assert_eq!(error("path:d"), text);
    assert!(error("path:e").contains("train*.txt"));
    assert_eq!(error("path:f"), "f/train.txt: it is empty");
    assert!(error("path:../d").contains("may not be read"));
    assert!(error("path").contains("below the data root"));
    assert!(error("path:d,scale=0").contains("above 0"));
    assert!(error("path:d,header=no,label=kind").contains("header=no"));
}
