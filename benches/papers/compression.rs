//! FedLab's table of compressed updates (Zeng et al., 2021; its repository): MNIST by Dirichlet 0.5, 100 participants, 10 a
//! round, 200 rounds, 5 steps on all local rows, learning rate 0.1, a network of 39,760 parameters.
//!
//! Sparse updates need a memory of what was not sent, which is with participants' own rows; so each row of the table is a
//! run on `private:` data, of two nodes that host 50 participants each. Every participant holds out a seventh of its
//! rows, and these evaluate.

use std::fs;
use std::path::Path;

use roundtable::app::coordinator::{Config, Coordinator, NodeList};
use roundtable::app::node::{self, Node};
use roundtable::ml::data::{Dataset, Request, Root, Source};
use roundtable::seed::Seed;
use roundtable::wire::codec::CODECS;
use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::DataRef;

use crate::lab::{Setting, head, row, run, training};

const PARTICIPANTS: usize = 100;
const COHORT: i32 = 10;
const PARAMETERS: usize = 784 * 50 + 50 + 50 * 10 + 10;
/// A codec, and what FedLab has for the nearest of its own.
const ROWS: [(&str, &str); 7] = [
    ("raw", "none: 93.14, 302.45"),
    ("f16", "QSGD 16 bits: 93.11, 160.67"),
    ("bf16", "-"),
    ("int8", "QSGD 8 bits: 93.27, 85.06"),
    ("top-k:share=0.05", "5 %, no memory: 11.35"),
    ("top-k:share=0.1", "10 %, no memory: 61.25"),
    ("top-k:share=0.2", "20 %, no memory: 89.96"),
];

/// Accuracy and bytes by codec.
pub fn table(setting: &Setting) {
    let rounds = setting.rounds(200);
    println!(
        "Accuracy after {rounds} rounds, mean of the last 5; MiB of updates, one a participant and round.\n"
    );
    head(&[
        "codec",
        "accuracy, %",
        "against raw, points",
        "MiB sent",
        "FedLab: %, MiB",
    ]);
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    deal(&setting.data, &[folders[0].path(), folders[1].path()]);
    let nodes = folders.each_ref().map(|folder| {
        let path = folder.path().to_str().expect("a name");
        let config = node::Config {
            data: Some(path.to_owned()),
            slots: 1,
            ..node::Config::default()
        };
        Node::start(config).expect("a node")
    });
    let coordinator = Coordinator::start(Config {
        nodes: NodeList::Fixed(nodes.each_ref().map(|node| node.address().into()).to_vec()),
        ..Config::default()
    })
    .expect("a coordinator");
    let mut plain = f64::NAN;
    for (codec, published) in ROWS {
        let plan = Plan {
            model: Some("mlp:784-50-10".to_owned()),
            data: Some(DataRef {
                spec: "private:".to_owned(),
                held_out: Some(1.0 / 7.0),
                ..DataRef::default()
            }),
            cohort: Some(COHORT),
            rounds: Some(rounds),
            training: training(5, 0, 0.1),
            codec: Some(codec.to_owned()),
            ..Plan::default()
        };
        let course = run(&coordinator.address().into(), plan);
        let accuracy = course.last(5) * 100.0;
        if plain.is_nan() {
            plain = accuracy;
        }
        let bytes = CODECS
            .build(codec)
            .expect("a codec")
            .encoded_len(PARAMETERS);
        row(&[
            format!("`{codec}`"),
            format!("{accuracy:.2}"),
            format!("{:+.2}", accuracy - plain),
            format!(
                "{:.2}",
                (bytes as i64 * i64::from(COHORT * rounds)) as f64 / f64::from(1 << 20)
            ),
            published.to_owned(),
        ]);
    }
}

/// Cuts the training rows and writes each shard to one of the folders.
fn deal(data: &Path, folders: &[&Path]) {
    let request = Request {
        spec: "path:mnist".to_owned(),
        partition: Some("dirichlet:alpha=0.5".to_owned()),
        shards: Some(PARTICIPANTS),
        seed: Seed(1),
        held_out: 0.0,
    };
    let source = Source::open(&request, &Root::new(data).expect("a root")).expect("rows");
    for number in 0..PARTICIPANTS {
        let rows = source.shard(number).expect("a shard");
        let folder = folders[number % folders.len()];
        write(folder, number, &rows);
    }
}

/// Rows as two NPY files: a byte a pixel, and the labels.
fn write(folder: &Path, number: usize, rows: &Dataset) {
    let features = rows.features();
    let pixels = features.iter().map(|pixel| (pixel * 255.0).round() as u8);
    let labels = rows.labels().iter().map(|&label| label as u8);
    let file = |name: String, shape: String, values: Vec<u8>| {
        let mut header =
            format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
        header += &" ".repeat((64 - (header.len() + 11) % 64) % 64);
        header.push('\n');
        let length = u16::try_from(header.len())
            .expect("a short header")
            .to_le_bytes();
        let bytes = [
            b"\x93NUMPY\x01\x00",
            &length[..],
            header.as_bytes(),
            &values,
        ]
        .concat();
        fs::write(folder.join(name), bytes).expect("a file");
    };
    let count = rows.rows();
    file(
        format!("train{number}.npy"),
        format!("{count}, {}", rows.width()),
        pixels.collect(),
    );
    file(
        format!("train{number}-labels.npy"),
        format!("{count},"),
        labels.collect(),
    );
}
