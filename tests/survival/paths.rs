//! Paths that lead elsewhere, or to what is no file: refused before anything is opened, so that nothing hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use roundtable::app::dial;
use roundtable::clock;
use roundtable::ml::model::MODELS;
use roundtable::seed::Seed;
use roundtable::wire::convert::{RAW, inline, tensors};
use roundtable::wire::stubs::compute_node::{TrainRequest, Training};
use roundtable::wire::stubs::coordinator::Plan;
use roundtable::wire::stubs::types::{DataRef, FaultCode, ShardRef};

use crate::cluster::{Cluster, Member, follow, light, try_submit};
use crate::effort::figure;
use crate::programs::PATIENCE;

/// A directory with rows, and with traps beside them.
fn set_traps(folder: &Path) -> Vec<String> {
    let root = folder.join("root");
    fs::create_dir_all(root.join("pipes")).expect("a directory");
    fs::write(folder.join("outside.csv"), "1,2,0\n3,4,1\n").expect("rows");
    symlink("../outside.csv", root.join("link.csv")).expect("a link");
    symlink("/dev/zero", root.join("zero.csv")).expect("a link");
    symlink("loop.csv", root.join("loop.csv")).expect("a link");
    let mut traps: Vec<String> = [
        "..",
        "../outside.csv",
        "pipes/../../outside.csv",
        "/etc/passwd",
        "/dev/stdin",
        "/proc/self/environ",
        "link.csv",
        "zero.csv",
        "loop.csv",
        "good\0.csv",
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    traps.push("x".repeat(4_096));
    traps.push("x/".repeat(2_048));
    let outside = folder.join("outside.csv");
    traps.push(outside.to_str().expect("a name").to_owned());
    let made = |program: &str, arguments: &[&str], name: &str| {
        let made = Command::new(program)
            .arg(root.join(name))
            .args(arguments)
            .stderr(Stdio::null())
            .status();
        made.is_ok_and(|status| status.success())
    };
    let pipes = [
        "pipe.csv",
        "pipe.csv.gz",
        "pipe.npy",
        "t10k-images-idx3-ubyte",
    ];
    for name in pipes {
        assert!(made("mkfifo", &[], name), "a named pipe");
        traps.push(name.to_owned());
    }
    // A directory whose first file is a pipe.
    assert!(made("mkfifo", &[], "pipes/train1.csv"), "a named pipe");
    traps.push("pipes".to_owned());
    // Only root can make one.
    if made("mknod", &["c", "1", "5"], "device.csv") {
        traps.push("device.csv".to_owned());
    }
    traps
}

/// What a node is asked that trains on these rows.
fn request(spec: String, attempt: i64) -> TrainRequest {
    let model = MODELS.build("softmax:2-2").expect("a model");
    let parameters = model.initial(Seed(1));
    let mut bytes = Vec::new();
    for piece in roundtable::app::held::pieces_of(&parameters) {
        bytes.extend_from_slice(&piece);
    }
    TrainRequest {
        run: "r".to_owned(),
        round: 1,
        attempt,
        model: "softmax:2-2".to_owned(),
        layout: tensors(model.layout()),
        parameters: inline(RAW, &Bytes::from(bytes)),
        data: DataRef {
            spec,
            shards: Some(1),
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
fn paths_out_and_traps_are_refused_by_node_and_coordinator() {
    let folder = tempfile::tempdir().expect("a folder");
    let traps = set_traps(folder.path());
    let root = folder.path().join("root");
    fs::write(root.join("good.csv"), "1,2,0\n3,4,1\n").expect("rows");
    let root = root.to_str().expect("a name");
    // One slot: whatever hangs would keep the next one waiting.
    let nodes = [Member::start(&["0", "--data-root", root, "--slots", "1"])];
    let cluster = Cluster::of(&nodes, &["2", "--data-root", root]);
    let at = nodes[0].program.address.into();
    let mut node = dial::node(&at, PATIENCE).expect("a connection");
    let mut train = |spec: String, attempt| {
        let request = request(spec, attempt);
        node.call("train", clock::now() + PATIENCE, |node| {
            node.train(&request)
        })
    };
    let mut client = cluster.dial();
    for (trap, attempt) in traps.iter().zip(1..) {
        let spec = format!("path:{trap}");
        match train(spec.clone(), attempt) {
            Err(dial::CallFailed::Fault(fault)) => {
                let codes = [FaultCode::INVALID, FaultCode::NOT_FOUND, FaultCode::DENIED];
                assert!(codes.contains(&fault.code), "{trap:?}: {fault:?}");
            }
            other => panic!("{trap:?}: {other:?}"),
        }
        let plan = Plan {
            model: Some("softmax:2-2".to_owned()),
            data: Some(DataRef {
                spec,
                shards: Some(1),
                ..DataRef::default()
            }),
            ..light(1)
        };
        let ended = try_run(&mut client, plan);
        assert!(ended.is_err(), "{trap:?}");
    }
    let trained = train("path:good.csv".to_owned(), 1_000);
    assert_eq!(trained.expect("nothing hangs").rows, 2);
    figure(
        "`..`, absolute, NUL, links out, loops, 4 KiB names, named pipes, devices in `path:`",
        "refused by node and coordinator before anything is opened; nothing hangs",
        format!("{0} of {0} refused by both", traps.len()),
    );
}

/// The end of a run that may not even be taken in.
fn try_run(
    client: &mut dial::Dialled<dial::Coordinator>,
    plan: Plan,
) -> Result<crate::cluster::Followed, String> {
    let run = try_submit(client, plan)?;
    follow(client, &run)
}
