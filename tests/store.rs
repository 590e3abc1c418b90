//! What is kept of runs: whatever happens to the bytes on the disk is noticed, named and stepped over.

#[path = "common/mod.rs"]
#[allow(dead_code)] // what other tests need of it
mod common;
mod effort;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use roundtable::fed::schedule::SCHEDULES;
use roundtable::fed::strategy::{Mean, STRATEGIES};
use roundtable::fed::{Contribution, Ending, Hosted, Omission, Report, RoundReport, RunId, Shard};
use roundtable::ml::layout::{DType, Layout, Tensor};
use roundtable::ml::metrics::Metrics;
use roundtable::ml::step_rule::StepRule;
use roundtable::seed::{Purpose, Seed};
use roundtable::store::safetensors::About;
use roundtable::store::{
    Folder, Pieces, Recollection, Record, Recovered, Remembered, Snapshot, State, What, encode,
    plan_json, read,
};
use sha2::{Digest, Sha256};

const ROUNDS: u32 = 6;

fn run() -> RunId {
    RunId("a1".to_owned())
}

fn layout() -> Arc<Layout> {
    let tensors = vec![Tensor::new("w", [3, 2]), Tensor::new("b", [2])];
    Arc::new(Layout::new(DType::F32, tensors).expect("a layout"))
}

/// The bytes of the parameters after a round.
fn values(round: u32) -> Bytes {
    let byte = u8::try_from(round).expect("a small round");
    vec![byte; layout().byte_length()].into()
}

fn report(round: u32) -> RoundReport {
    RoundReport {
        round,
        metrics: Some(Metrics {
            rows: 100,
            // The third round is the best.
            correct: Some(if round == 3 {
                90
            } else {
                50 + u64::from(round)
            }),
            loss: 0.1 + f64::from(round) / 3.0,
            detail: None,
        }),
        training_loss: if round == 2 { f64::INFINITY } else { 0.7 },
        asked: 4,
        counted: 3,
        omitted: vec![Omission {
            shard: "ward \"7\"\n".to_owned(),
            reason: "its node died: é".to_owned(),
        }],
        rows: 77,
        took: Duration::from_micros(1_234),
        retries: 1,
        refusals: 2,
        audited: 1,
        suspects: vec!["far".to_owned()],
        nodes: vec![Contribution {
            node: "10.0.0.7:5106".to_owned(),
            shards: 2,
            rows: 40,
            busy: Duration::from_micros(77),
            failures: 1,
            refusals: 3,
        }],
        digest: Sha256::digest(values(round)).into(),
    }
}

fn accepted() -> Record {
    let mut plan = common::plan(u64::MAX, ROUNDS, Mean::Uniform);
    plan.cohort = Some(3);
    plan.quorum = Some(0.1 + 0.2);
    let what = What::Accepted(Box::new(plan), 12);
    Record { number: 1, what }
}

/// The records of a whole run.
fn records() -> Vec<Record> {
    let mut all = vec![accepted()];
    let mut add = |what| {
        let number = all.len() as u64 + 1;
        all.push(Record { number, what });
    };
    add(What::Notice("waiting for a node".to_owned()));
    for round in 1..=ROUNDS {
        add(What::Round(report(round)));
    }
    add(What::Ended(Ending::Succeeded(Report {
        metrics: report(ROUNDS).metrics,
        rounds: ROUNDS,
        took: Duration::from_secs(3),
        digest: report(ROUNDS).digest,
    })));
    all
}

fn about() -> About {
    let What::Accepted(plan, _) = accepted().what else {
        unreachable!("the first record")
    };
    About::from([("plan".to_owned(), plan_json(&plan))])
}

fn snapshot(round: u32) -> Snapshot<impl Iterator<Item = io::Result<Bytes>>> {
    Snapshot {
        round,
        layout: layout(),
        about: about(),
        remembered: Remembered::nothing(),
        pieces: [Ok(values(round))].into_iter(),
    }
}

fn nothing() -> Option<Snapshot<std::iter::Empty<io::Result<Bytes>>>> {
    None
}

/// A state with a run of so many records.
fn written(count: usize) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a folder");
    let state = State::open(place.path(), 2).expect("a state");
    let mut folder = state.create(&run(), &accepted(), nothing()).expect("a run");
    for record in &records()[1..count] {
        let kept = match &record.what {
            What::Round(report) => Some(snapshot(report.round)),
            _ => None,
        };
        folder
            .save(std::slice::from_ref(record), kept)
            .expect("saved");
    }
    let path = place.path().join("runs/a1");
    (place, path)
}

fn open(path: &Path) -> (Folder, Recovered) {
    Folder::open(path, 2).expect("a run")
}

fn journal() -> String {
    let lines: String = records().iter().map(encode).collect();
    format!("roundtable-journal 1\n{lines}")
}

#[test]
fn every_record_reads_back_as_it_was() {
    let found = read(journal().as_bytes()).expect("a journal");
    assert_eq!(found.records, records());
    assert_eq!((found.damage, found.length), (vec![], journal().len()));
    let shard = |name: &str| Shard {
        name: name.to_owned(),
        rows: 9,
        private: true,
    };
    let hosted = Hosted {
        shards: vec![shard("ward \"7\""), shard("é")],
        model: "mlp:13-32-2".to_owned(),
    };
    for what in [
        What::Hosted(Arc::new(hosted)),
        What::Ended(Ending::Cancelled),
        What::Ended(Ending::Failed("it \"diverged\"".to_owned())),
        What::Ended(Ending::Stopped("no node".to_owned())),
    ] {
        let record = Record { number: 1, what };
        let text = format!("roundtable-journal 1\n{}", encode(&record));
        assert_eq!(read(text.as_bytes()).expect("a journal").records, [record]);
    }
}

#[test]
fn parameters_of_rounds_that_were_not_recorded_push_none_out() {
    let (_place, path) = written(5);
    // An earlier life wrote them, and ended before their records.
    let file = |round: u32| path.join(format!("round-{round:08}.safetensors"));
    for round in [8, 9] {
        fs::copy(file(3), file(round)).expect("a copy");
    }
    let (mut folder, _) = open(&path);
    let fourth = &records()[5..6];
    folder.save(fourth, Some(snapshot(4))).expect("saved");
    assert_eq!(open(&path).1.history.rounds, 4);
}

#[test]
fn a_journal_cut_off_anywhere_gives_its_whole_lines() {
    let whole = journal();
    for length in 0..whole.len() {
        let found = read(&whole.as_bytes()[..length]).expect("a journal");
        let lines = whole.as_bytes()[..length]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        assert_eq!(
            found.records,
            records()[..lines.saturating_sub(1)],
            "cut off after {length}"
        );
        let torn = !whole.as_bytes()[..length].ends_with(b"\n") && length > 0;
        assert_eq!(found.damage.len(), usize::from(torn), "{length}");
        assert!(found.length <= length);
    }
}

#[test]
fn a_damaged_byte_costs_at_most_its_lines_and_is_named() {
    let whole = journal();
    let mut stream = Seed(3).stream(Purpose::Simulation, 0, 0);
    let flips = effort::pick(3_000, 10_000);
    for _ in 0..flips {
        let mut bytes = whole.clone().into_bytes();
        let at = stream.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << stream.below(8);
        let Ok(found) = read(&bytes) else {
            assert!(
                at < 21,
                "only the heading can say that it is of another version"
            );
            continue;
        };
        assert!(
            !found.damage.is_empty(),
            "byte {at} is damaged, and nobody noticed"
        );
        let wrong = found
            .records
            .iter()
            .find(|record| !records().contains(record));
        assert_eq!(wrong, None, "byte {at}");
        assert!(found.records.len() + 2 >= records().len(), "byte {at}");
    }
    effort::figure(
        "journal: every length it can be cut off at, random bits flipped",
        "whole records or a named error, never a wrong record",
        format!("{} lengths, {flips} flips", whole.len()),
    );
}

#[test]
fn another_version_is_refused_and_not_guessed_at() {
    let text = journal().replacen("journal 1", "journal 2", 1);
    let error = read(text.as_bytes()).expect_err("another version");
    assert!(
        error.contains("version 2") && error.contains("version 1"),
        "{error}"
    );
}

#[test]
fn the_newest_rounds_and_the_best_are_kept() {
    let (_place, path) = written(records().len());
    let (folder, recovered) = open(&path);
    assert_eq!(folder.rounds().collect::<Vec<u32>>(), [3, 5, 6]);
    assert_eq!(folder.best(), Some(3));
    assert_eq!(recovered.history.rounds, ROUNDS);
    assert!(matches!(
        recovered.history.ending,
        Some(Ending::Succeeded(_))
    ));
    assert_eq!(
        recovered.history.took,
        Duration::from_micros(1_234) * ROUNDS
    );
    assert_eq!(recovered.damage, Vec::<String>::new());
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_taken() {
    for damage in ["flipped", "cut off", "gone", "empty"] {
        let (_place, path) = written(1 + 1 + 5);
        let newest = path.join("round-00000005.safetensors");
        let mut bytes = fs::read(&newest).expect("a checkpoint");
        match damage {
            "flipped" => {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                fs::write(&newest, &bytes).expect("written");
            }
            "cut off" => fs::write(&newest, &bytes[..bytes.len() - 5]).expect("written"),
            "empty" => fs::write(&newest, []).expect("written"),
            _ => fs::remove_file(&newest).expect("removed"),
        }
        let (mut folder, recovered) = open(&path);
        assert_eq!(recovered.history.rounds, 4, "{damage}");
        assert_eq!(recovered.history.last, Some(report(4)));
        let said = recovered.damage.join("; ");
        assert!(said.contains("rounds 5 to 5 are done again"), "{said}");
        assert!(
            damage == "gone" || said.contains("round-00000005"),
            "{said}"
        );
        // It goes on: the round is done again, and everything is whole.
        let what = What::Round(report(5));
        let again = Record {
            number: recovered.history.entries + 1,
            what,
        };
        folder.save(&[again], [snapshot(5)]).expect("saved");
        let (_, after) = open(&path);
        assert_eq!((after.history.rounds, after.damage), (5, vec![]));
    }
}

#[test]
fn without_any_parameters_the_run_begins_again() {
    let (_place, path) = written(1 + 1 + 2);
    for round in [1, 2] {
        fs::remove_file(path.join(format!("round-{round:08}.safetensors"))).expect("removed");
    }
    let (_, recovered) = open(&path);
    assert_eq!(
        (recovered.history.rounds, recovered.history.last),
        (0, None)
    );
}

#[test]
fn a_lost_first_record_is_made_up_for_by_a_checkpoint() {
    let (_place, path) = written(5);
    let journal = path.join("journal");
    let text = fs::read_to_string(&journal).expect("a journal");
    fs::write(&journal, text.replacen("accepted", "ACCEPTED", 1)).expect("written");
    let (_, recovered) = open(&path);
    let What::Accepted(plan, _) = accepted().what else {
        unreachable!("the first record")
    };
    assert_eq!((recovered.plan, recovered.history.rounds), (*plan, 3));
    assert!(
        recovered.damage[0].contains("line 2"),
        "{:?}",
        recovered.damage
    );
    for round in [2, 3] {
        fs::remove_file(path.join(format!("round-{round:08}.safetensors"))).expect("removed");
    }
    let error = Folder::open(&path, 2).expect_err("nothing is left");
    assert!(error.contains("what was to be trained"), "{error}");
}

#[test]
fn a_torn_tail_is_written_over() {
    let (_place, path) = written(4);
    let journal = path.join("journal");
    let whole = fs::read(&journal).expect("a journal");
    let torn = [
        &whole[..],
        "0badcafe {\"number\":5,\"notice\":\"x"
            .repeat(50)
            .as_bytes(),
    ]
    .concat();
    fs::write(&journal, torn).expect("written");
    let (mut folder, recovered) = open(&path);
    assert_eq!((recovered.history.rounds, recovered.damage.len()), (2, 1));
    let what = What::Notice("on".to_owned());
    let record = Record { number: 5, what };
    folder
        .save(std::slice::from_ref(&record), nothing())
        .expect("saved");
    let expected = [&whole[..], encode(&record).as_bytes()].concat();
    assert_eq!(fs::read(&journal).expect("a journal"), expected);
}

#[test]
fn a_run_is_made_once_and_no_name_leads_out_of_the_folder() {
    let (place, _) = written(1);
    let state = State::open(place.path(), 2).expect("a state");
    let again = state.create(&run(), &accepted(), nothing());
    assert!(again.expect_err("it is there").exists());
    for name in [
        "",
        "..",
        "../a1",
        "/etc",
        "a/b",
        "a\0b",
        "é",
        &"a".repeat(65),
    ] {
        let id = RunId(name.to_owned());
        assert!(
            state.create(&id, &accepted(), nothing()).is_err(),
            "{name:?}"
        );
        assert!(state.take_up(&id).is_none(), "{name:?}");
    }
    assert_eq!(state.runs().len(), 1);
}

#[test]
fn what_a_client_brought_stays() {
    let place = tempfile::tempdir().expect("a folder");
    let state = State::open(place.path(), 1).expect("a state");
    let mut folder = state
        .create(&run(), &accepted(), Some(snapshot(0)))
        .expect("a run");
    for record in &records()[2..5] {
        let What::Round(report) = &record.what else {
            unreachable!("rounds")
        };
        folder
            .save(std::slice::from_ref(record), [snapshot(report.round)])
            .expect("saved");
    }
    assert_eq!(folder.rounds().collect::<Vec<u32>>(), [0, 3]);
}

#[test]
fn a_state_that_cannot_be_written_is_an_error_with_a_way_out() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("file");
    fs::write(&file, "not a folder").expect("written");
    let error = State::open(&file, 2).expect_err("no folder");
    assert!(
        error.contains("cannot use") && error.contains("file"),
        "{error}"
    );
}

/// As many bytes as the layout has.
struct Bare(u8);

impl Pieces for Bare {
    fn length(&self) -> usize {
        layout().byte_length()
    }

    fn count(&self) -> usize {
        self.length()
    }

    fn piece(&self, _: usize) -> io::Result<Bytes> {
        Ok(vec![self.0].into())
    }
}

/// After every round the server's tensor and one of three shards are remembered anew.
fn remembering(round: u32) -> Snapshot<impl Iterator<Item = io::Result<Bytes>>> {
    Snapshot {
        remembered: Remembered {
            dtype: layout().dtype(),
            server: vec![("control", Box::new(Bare(round as u8)))],
            shards: vec![(round % 3, Box::new(Bare(100 + round as u8)))],
        },
        ..snapshot(round)
    }
}

#[test]
fn what_is_remembered_of_shards_comes_back_from_the_files_that_hold_it() {
    let place = tempfile::tempdir().expect("a folder");
    let state = State::open(place.path(), 2).expect("a state");
    let mut plan = common::plan(1, ROUNDS, Mean::Uniform);
    plan.strategy = STRATEGIES.build("scaffold").expect("a strategy");
    let accepted = Record {
        number: 1,
        what: What::Accepted(Box::new(plan), 12),
    };
    let mut folder = state.create(&run(), &accepted, nothing()).expect("a run");
    for round in 1..=8 {
        let record = Record {
            number: 1 + u64::from(round),
            what: What::Round(report(round)),
        };
        let saved = folder.save(&[record], Some(remembering(round)));
        saved.expect("saved");
    }
    let first = |values: &Recollection| {
        let mut first = None;
        let read = values.values(|part| {
            first = first.or(part.first().copied());
            Ok(())
        });
        read.expect("readable");
        first.expect("a value")
    };
    let found = |folder: &Folder, round| {
        let recalled = folder.recall(round).expect("whole");
        let shards = recalled.shards.values().map(|(_, values)| first(values));
        (
            first(&recalled.server["control"]),
            shards.collect::<Vec<u8>>(),
        )
    };
    assert_eq!(found(&folder, 8), (8, vec![106, 107, 108]));
    assert_eq!(found(&folder, 7), (7, vec![106, 107, 105]));
    let path = place.path().join("runs/a1");
    let files = |prefix: &str| {
        let names = fs::read_dir(&path).expect("the folder").flatten();
        let names = names.filter(|file| file.file_name().to_string_lossy().starts_with(prefix));
        names.count()
    };
    assert_eq!(
        files("remembered-"),
        4 + 3,
        "those of rounds 5 to 8, and what the best one needs"
    );

    // A damaged one: the run goes on from the round before.
    let damaged = path.join("remembered-00000008.safetensors");
    let mut bytes = fs::read(&damaged).expect("the file");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&damaged, bytes).expect("written");
    let (folder, recovered) = state
        .take_up(&run())
        .expect("it is there")
        .expect("readable");
    assert_eq!(recovered.history.rounds, 7, "{:?}", recovered.damage);
    assert_eq!(found(&folder, 7), (7, vec![106, 107, 105]));
}

#[test]
fn plans_of_journals_from_before_rules_and_schedules_are_read() {
    let line = r#"{"number":1,"accepted":{"at":12,"plan":{"model":"mlp:64-32-10","data":"builtin:digits","held_out":0.2,"rounds":20,"epochs":5,"batch":10,"learning_rate":0.1,"objective":"cross-entropy","strategy":"fedavg:mean=weighted,rate=1","seed":1,"codec":"raw","largest_update":1024.0}}}"#;
    let text = format!(
        "roundtable-journal 1\n{:08x} {line}\n",
        crc32fast::hash(line.as_bytes())
    );
    let found = read(text.as_bytes()).expect("a journal");
    assert!(found.damage.is_empty());
    let What::Accepted(plan, _) = &found.records[0].what else {
        panic!("{found:?}")
    };
    assert!(plan.training.rule().is_plain() && plan.schedule.is_constant());
    // What is not used is not written, so that older releases read it too.
    assert_eq!(
        encode(&found.records[0])
            .split_once(' ')
            .map(|(_, json)| json.trim_end()),
        Some(line)
    );
}

#[test]
fn rules_and_schedules_are_kept() {
    let What::Accepted(mut plan, at) = accepted().what else {
        unreachable!("the first record")
    };
    let rule = StepRule {
        momentum: 0.9,
        weight_decay: 1e-4,
        proximal: 0.1,
    };
    plan.training = plan.training.with_rule(rule).expect("a rule");
    plan.schedule = SCHEDULES.build("cosine:floor=0.1,warmup=2").expect("known");
    let what = What::Accepted(plan, at);
    let record = Record { number: 1, what };
    let text = format!("roundtable-journal 1\n{}", encode(&record));
    assert_eq!(read(text.as_bytes()).expect("a journal").records, [record]);
}
