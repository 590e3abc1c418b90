//! A compute node as a process alone: it does what the IDL says, says no to what is wrong, and ends when it is told.

mod effort;
mod programs;

use std::fs;

use bytes::Bytes;
use roundtable::app::dial::{self, CallFailed, Dialled, Node};
use roundtable::app::held::{Held, PIECE};
use roundtable::app::transfer;
use roundtable::clock;
use roundtable::wire::convert;
use roundtable::wire::rpc::CallError;
use roundtable::wire::stubs::compute_node::{
    CancelRequest, EvaluateRequest, Fold, HeartbeatRequest, HelloRequest, InitialiseRequest,
    TrainReply, TrainRequest, Training,
};
use roundtable::wire::stubs::types::{
    Chunk, ChunkRequest, DataRef, Fault, FaultCode, Payload, ShardRef,
};

use effort::figure;
use programs::{PATIENCE, Program};

const MODEL: &str = "softmax:64-10";

fn dial(node: &Program) -> Dialled<Node> {
    dial::node(&node.address.into(), PATIENCE).expect("the node answers")
}

/// Makes a call that has to be through in reasonable time.
fn ask<T>(
    node: &mut Dialled<Node>,
    call: impl FnOnce(&mut Node) -> Result<T, CallError>,
) -> Result<T, CallFailed> {
    node.call("call", clock::now() + PATIENCE, call)
}

/// The fault of a call, after which the connection goes on.
fn fault<T>(
    node: &mut Dialled<Node>,
    call: impl FnOnce(&mut Node) -> Result<T, CallError>,
) -> Fault {
    match ask(node, call) {
        Err(CallFailed::Fault(fault)) => fault,
        Err(other) => panic!("no fault but {other}"),
        Ok(_) => panic!("it was served"),
    }
}

/// As little as the IDL asks of a request for training: the digits in four shards.
fn request(node: &mut Dialled<Node>) -> TrainRequest {
    let first = InitialiseRequest {
        model: MODEL.to_owned(),
        seed: 1,
    };
    let first = ask(node, |node| node.initialise(&first)).expect("first parameters");
    TrainRequest {
        run: "a run".to_owned(),
        round: 1,
        attempt: 1,
        model: MODEL.to_owned(),
        layout: first.layout,
        parameters: first.parameters,
        data: DataRef {
            spec: "builtin:digits".to_owned(),
            shards: Some(4),
            ..DataRef::default()
        },
        shards: vec![ShardRef::default()],
        training: Training {
            learning_rate: 0.1,
            ..Training::default()
        },
        seed: 1,
        ..TrainRequest::default()
    }
}

#[test]
fn it_says_who_it_is_and_how_it_is() {
    let node = Program::node(&["0", "--slots", "3"]);
    let mut client = dial(&node);
    let hello = HelloRequest {
        hello: convert::hello(),
    };
    let first = ask(&mut client, |node| node.hello(&hello)).expect("a greeting");
    assert_eq!(first.hello.protocol_major, hello.hello.protocol_major);
    assert_eq!(
        (first.slots, first.hosted.map(|all| all.len())),
        (Some(3), Some(0))
    );
    assert!(first.rows_per_second > Some(0.0));
    let beat = ask(&mut client, |node| node.heartbeat(&HeartbeatRequest {})).expect("a heartbeat");
    assert_eq!(beat.incarnation, first.incarnation);
    assert_eq!((beat.load, beat.running), (Some(0.0), Some(0)));
    assert_eq!(beat.leaving, Some(false));
    let other = Program::node(&["0"]);
    let other = ask(&mut dial(&other), |node| node.hello(&hello)).expect("a greeting");
    assert_ne!(other.incarnation, first.incarnation);
    let mut foreign = hello;
    foreign.hello.protocol_major += 1;
    let refused = fault(&mut client, |node| node.hello(&foreign));
    assert_eq!(refused.code, FaultCode::VERSION);
}

#[test]
fn it_trains_and_evaluates_and_answers_the_same_again() {
    let node = Program::node(&["0"]);
    let mut client = dial(&node);
    let train = request(&mut client);
    let trained: TrainReply = ask(&mut client, |node| node.train(&train)).expect("an update");
    assert_eq!(trained.update.length, train.parameters.length);
    assert!(
        trained.rows > 300 && trained.loss > 0.0 && trained.loss < 10.0,
        "{trained:?}"
    );
    assert_eq!(trained.epochs, Some(1));
    let again = TrainRequest {
        attempt: 2,
        ..train.clone()
    };
    let again = ask(&mut client, |node| node.train(&again)).expect("the same update");
    assert_eq!(again.update, trained.update);
    // Another node, asked the same, gives the same bits.
    let other = Program::node(&["0"]);
    let elsewhere = ask(&mut dial(&other), |node| node.train(&train)).expect("an update");
    assert_eq!(elsewhere.update, trained.update);
    let evaluate = EvaluateRequest {
        run: train.run,
        round: 1,
        attempt: 3,
        model: train.model,
        layout: train.layout,
        parameters: train.parameters,
        data: train.data,
        shards: train.shards,
        seed: 1,
        budget_ms: None,
        full: None,
    };
    let found = ask(&mut client, |node| node.evaluate(&evaluate)).expect("metrics");
    assert_eq!(found.metrics.rows, trained.rows);
    let cancel = CancelRequest {
        attempt: 99,
        reason: None,
    };
    let cancelled = ask(&mut client, |node| node.cancel(&cancel)).expect("no fault");
    assert!(!cancelled.found);
}

/// A request with one thing wrong, and what is said of it.
type Wrong = (&'static str, fn(&mut TrainRequest), FaultCode);

/// Every way to ask wrongly that a field allows.
const WRONG: &[Wrong] = &[
    (
        "an unknown model",
        |ask| ask.model = "oracle:64-10".into(),
        FaultCode::INVALID,
    ),
    (
        "another model",
        |ask| ask.model = "softmax:64-11".into(),
        FaultCode::INVALID,
    ),
    ("no layout", |ask| ask.layout.clear(), FaultCode::INVALID),
    (
        "a negative size",
        |ask| ask.layout[0].shape[0] = -64,
        FaultCode::INVALID,
    ),
    (
        "too few parameters",
        |ask| ask.parameters = convert::inline("raw", &Bytes::from_static(b"1234")),
        FaultCode::INVALID,
    ),
    (
        "a length that lies",
        |ask| ask.parameters.length = i64::MAX,
        FaultCode::INVALID,
    ),
    (
        "an unknown codec",
        |ask| ask.parameters.codec = "rot13".into(),
        FaultCode::INVALID,
    ),
    (
        "no parameters",
        |ask| ask.parameters.inline_data = None,
        FaultCode::INVALID,
    ),
    (
        "a blob that is not here",
        |ask| {
            ask.parameters = Payload {
                inline_data: None,
                crc32: None,
                digest: Some(Bytes::from(vec![7; 32])),
                ..ask.parameters.clone()
            }
        },
        FaultCode::NOT_FOUND,
    ),
    ("no shards", |ask| ask.shards.clear(), FaultCode::INVALID),
    (
        "a negative shard",
        |ask| ask.shards[0].index = -1,
        FaultCode::INVALID,
    ),
    (
        "a shard beyond the last",
        |ask| ask.shards[0].index = 4,
        FaultCode::INVALID,
    ),
    (
        "no number of shards",
        |ask| ask.data.shards = Some(0),
        FaultCode::INVALID,
    ),
    (
        "unknown data",
        |ask| ask.data.spec = "crystal-ball:".into(),
        FaultCode::INVALID,
    ),
    (
        "data that are not here",
        |ask| ask.data.spec = "path:nowhere.csv".into(),
        FaultCode::NOT_FOUND,
    ),
    (
        "another's private rows",
        |ask| ask.data.spec = "private:".into(),
        FaultCode::NOT_FOUND,
    ),
    (
        "a share beyond all",
        |ask| ask.data.held_out = Some(1.5),
        FaultCode::INVALID,
    ),
    (
        "no learning rate",
        |ask| ask.training.learning_rate = f64::NAN,
        FaultCode::INVALID,
    ),
    (
        "negative epochs",
        |ask| ask.training.epochs = Some(-1),
        FaultCode::INVALID,
    ),
    (
        "negative rows of a step",
        |ask| ask.training.batch = Some(-1),
        FaultCode::INVALID,
    ),
    (
        "an unknown objective",
        |ask| ask.training.objective = Some("happiness".into()),
        FaultCode::INVALID,
    ),
    (
        "an unknown update codec",
        |ask| ask.codec = Some("zip".into()),
        FaultCode::INVALID,
    ),
    (
        "two shards and no fold",
        |ask| {
            ask.shards.push(ShardRef {
                index: 1,
                ..ShardRef::default()
            })
        },
        FaultCode::INVALID,
    ),
    (
        "no time",
        |ask| ask.budget_ms = Some(0),
        FaultCode::DEADLINE,
    ),
];

#[test]
fn wrong_requests_are_faults_and_the_connection_goes_on() {
    let node = Program::node(&["0"]);
    let mut client = dial(&node);
    let good = request(&mut client);
    for (number, (what, spoil, code)) in (10..).zip(WRONG) {
        let mut wrong = TrainRequest {
            attempt: number,
            ..good.clone()
        };
        spoil(&mut wrong);
        let said = fault(&mut client, |node| node.train(&wrong));
        assert_eq!(said.code, *code, "{what}: {said:?}");
        assert!(!said.message.is_empty(), "{what}");
    }
    let trained = ask(&mut client, |node| node.train(&good));
    trained.expect("an update after all that");
    let chunk = |data: &'static [u8], crc32| Chunk {
        digest: Bytes::from(vec![1; 32]),
        length: 4,
        offset: 0,
        data: Bytes::from_static(data),
        crc32,
    };
    let corrupt = chunk(b"1234", Some(1));
    let said = fault(&mut client, |node| node.put_chunk(&corrupt));
    assert_eq!(said.code, FaultCode::CORRUPT);
    let misnamed = chunk(b"1234", None);
    let said = fault(&mut client, |node| node.put_chunk(&misnamed));
    assert_eq!(said.code, FaultCode::CORRUPT);
    let unknown = ChunkRequest {
        digest: Bytes::from(vec![9; 32]),
        offset: 0,
        size: 1,
    };
    let said = fault(&mut client, |node| node.get_chunk(&unknown));
    assert_eq!(said.code, FaultCode::NOT_FOUND);
    figure(
        &format!("{} wrong requests to a compute node", WRONG.len() + 3),
        "each is a fault with its code, and the connection goes on",
        "all of them",
    );
}

#[test]
fn an_answer_is_not_given_again_when_its_file_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("rows.csv");
    let write = |scale: f32| {
        let row = |i: u8| format!("{}.5,{},{}\n", f32::from(i) * scale, i, i % 2);
        fs::write(&rows, (0..40).map(row).collect::<String>()).expect("rows are written");
    };
    write(1.0);
    let root = folder.path().to_str().expect("a name");
    let node = Program::node(&["0", "--data-root", root]);
    let mut client = dial(&node);
    let first = InitialiseRequest {
        model: "softmax:2-2".to_owned(),
        seed: 1,
    };
    let first = ask(&mut client, |node| node.initialise(&first)).expect("first parameters");
    let mut train = TrainRequest {
        model: "softmax:2-2".to_owned(),
        layout: first.layout,
        parameters: first.parameters,
        ..request(&mut client)
    };
    train.data.spec = "path:rows.csv".to_owned();
    train.data.shards = Some(1);
    let before = ask(&mut client, |node| node.train(&train)).expect("an update");
    // Of another length too, so that it does not depend on how fine the file system's clock is.
    write(100.0);
    let after = ask(&mut client, |node| node.train(&train)).expect("an update");
    assert_ne!(before.update, after.update);
}

#[test]
fn an_evaluation_ends_when_its_time_is_over() {
    let node = Program::node(&["0"]);
    let mut client = dial(&node);
    let train = request(&mut client);
    let evaluate = EvaluateRequest {
        attempt: 1,
        model: train.model,
        layout: train.layout,
        parameters: train.parameters,
        data: train.data,
        // Work for much longer than the budget.
        shards: vec![ShardRef::default(); 20_000],
        seed: 1,
        budget_ms: Some(40),
        ..EvaluateRequest::default()
    };
    let said = fault(&mut client, |node| node.evaluate(&evaluate));
    assert_eq!(said.code, FaultCode::DEADLINE);
}

/// The largest value of an update, either way.
fn reach(reply: &TrainReply) -> f32 {
    let bytes = reply.update.inline_data.as_ref().expect("a short one");
    let values = bytes
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes(value.try_into().expect("four bytes")));
    values.fold(0.0, |most, value| most.max(value.abs()))
}

#[test]
fn a_codec_that_rounds_beyond_the_largest_update_is_a_fault() {
    let node = Program::node(&["0"]);
    let mut client = dial(&node);
    let mut train = request(&mut client);
    let reached = (1..40).find_map(|step| {
        train.training.learning_rate = 0.1 + 0.01 * f64::from(step);
        let both = [0, 1].map(|index| {
            train.shards[0].index = index;
            reach(&ask(&mut client, |node| node.train(&train)).expect("an update"))
        });
        let most = both[0].max(both[1]);
        // `bf16` keeps the upper half, rounded to the nearest.
        (most.to_bits() & 0xffff > 0x8000).then_some(most)
    });
    train.shards = [0, 1]
        .map(|index| ShardRef {
            index,
            ..ShardRef::default()
        })
        .to_vec();
    train.fold = Some(Fold {
        bits: 20,
        by_rows: false,
    });
    train.largest_update = reached.map(f64::from);
    ask(&mut client, |node| node.train(&train)).expect("it reaches so far, and no farther");
    train.codec = Some("bf16".to_owned());
    let said = fault(&mut client, |node| node.train(&train));
    assert_eq!(said.code, FaultCode::FAILED, "{said:?}");
}

#[test]
fn a_fault_amid_calls_sent_ahead_leaves_the_connection_in_order() {
    let node = Program::node(&["0"]);
    let mut client = dial(&node);
    let long = || Held::from(Bytes::from(vec![1; 6 * PIECE]));
    // Names have 32 bytes: each chunk is a fault, and others are on their way when the first is told.
    let misnamed = [(Bytes::from(vec![9; 31]), long())];
    let said = fault(&mut client, |node| transfer::send_missing(node, &misnamed));
    assert_eq!(said.code, FaultCode::INVALID);
    let beat = ask(&mut client, |node| node.heartbeat(&HeartbeatRequest {}));
    beat.expect("the answer to this call");
    let unknown = Bytes::from(vec![9; 32]);
    let said = fault(&mut client, |node| {
        transfer::fetch(node, &unknown, 6 * PIECE, |_| ())
    });
    assert_eq!(said.code, FaultCode::NOT_FOUND);
    let good = [(transfer::digest(&long().whole().unwrap()), long())];
    ask(&mut client, |node| transfer::send_missing(node, &good)).expect("it is taken in");
    let back = ask(&mut client, |node| {
        transfer::fetch(node, &good[0].0, 6 * PIECE, |_| ())
    });
    assert!(back.expect("it is here").whole().unwrap() == long().whole().unwrap());
}

#[test]
fn sigterm_lets_it_finish_and_ends_it_with_0() {
    let mut node = Program::node(&["1", "--load-delay", "300ms", "--slots", "1"]);
    let mut client = dial(&node);
    let train = request(&mut client);
    let mut looking = dial(&node);
    let mut running = move || {
        let beat = ask(&mut looking, |node| node.heartbeat(&HeartbeatRequest {}));
        beat.expect("a heartbeat").running
    };
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&mut client, |node| node.train(&train)));
        let deadline = clock::now() + PATIENCE;
        while running() != Some(1) {
            assert!(clock::now() < deadline, "it never begins");
            std::thread::yield_now();
        }
        node.signal("TERM");
        asked.join().expect("no panic")
    });
    assert!(answer.expect("what it had in hand").rows > 300);
    assert_eq!(node.wait().code(), Some(0));
    let mut idle = Program::node(&["0"]);
    idle.signal("TERM");
    assert_eq!(idle.wait().code(), Some(0));
}
