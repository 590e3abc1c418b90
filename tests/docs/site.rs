//! A scratch folder like that of a reader: the files that pages name, made small.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::page::root;

/// Makes the files below a folder.
pub fn furnish(folder: &Path, ports: &[u16]) {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        fs::write(path, bytes).expect("it is written");
    };
    for name in ["examples/run.toml", "examples/patients.csv"] {
        write(
            name,
            &fs::read(root().join(name)).expect("a file of the project"),
        );
    }
    write(
        "compute_nodes.txt",
        format!("127.0.0.1,{}\n", ports[1]).as_bytes(),
    );
    for name in [
        "ward7.csv",
        "site-1.csv",
        "site-2.csv",
        "site-3.csv",
        "rows.csv",
    ] {
        write(name, digits(name).as_bytes());
    }
    write("houses.csv", houses().as_bytes());
    for name in ["train-a.csv", "train-b.csv", "validate.csv"] {
        write(&format!("sites/{name}"), digits(name).as_bytes());
    }
    for name in ["processed.cleveland.data", "processed.hungarian.data"] {
        write(&format!("heart/{name}"), gaps().as_bytes());
    }
    for (name, images) in [("train", 400), ("t10k", 40)] {
        write(&format!("mnist/{name}-images-idx3-ubyte"), &pixels(images));
        write(&format!("mnist/{name}-labels-idx1-ubyte"), &labels(images));
    }
}

/// Real values that follow from the other columns.
fn houses() -> String {
    let mut text = "rooms,size,age,price
"
    .to_owned();
    for row in 0..240 {
        let (rooms, size, age) = (row % 5 + 1, row * 13 % 90 + 40, row * 7 % 50);
        writeln!(text, "{rooms},{size},{age},{}", 20 * rooms + 3 * size - age).expect("text");
    }
    text
}

/// Rows with the features and classes of the built-in digits.
fn digits(name: &str) -> String {
    let mut text = String::new();
    for row in 0..60 {
        let class = (row + name.len()) % 10;
        for pixel in 0..64 {
            write!(text, "{},", f64::from(u8::from(pixel % 10 == class))).expect("text");
        }
        writeln!(text, "{class}").expect("text");
    }
    text
}

/// Rows with missing values, as the heart disease data have them.
fn gaps() -> String {
    (0..80)
        .map(|row| match row % 9 {
            0 => format!("{},?,{}\n", 40 + row % 30, row % 5),
            _ => format!("{},{},{}\n", 40 + row % 30, 100 + row, row % 5),
        })
        .collect()
}

fn pixels(images: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for size in [images, 28, 28] {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend((0..images * 784).map(|at| (at / 784 % 10 * 25) as u8));
    bytes
}

fn labels(images: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend(images.to_be_bytes());
    bytes.extend((0..images).map(|image| (image % 10) as u8));
    bytes
}
