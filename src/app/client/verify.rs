//! Whether two runs, or a run and a model file, are the same bit for bit.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::follow::told;
use super::model::{Model, UNTURNED};
use super::session::Session;
use super::view::{print, print_json, written};

/// What is compared.
enum Side {
    Run(String, BTreeMap<i32, Bytes>),
    File(String, Box<Model>, Bytes),
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Equal(String),
    Differ(String),
}

/// Compares, and says "equal" or where the difference begins. An error if they differ.
pub(super) fn run(
    open: impl Fn() -> Result<Session, Failure>,
    names: &[String],
    json: bool,
) -> Result<(), Failure> {
    let sides: Result<Vec<Side>, Failure> = names.iter().map(|name| side(&open, name)).collect();
    let sides = sides?;
    comparable(&sides)?;
    let verdict = match &sides[..] {
        [alone] => check(alone),
        [Side::Run(a, x), Side::Run(b, y)] => compare_runs((a, x), (b, y)),
        [Side::Run(run, rounds), Side::File(file, model, digest)]
        | [Side::File(file, model, digest), Side::Run(run, rounds)] => {
            compare_with_file((run, rounds), (file, model, digest))
        }
        [Side::File(a, x, _), Side::File(b, y, _)] => compare_files((a, x), (b, y)),
        _ => return Err(Failure::usage("one or two runs or files are compared")),
    };
    if json {
        let (equal, text) = match &verdict {
            Verdict::Equal(text) => (true, text),
            Verdict::Differ(text) => (false, text),
        };
        written(print_json(
            &json!({"event": "verified", "equal": equal, "message": text}),
        ))?;
    }
    match verdict {
        Verdict::Equal(_) if json => Ok(()),
        Verdict::Equal(text) => written(print(&text)),
        Verdict::Differ(text) => Err(Failure::failed(text)),
    }
}

/// A file if there is one of this name, a run otherwise.
fn side(open: &impl Fn() -> Result<Session, Failure>, name: &str) -> Result<Side, Failure> {
    let path = Path::new(name);
    if path.exists() || name.ends_with(".safetensors") {
        let model = Model::read(path)?;
        let digest = Bytes::copy_from_slice(&Sha256::digest(&model.values));
        return Ok(Side::File(name.to_owned(), Box::new(model), digest));
    }
    Ok(Side::Run(name.to_owned(), rounds(&mut open()?, name)?))
}

/// Weights in another order have another digest, and are comparable with weights in that order alone.
fn comparable(sides: &[Side]) -> Result<(), Failure> {
    let turned: Vec<&str> = sides
        .iter()
        .filter_map(|side| match side {
            Side::File(file, model, _) if model.is_turned() => Some(file.as_str()),
            _ => None,
        })
        .collect();
    match turned[..] {
        [file] => Err(Failure::failed(format!(
            "{file} was written with --pytorch: its weights lie the other way round, and its digest is another"
        ))
        .hint(UNTURNED)),
        _ => Ok(()),
    }
}

/// The digests of a run's rounds.
fn rounds(session: &mut Session, run: &str) -> Result<BTreeMap<i32, Bytes>, Failure> {
    let mut rounds = BTreeMap::new();
    told(session, run, |event| {
        if let Some(round) = event.round {
            rounds.insert(round.round, round.digest.unwrap_or_default());
        }
    })?;
    Ok(rounds)
}

/// A file alone: its values are those its digest was taken of.
fn check(side: &Side) -> Verdict {
    match side {
        Side::Run(run, rounds) => match rounds.iter().next_back() {
            Some((round, digest)) => Verdict::Equal(format!(
                "{run}: digest {} after round {round}",
                hex::encode(digest)
            )),
            None => Verdict::Differ(format!("{run} has finished no round yet")),
        },
        Side::File(file, model, digest) => match model.says("digest") {
            Some(said) if said == hex::encode(digest) => {
                Verdict::Equal(format!("{file} is undamaged: digest {said}"))
            }
            Some(said) => Verdict::Differ(format!(
                "{file} is damaged: its values have digest {}, it was written with {said}",
                hex::encode(digest)
            )),
            None => Verdict::Differ(format!("{file} does not say which digest it should have")),
        },
    }
}

fn compare_runs(
    (a, x): (&str, &BTreeMap<i32, Bytes>),
    (b, y): (&str, &BTreeMap<i32, Bytes>),
) -> Verdict {
    for (round, digest) in x {
        if let Some(other) = y.get(round)
            && other != digest
        {
            return Verdict::Differ(format!(
                "they differ from round {round} on: {a} has digest {}, {b} has {}",
                hex::encode(digest),
                hex::encode(other)
            ));
        }
    }
    let last = |rounds: &BTreeMap<i32, Bytes>| rounds.keys().next_back().copied().unwrap_or(0);
    let (m, n) = (last(x), last(y));
    match x.get(&m) {
        Some(digest) if m == n => {
            Verdict::Equal(format!("equal: {m} rounds, digest {}", hex::encode(digest)))
        }
        _ => Verdict::Differ(format!(
            "equal as far as both go, but {a} has {m} rounds and {b} has {n}"
        )),
    }
}

fn compare_with_file(
    (run, rounds): (&str, &BTreeMap<i32, Bytes>),
    (file, model, digest): (&str, &Model, &Bytes),
) -> Verdict {
    let said = model
        .says("round")
        .and_then(|round| round.parse::<i32>().ok());
    let same = rounds.iter().rfind(|(_, other)| *other == digest);
    match (
        same,
        said.and_then(|round| Some((round, rounds.get(&round)?))),
    ) {
        (Some((round, _)), _) => Verdict::Equal(format!(
            "equal: {file} is {run} after round {round}, digest {}",
            hex::encode(digest)
        )),
        (None, Some((round, other))) => Verdict::Differ(format!(
            "they differ: {file} has digest {}, {run} after round {round} has {}",
            hex::encode(digest),
            hex::encode(other)
        )),
        (None, None) => Verdict::Differ(format!(
            "no round of {run} has the digest of {file}, {}",
            hex::encode(digest)
        )),
    }
}

fn compare_files((a, x): (&str, &Model), (b, y): (&str, &Model)) -> Verdict {
    if x.layout != y.layout {
        return Verdict::Differ(format!("{a} and {b} have other tensors"));
    }
    let first = x.values.iter().zip(&y.values).position(|(a, b)| a != b);
    match first {
        None => Verdict::Equal(format!("equal: {} values", x.layout.elements())),
        Some(byte) => {
            let (tensor, at) = x.layout.place(byte / x.layout.dtype().size());
            Verdict::Differ(format!(
                "{a} and {b} differ first in `{tensor}`, value {at}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(digests: &[u8]) -> BTreeMap<i32, Bytes> {
        let digests = digests.iter().map(|&digest| Bytes::from(vec![digest; 32]));
        (1..).zip(digests).collect()
    }

    #[test]
    fn the_first_round_that_differs_is_named() {
        let verdict = |x: &[u8], y: &[u8]| compare_runs(("a", &rounds(x)), ("b", &rounds(y)));
        assert!(matches!(verdict(&[1, 2], &[1, 2]), Verdict::Equal(_)));
        let Verdict::Differ(text) = verdict(&[1, 2, 3], &[1, 7, 8]) else {
            panic!("they differ")
        };
        assert!(text.contains("from round 2 on"), "{text}");
        let Verdict::Differ(text) = verdict(&[1, 2, 3], &[1, 2]) else {
            panic!("one is longer")
        };
        assert!(text.contains("a has 3 rounds and b has 2"), "{text}");
        assert!(
            matches!(verdict(&[], &[]), Verdict::Differ(_)),
            "nothing was compared"
        );
    }
}
