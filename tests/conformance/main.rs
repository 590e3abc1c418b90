//! `client conformance`: our node passes every check, and each kind of broken node is caught by the right one.

mod broken;

#[path = "../programs/mod.rs"]
mod programs;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use broken::{Broken, Fault};
use programs::Program;
use serde_json::Value;

/// The verdict on a node: what was said of each check, by its name.
struct Verdict {
    output: Output,
    outcomes: BTreeMap<String, (String, String)>,
}

impl Verdict {
    fn of(node: SocketAddr, options: &[&str]) -> Verdict {
        let output = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["conformance", &node.to_string(), "--json"])
            .args(options)
            .stdin(Stdio::null())
            .output()
            .expect("the client runs");
        let text = String::from_utf8(output.stdout.clone()).expect("text");
        let outcomes = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("an object a line"))
            .filter(|object| object["event"] == "check")
            .map(|check| {
                let word = |name: &str| check[name].as_str().expect("text").to_owned();
                (word("check"), (word("outcome"), word("found")))
            })
            .collect();
        Verdict { output, outcomes }
    }

    /// The checks with this outcome.
    fn with(&self, outcome: &str) -> Vec<&str> {
        let has = self.outcomes.iter().filter(|(_, found)| found.0 == outcome);
        has.map(|(name, _)| name.as_str()).collect()
    }

    /// Exactly these checks failed, and the first says so.
    fn blames(&self, case: &str, checks: &[&str], words: &str) {
        let mut expected = checks.to_vec();
        expected.sort_unstable();
        assert_eq!(self.with("fail"), expected, "{case}: {:#?}", self.outcomes);
        let found = &self.outcomes[checks[0]].1;
        assert!(found.contains(words), "{case}: no {words:?} in {found:?}");
        assert_eq!(self.output.status.code(), Some(1), "{case}");
        let error = String::from_utf8_lossy(&self.output.stderr);
        assert!(
            error.contains("does not do all that the protocol asks"),
            "{error}"
        );
    }
}

#[test]
fn our_node_passes_every_check() {
    let node = Program::node(&["0"]);
    let verdict = Verdict::of(node.address, &[]);
    assert!(verdict.output.status.success(), "{:#?}", verdict.outcomes);
    assert_eq!(verdict.with("pass").len(), verdict.outcomes.len());
    assert!(verdict.outcomes.len() > 25);
}

#[test]
fn our_node_passes_on_rows_of_its_own_with_a_wide_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..60)
        .map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 2))
        .collect();
    std::fs::write(folder.path().join("rows.csv"), rows).expect("rows are written");
    let rows = folder.path().join("rows.csv");
    let node = Program::node(&["0", "--data", rows.to_str().expect("a name")]);
    // Long updates travel as blobs: 2,250,002 values of 4 bytes.
    let verdict = Verdict::of(node.address, &["--model", "mlp:2-450000-2"]);
    assert!(verdict.output.status.success(), "{:#?}", verdict.outcomes);
    assert_eq!(verdict.with("n/a"), ["fold"], "one shard makes no sum");
}

#[test]
fn our_node_passes_on_real_values_of_any_size() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in [1, 1_000] {
        let rows = (0..60).map(|i| {
            let (a, b) = (i % 7 * size, i % 5 * size);
            format!("{a},{b},{}\n", 3 * a - 2 * b + size)
        });
        let rows: String = rows.collect();
        let file = folder.path().join("h.csv");
        std::fs::write(&file, format!("a,b,price\n{rows}")).expect("rows are written");
        let data = format!("{},target=price", file.display());
        let node = Program::node(&["0", "--data", &data]);
        for options in [&[][..], &["--model", "linear:2"]] {
            let verdict = Verdict::of(node.address, options);
            assert!(verdict.output.status.success(), "{:#?}", verdict.outcomes);
            assert_eq!(verdict.with("n/a"), ["fold"], "{:#?}", verdict.outcomes);
        }
    }
}

#[test]
fn broken_nodes_are_caught() {
    let cases: &[(Fault, &[&str], &str)] = &[
        (
            Fault::ShortUpdate,
            &["train: answers"],
            "the layout takes 9640",
        ),
        (Fault::NotANumber, &["train: answers"], "NaN"),
        (
            Fault::NewParameters,
            &["train: new minus old", "blobs: parameters", "fold"],
            "the new parameters themselves",
        ),
        (
            Fault::NoRows,
            &["train: rows and loss", "fold"],
            "0 rows; the shard has 144",
        ),
        (
            Fault::OwnChance,
            &["train: same again", "blobs: parameters", "fold"],
            "all chance from the request",
        ),
        (
            Fault::OwnParameters,
            &["train: other parameters"],
            "the same bit for bit",
        ),
        (
            Fault::AnyModel,
            &["fault: unknown model"],
            "as if nothing were wrong; expected was fault INVALID",
        ),
        (
            Fault::InternalFaults,
            &[
                "fault: unknown shard",
                "fault: other layout",
                "fault: parameters cut short",
                "fault: parameters in an unknown codec",
                "fault: unknown model",
                "train: update in an unknown codec",
                "initialise: unknown model",
                "blobs: damaged",
                "blobs: not there",
                "cancel",
            ],
            "fault INTERNAL",
        ),
        (
            Fault::Blocked,
            &["heartbeat while training"],
            "while a training was under way: heartbeat",
        ),
        (Fault::Deaf, &["cancel"], "trained it to its end"),
        (
            Fault::FindsAll,
            &["cancel: nothing there"],
            "`found` is true",
        ),
        (Fault::TooGood, &["evaluate"], "make no sense"),
        (
            Fault::NewIncarnations,
            &["heartbeat", "nonsense on a connection", "framed"],
            "restarted at every beat",
        ),
        (
            Fault::IgnoresMomentum,
            &["abilities of training"],
            "`momentum`",
        ),
        (
            Fault::CountsTwice,
            &["describe"],
            "288 rows; the shard has 144",
        ),
        (
            Fault::IgnoresStandard,
            &["describe"],
            "with and without `data.standard`",
        ),
        (
            Fault::Gullible,
            &["blobs: damaged"],
            "as if nothing were wrong",
        ),
        (Fault::Hangs, &["train: answers"], "timed out"),
    ];
    thread::scope(|scope| {
        for (fault, checks, words) in cases {
            scope.spawn(move || {
                let node = Broken::start(*fault);
                let limit = if *fault == Fault::Hangs { "1s" } else { "10s" };
                let verdict = Verdict::of(node.address(), &["--limit", limit]);
                verdict.blames(&format!("{fault:?}"), checks, words);
            });
        }
    });
}

#[test]
fn broken_python_nodes_are_caught() {
    if !programs::has_python(&["thriftpy2", "numpy"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("rows.csv");
    let text: String = (0..60)
        .map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 3))
        .collect();
    std::fs::write(&rows, text).expect("rows are written");
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "one-at-a-time",
            &["two connections at once"],
            "serve each on a thread of its own",
        ),
        ("impatient", &["idle connection"], "client_timeout=None"),
        (
            "raises",
            &["fault: unknown model"],
            "broke the connection off",
        ),
    ];
    thread::scope(|scope| {
        for (mode, checks, words) in cases {
            let rows = &rows;
            scope.spawn(move || {
                let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/broken_node.py");
                let node = Program::start(Command::new("python3").arg(peer).arg(rows).arg(mode));
                let verdict = Verdict::of(node.address, &["--limit", "2s"]);
                assert_eq!(verdict.output.status.code(), Some(1), "{mode}");
                let (outcome, found) = &verdict.outcomes[checks[0]];
                assert_eq!(outcome, "fail", "{mode}: {:#?}", verdict.outcomes);
                assert!(found.contains(words), "{mode}: {found}");
            });
        }
    });
}

#[test]
fn what_cannot_be_asked_is_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(arguments)
            .output();
        let output = output.expect("the client runs");
        let said = String::from_utf8(output.stderr).expect("text");
        (output.status.code(), said)
    };
    let (code, said) = run(&["conformance"]);
    assert!(code == Some(2) && said.contains("HOST:PORT"), "{said}");
    let (code, said) = run(&["127.0.0.1", "5105", "conformance", "127.0.0.1:5106"]);
    assert!(
        code == Some(2) && said.contains("client conformance HOST:PORT"),
        "{said}"
    );
    // The port is nobody's: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = free.local_addr().expect("its address").to_string();
    drop(free);
    let (code, said) = run(&["conformance", &nobody]);
    assert!(
        code == Some(1) && said.contains("did not answer `hello`"),
        "{said}"
    );
    // A model that neither side knows is named with what the node says of it.
    let node = Program::node(&["0"]);
    let verdict = Verdict::of(node.address, &["--model", "resnet"]);
    verdict.blames("resnet", &["train: answers"], "unknown model `resnet`");
}
