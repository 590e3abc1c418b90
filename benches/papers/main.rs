//! Published results of the field beside ours, one table a paper: docs/papers.md says what was found.
//!
//! `cargo bench --bench papers -- [--data DIR] [--seeds N] [--rounds N] [--only TEXT] [--state DIR] [PAPER...]`: `--data` names the folder with `mnist`
//! and `fashion-mnist` (../shared/data unless told), `--seeds` how many seeds a row is measured on where it is not the
//! paper's own number, `--rounds` where a run ends at the latest, `--only` words that the name of a row must hold (fedavg-*, scaffold*, fedprox, niid).
//! `--state` keeps the runs in a folder: the same command goes on where it was broken off. All papers run unless some are
//! named, which takes hours.

#[path = "../trio/mod.rs"]
mod trio;

mod compression;
mod fedavg;
mod fedprox;
mod flute;
mod lab;
mod niid;
mod robust;
mod scaffold;

use std::path::Path;

use lab::Setting;

/// A name, the folder of data that it needs, and what it does.
type Paper = (&'static str, Option<&'static str>, fn(&Setting));

const PAPERS: [Paper; 9] = [
    ("fedavg-2nn", Some("mnist"), fedavg::dense),
    ("flute", Some("mnist"), flute::table),
    ("robust", Some("mnist"), robust::table),
    ("compression", Some("mnist"), compression::table),
    ("scaffold", Some("mnist"), scaffold::digits),
    ("scaffold-letters", Some("letters"), scaffold::letters),
    ("fedprox", None, fedprox::table),
    ("niid", Some("fashion-mnist"), niid::table),
    ("fedavg-cnn", Some("mnist"), fedavg::convolutional),
];

fn main() {
    let mut setting = Setting {
        data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        seeds: None,
        rounds: None,
        only: String::new(),
        state: None,
    };
    let mut asked = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--bench" => {}
            "--seeds" => setting.seeds = Some(number().expect("--seeds NUMBER")),
            "--rounds" => setting.rounds = Some(number().expect("--rounds NUMBER") as i32),
            "--data" => setting.data = arguments.next().expect("--data DIR").into(),
            "--state" => setting.state = Some(arguments.next().expect("--state DIR").into()),
            "--only" => setting.only = arguments.next().expect("--only TEXT"),
            name => asked.push(name.to_owned()),
        }
    }
    let known = |name: &String| PAPERS.iter().any(|(paper, ..)| paper == name);
    if let Some(unknown) = asked.iter().find(|name| !known(name)) {
        let names = PAPERS.map(|(name, ..)| name).join(", ");
        eprintln!("no paper is called {unknown}; there are {names}");
        std::process::exit(2);
    }
    for (name, folder, measure) in PAPERS {
        if !asked.is_empty() && !asked.iter().any(|word| word == name) {
            continue;
        }
        println!("\n## {name}\n");
        match folder.map(|folder| setting.data.join(folder)) {
            Some(folder) if !folder.is_dir() => println!(
                "skipped: there is no {}; name the folder of data sets with --data DIR",
                folder.display()
            ),
            _ => measure(&setting),
        }
    }
}
