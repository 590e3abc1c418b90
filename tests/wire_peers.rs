//! The wire, held against other libraries: what they write we read, and the other way round.
//!
//! A peer that is not installed is skipped with a message; with `ROUNDTABLE_PEERS=required`, as in
//! continuous integration, that is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use roundtable::wire;
use thrift::protocol::{TBinaryOutputProtocol, TSerializable};
use thrift::server::TProcessor;

use wire::protocol::{BUFFER, BinaryInput, Limits, output};
use wire::rpc::CallError;
use wire::stubs::compute_node::{self as node, ComputeNodeClient};
use wire::stubs::{coordinator as central, types};

include!(concat!(env!("OUT_DIR"), "/probe.rs"));

#[allow(dead_code)] // other tests use other parts
mod samples;

use samples::text;

const PYTHON: &str = "python3";

/// The folder of a file of this repository, from anywhere.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether a peer can be run, as `check` finds out. Says how to install it if not.
fn available(program: &str, check: &[&str], install: &str) -> bool {
    let found = Command::new(program)
        .args(check)
        .current_dir(root("tests/peers"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!(
            "skipped: `{program} {}` fails; `{install}` installs it",
            check.join(" ")
        );
        let required = env::var("ROUNDTABLE_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "this peer is required");
    }
    found
}

fn has_thriftpy2() -> bool {
    available(PYTHON, &["-c", "import thriftpy2"], "pip install thriftpy2")
}

/// Whether bytes are read as a certain struct.
type Same = dyn Fn(&[u8]) -> bool;

/// A struct, its bytes, and whether other bytes are read as the same struct.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    same: Box<Same>,
}

fn case<T: TSerializable + PartialEq + 'static>(name: &'static str, value: T) -> Case {
    let bytes = samples::written(|output| value.write_to_out_protocol(output));
    let same = move |mut bytes: &[u8]| {
        let mut input = BinaryInput::new(&mut bytes, Limits::default());
        let read = T::read_from_in_protocol(&mut input).unwrap();
        read == value && bytes.is_empty()
    };
    Case {
        name,
        bytes,
        same: Box::new(same),
    }
}

/// Every type there is, at the ends of its range.
fn every() -> probe::Every {
    let point = || shared::Point {
        x: -0.5,
        y: f64::MAX,
    };
    probe::Every {
        flag: true,
        tiny: i8::MIN,
        small: i16::MIN,
        medium: i32::MIN,
        large: i64::MIN,
        real: f64::NEG_INFINITY,
        text: text("ünïcode \u{1f980} \0 end"),
        data: samples::bytes(),
        colour: probe::Colour::DEEP_BLUE,
        point: point(),
        numbers: vec![1, -1, i32::MAX],
        words: BTreeSet::from([text("a"), text("b"), text("c")]),
        counts: BTreeMap::from([(text(""), 0), (text("x"), i64::MAX)]),
        rows: vec![vec![], vec![0.1, f64::MIN_POSITIVE]],
        paths: BTreeMap::from([(probe::Colour(-7), vec![point()])]),
        stamp: 1,
        path: vec![point(), point()],
    }
}

fn maybe() -> probe::Maybe {
    probe::Maybe {
        r#type: Some(1),
        medium: Some(-300),
        text: Some(String::new()),
        data: Some(Default::default()),
        blobs: Some(vec![samples::bytes(), Default::default()]),
        words: Some(BTreeSet::new()),
        counts: Some(BTreeMap::new()),
        every: Some(every()),
        ..probe::Maybe::default()
    }
}

fn cases() -> Vec<Case> {
    vec![
        case("types.Hello", samples::hello()),
        case("types.Tensor", samples::layout().remove(0)),
        case("types.Payload", samples::payload()),
        case("types.Chunk", samples::chunk()),
        case("types.Fault", samples::fault()),
        case("types.DataRef", samples::data()),
        case("types.ShardRef", samples::shards().remove(0)),
        case(
            "types.MissingReply",
            types::MissingReply {
                missing: vec![samples::bytes()],
            },
        ),
        case("compute_node.HeartbeatRequest", node::HeartbeatRequest {}),
        case("compute_node.TrainRequest", samples::train_request()),
        case("compute_node.TrainReply", samples::train_reply()),
        case("coordinator.Plan", samples::plan()),
        case("coordinator.RoundReport", samples::round()),
        case("coordinator.WatchReply", samples::watch_reply()),
        case("coordinator.Plan", central::Plan::default()),
        case("probe.Nothing", probe::Nothing {}),
        case("probe.Every", every()),
        case("probe.Maybe", maybe()),
        case("probe.Maybe", probe::Maybe::default()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(line: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    (0..line.len()).step_by(2).map(byte).collect()
}

/// Gives all cases to a peer that decodes and encodes them; gives back its lines.
fn copies(command: &mut Command, cases: &[Case]) -> Vec<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = cases
        .iter()
        .map(|case| format!("{} {}\n", case.name, hex(&case.bytes)))
        .collect();
    // A peer answers as it reads, so what it writes has to be read meanwhile.
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the peer failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(unhex)
        .collect()
}

fn same(copies: &[Vec<u8>], cases: &[Case], in_order: bool) {
    assert_eq!(copies.len(), cases.len());
    for (copy, case) in copies.iter().zip(cases) {
        assert!((case.same)(copy), "{}: {}", case.name, hex(copy));
        assert_eq!(copy.len(), case.bytes.len(), "{}", case.name);
        assert!(
            !in_order || *copy == case.bytes,
            "{}: {}",
            case.name,
            hex(copy)
        );
    }
}

#[test]
fn thriftpy2_copies_every_struct() {
    if !has_thriftpy2() {
        return;
    }
    let mut peer = Command::new(PYTHON);
    peer.arg(root("tests/peers/peer.py"))
        .arg("copy")
        .args([root("idl"), root("tests/idl")]);
    // Python's sets have an order of their own, and one that changes from run to run.
    let all = cases();
    let copies = copies(&mut peer, &all);
    same(&copies, &all, false);
    let sets = ["types.Hello", "probe.Every", "probe.Maybe"];
    for (copy, case) in copies.iter().zip(&all) {
        assert!(
            sets.contains(&case.name) || *copy == case.bytes,
            "{}",
            case.name
        );
    }
}

#[test]
fn apache_python_copies_every_struct() {
    if available(
        PYTHON,
        &["-c", "import thrift.Thrift"],
        "pip install thrift",
    ) {
        let mut peer = Command::new(PYTHON);
        peer.arg(root("tests/peers/generic.py"));
        same(&copies(&mut peer, &cases()), &cases(), true);
    }
}

#[test]
fn apache_javascript_copies_every_struct() {
    if available(
        "node",
        &["-e", "require('thrift')"],
        "npm install --prefix tests/peers",
    ) {
        let mut peer = Command::new("node");
        peer.arg(root("tests/peers/generic.js"));
        same(&copies(&mut peer, &cases()), &cases(), true);
    }
}

#[test]
fn thriftpy2_still_writes_the_golden_messages() {
    if !has_thriftpy2() {
        return;
    }
    let mut peer = Command::new(PYTHON);
    peer.arg(root("tests/peers/peer.py"))
        .arg("golden")
        .arg(root("idl"));
    let output = peer.stderr(Stdio::inherit()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.replace('\r', ""), include_str!("golden/messages.txt"));
}

type SocketInput = BinaryInput<BufReader<TcpStream>>;
type SocketOutput = TBinaryOutputProtocol<std::io::BufWriter<TcpStream>>;

/// Both ends of a connection.
fn ends(stream: TcpStream) -> (SocketInput, SocketOutput) {
    stream.set_nodelay(true).unwrap();
    let reader = BufReader::with_capacity(BUFFER, stream.try_clone().unwrap());
    (BinaryInput::new(reader, Limits::default()), output(stream))
}

#[test]
fn a_thriftpy2_client_calls_our_node() {
    if !has_thriftpy2() {
        return;
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (mut input, mut output) = ends(listener.accept().unwrap().0);
        let processor = node::ComputeNodeProcessor::new(samples::node::Node);
        let mut served = 0;
        while processor.process(&mut input, &mut output).is_ok() {
            served += 1;
        }
        served
    });
    let mut peer = Command::new(PYTHON);
    peer.arg(root("tests/peers/peer.py"))
        .arg("call")
        .arg(root("idl"))
        .arg(port);
    let output = peer.stderr(Stdio::inherit()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "ok");
    assert_eq!(server.join().unwrap(), 5);
}

/// Starts the Python node; gives the port it prints. The pipe stays open until it ends.
fn python_node() -> (Child, BufReader<ChildStdout>, u16) {
    let mut peer = Command::new(PYTHON);
    peer.arg(root("tests/peers/peer.py"))
        .arg("serve")
        .arg(root("idl"));
    let mut child = peer
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap();
    (child, stdout, port)
}

#[test]
fn our_client_calls_a_thriftpy2_node() {
    if !has_thriftpy2() {
        return;
    }
    let (mut child, _stdout, port) = python_node();
    let (input, output) = ends(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut client = ComputeNodeClient::new(input, output);
    let heartbeat = client.heartbeat(&node::HeartbeatRequest {}).unwrap();
    assert_eq!(heartbeat.incarnation, 42);

    // Three ahead, the second of them bad.
    let good = samples::train_request();
    let bad = node::TrainRequest {
        round: -1,
        ..good.clone()
    };
    for request in [&good, &bad, &good] {
        client.send_train(request).unwrap();
    }
    assert_eq!(client.receive_train().unwrap(), samples::train_reply());
    match client.receive_train() {
        Err(CallError::Fault(fault)) => assert_eq!(fault, samples::fault()),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.receive_train().unwrap(), samples::train_reply());
    // What its handler lacks, Python answers in its own way, and maybe hangs up.
    assert!(client.cancel(&node::CancelRequest::default()).is_err());
    drop(client);
    child.wait().unwrap();
}
