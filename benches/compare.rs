//! Roundtable beside other systems and beside the limits of the machine, in one table.
//!
//! `cargo bench --bench compare -- [--data DIR] [--python PROGRAM] [ROW...]`: runs the other benchmarks and the scripts
//! of benches/peers on the same work, one after the other, and prints a table in Markdown. `--data` names the folder
//! with `mnist` and `letters/seed-split` (../shared/data unless told), `--python` an interpreter with the packages of
//! benches/peers/requirements.txt. Rows: training, images, mean, mnist, letters, transfer, rounds, simulation, participants,
//! large. What is missing is said in its row.

mod idle;
mod trio;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use roundtable::app::{dial, embedded};
use roundtable::clock;
use roundtable::ml::kernel::Isa;
use roundtable::net::{Address, Server};
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, Report, TrainRequest, WatchRequest};
use roundtable::wire::stubs::types::DataRef;
use serde_json::Value;
use trio::Process;

struct Setting {
    data: PathBuf,
    python: String,
}

fn row(work: &str, ours: &str, other: &str, ratio: &str, aim: &str) {
    println!("| {work} | {ours} | {other} | {ratio} | {aim} |");
}

/// The lines that a benchmark of ours prints.
fn bench(name: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["bench", "--quiet", "--bench", name, "--"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

/// The objects that a script of benches/peers prints; none if its package is missing.
fn peer(setting: &Setting, script: &str, arguments: &[&str]) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/peers")
        .join(script);
    let output = Command::new(&setting.python)
        .arg(path)
        .arg("--json")
        .args(arguments)
        .output();
    let Ok(output) = output else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The best value that other systems reached in a case whose name starts so.
fn best(found: &[Value], case: &str, higher_is_better: bool) -> Option<f64> {
    let cases = found.iter().filter(|line| {
        let name = line["case"].as_str().unwrap_or_default();
        name == case || name.starts_with(&format!("{case},"))
    });
    let values = cases.filter_map(|line| line["value"].as_f64());
    values.reduce(if higher_is_better { f64::max } else { f64::min })
}

fn ratio(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.1}"))
}

fn training(setting: &Setting) {
    let torch = peer(setting, "training_torch.py", &[]);
    for (model, aim) in [
        ("mlp:784-128-10", "3 or more"),
        ("mlp:784-200-200-10", "-"),
        ("softmax:784-10", "10 or more"),
        ("mlp:16-20-26", "10 or more"),
    ] {
        let lines = bench("training", &["--json", &format!("{model} batch=32")]);
        let speeds = lines.iter().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["samples_per_s"].as_f64()
        });
        let ours = speeds.reduce(f64::max).unwrap_or(0.0);
        let theirs = best(&torch, &format!("{model} batch 32"), true);
        row(
            &format!("{model}, batch 32, one core: samples/s, PyTorch eager"),
            &format!("{ours:.0}"),
            &theirs.map_or("not installed".to_owned(), |theirs| format!("{theirs:.0}")),
            &ratio(theirs.map(|theirs| ours / theirs)),
            aim,
        );
    }
}

/// The median of these values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The convolutional network of the FedAvg paper. Ours and theirs take turns, and medians are compared, because this
/// takes longer than the machine stays the same.
fn images(setting: &Setting) {
    const TURNS: usize = 3;
    let batches = [10, 50];
    let (mut ours, mut theirs) = (vec![Vec::new(); 2], vec![Vec::new(); 2]);
    for _ in 0..TURNS {
        let torch = peer(setting, "images_torch.py", &[]);
        for (number, batch) in batches.into_iter().enumerate() {
            let name = format!("cnn:28x28-10 batch={batch} {}", Isa::best().name());
            let lines = bench("training", &["--json", &name]);
            let line = lines
                .first()
                .and_then(|line| serde_json::from_str(line).ok());
            let speed = line.and_then(|line: Value| line["samples_per_s"].as_f64());
            ours[number].extend(speed);
            let case = format!("cnn:28x28-10 batch {batch}");
            theirs[number].extend(best(&torch, &case, true));
        }
    }
    for ((batch, ours), theirs) in batches.into_iter().zip(ours).zip(theirs) {
        let (ours, theirs) = (median(ours), median(theirs));
        let shown = |speed: Option<f64>, lacking: &str| {
            speed.map_or(lacking.to_owned(), |speed| format!("{speed:.0}"))
        };
        row(
            &format!("cnn:28x28-10, batch {batch}, one core: samples/s, PyTorch eager"),
            &shown(ours, "-"),
            &shown(theirs, "not installed"),
            &ratio(ours.zip(theirs).map(|(ours, theirs)| ours / theirs)),
            "0.7 or more",
        );
    }
}

fn mean() {
    for line in bench("aggregation", &["--json"]) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let of = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
        if line["order"] == "streaming" {
            let (ours, limit) = (of("fold_seconds"), of("limit_seconds"));
            row(
                &format!(
                    "weighted mean of 10 updates of 25 M values as they arrive, {} threads: s, memory limit",
                    line["threads"]
                ),
                &format!("{ours:.3}"),
                &format!("{limit:.3}"),
                &format!("{:.2}", ours / limit),
                "1.5 or less",
            );
        }
    }
}

fn ask(address: Address, plan: Plan) -> (Report, Duration) {
    let mut client = dial::coordinator(&address, Duration::from_secs(5)).expect("a connection");
    let request = TrainRequest { plan };
    let start: Instant = clock::now();
    let end = start + Duration::from_secs(900);
    let report = client.call("train", end, |client| client.train(&request));
    (report.expect("a report"), start.elapsed())
}

/// Accuracies of the rounds of the newest run.
fn accuracies(address: Address, run: &str) -> Vec<f64> {
    let mut client = dial::coordinator(&address, Duration::from_secs(5)).expect("a connection");
    let mut after = 0;
    let mut found = Vec::new();
    loop {
        let request = WatchRequest {
            run: run.to_owned(),
            after: Some(after),
            max_wait_ms: Some(0),
        };
        let end = clock::now() + Duration::from_secs(10);
        let reply = client.call("watch", end, |client| client.watch(&request));
        let events = reply.expect("events").events;
        let Some(last) = events.last() else {
            return found;
        };
        after = last.sequence;
        let rounds = events.iter().filter_map(|event| event.round.as_ref());
        found.extend(rounds.filter_map(|round| round.metrics.as_ref()?.accuracy));
    }
}

fn mnist(setting: &Setting) {
    let work = "LR_MNIST, 100 rounds of 10 of 1,000 participants, all processes: s, Flower 1.0 [P]";
    if !setting.data.join("mnist").is_dir() {
        return row(work, "no data", "1814", "-", "under 5 s");
    }
    let root = setting.data.to_str().expect("a name");
    let (mut seconds, mut shares) = (Vec::new(), Vec::new());
    for seed in 1..=5 {
        let start = clock::now();
        let options = ["--data-root", root, "--slots", "1"];
        let nodes = [Process::node(&options), Process::node(&options)];
        let addresses = nodes.each_ref().map(|node| node.address);
        let coordinator = Process::coordinator(&addresses, &["--data-root", root]);
        let plan = Plan {
            model: Some("softmax:784-10".to_owned()),
            data: Some(DataRef {
                spec: "path:mnist,standardise=yes".to_owned(),
                partition: Some("power-law".to_owned()),
                shards: Some(1_000),
                ..DataRef::default()
            }),
            cohort: Some(10),
            rounds: Some(100),
            training: Some(Training {
                epochs: Some(1),
                batch: Some(10),
                learning_rate: 0.03,
                ..Training::default()
            }),
            seed: Some(seed),
            ..Plan::default()
        };
        let (report, _) = ask(coordinator.address.into(), plan);
        seconds.push(start.elapsed().as_secs_f64());
        let rounds = accuracies(coordinator.address.into(), &report.run);
        let last = &rounds[rounds.len() - 5..];
        shares.push(last.iter().sum::<f64>() / 5.0);
    }
    seconds.sort_by(f64::total_cmp);
    let accuracy = shares.iter().sum::<f64>() / shares.len() as f64;
    row(
        work,
        &format!("{:.2}", seconds[2]),
        "1814",
        &ratio(Some(1_814.0 / seconds[2])),
        "under 5 s",
    );
    let digits = setting.data.join("mnist");
    let found = peer(
        setting,
        "flower_lr_mnist.py",
        &["--data", digits.to_str().expect("a name")],
    );
    let flower = found.iter().find(|line| line["unit"] == "s");
    let flower = flower.and_then(|line| line["value"].as_f64());
    row(
        "the same, Flower 1.42's simulation engine, here",
        &format!("{:.2}", seconds[2]),
        &flower.map_or("not installed".to_owned(), |flower| format!("{flower:.1}")),
        &ratio(flower.map(|flower| flower / seconds[2])),
        "-",
    );
    row(
        "the same: accuracy, mean of rounds 96 to 100 and 5 seeds",
        &format!("{accuracy:.3}"),
        "0.81 [P]",
        "-",
        "0.80 or more",
    );
}

fn letters(setting: &Setting) {
    let work = "the classic letters job, 25 rounds x 15 epochs, 2 nodes: s, numpy over Thrift [P]";
    if !setting.data.join("letters/seed-split").is_dir() {
        return row(work, "no data", "13.6", "-", "under 1 s");
    }
    let root = setting.data.to_str().expect("a name");
    let options = ["--data-root", root, "--slots", "1"];
    let nodes = [Process::node(&options), Process::node(&options)];
    let addresses = nodes.each_ref().map(|node| node.address);
    let coordinator = Process::coordinator(&addresses, &["--data-root", root]);
    let plan = Plan {
        model: Some("mlp:16-20-26,activation=classic,init=classic,dtype=f64".to_owned()),
        data: Some(DataRef {
            spec: "path:letters/seed-split".to_owned(),
            ..DataRef::default()
        }),
        rounds: Some(25),
        training: Some(Training {
            epochs: Some(15),
            batch: Some(0),
            learning_rate: 1e-4,
            objective: Some("cross-entropy:sum".to_owned()),
            plateau: Some(0.2),
            ..Training::default()
        }),
        strategy: Some("fedavg:mean=uniform".to_owned()),
        ..Plan::default()
    };
    let (report, took) = ask(coordinator.address.into(), plan);
    let error = 1.0 - report.accuracy.unwrap_or(0.0);
    let took = took.as_secs_f64();
    row(
        work,
        &format!("{took:.2} (error {error:.4})"),
        "13.6",
        &ratio(Some(13.6 / took)),
        "under 1 s",
    );
}

fn transfer() {
    for line in bench("transfer", &[]) {
        let numbers: Vec<f64> = line
            .split([' ', ','])
            .filter_map(|word| word.parse().ok())
            .collect();
        if let [_, _, ours, raw, ratio] = numbers[..] {
            row(
                "40 MB model, 4 nodes, a round without training: ms, bare TCP with the same bytes",
                &format!("{ours:.0}"),
                &format!("{raw:.0}"),
                &format!("{ratio:.2}"),
                "1.2 or less",
            );
        }
    }
}

fn rounds(setting: &Setting) {
    let flower = peer(setting, "flower_noop.py", &[]);
    let theirs = best(&flower, "4 nodes, 1000 parameters", false);
    let nodes: Vec<Server> = (1..=4).map(|number| idle::start(number, 1_000)).collect();
    let coordinator = idle::coordinate(&nodes);
    let address = coordinator.address().into();
    idle::run(&address, 1_000, [99, 10], 4);
    let took = idle::run(&address, 20_000, [99, 10], 4).as_secs_f64() / 20_000.0;
    row(
        "no-op round, 1,000 parameters, 4 nodes: rounds/s, Flower 1.42 deployment",
        &format!("{:.0}", 1.0 / took),
        &theirs.map_or("not installed".to_owned(), |theirs| {
            format!("{:.2}", 1.0 / theirs)
        }),
        &ratio(theirs.map(|theirs| theirs / took)),
        "1,000 or more",
    );
}

fn simulation(setting: &Setting) {
    let pfl = peer(setting, "simulation_pfl.py", &[]);
    let numpy = peer(setting, "simulation_numpy.py", &[]);
    let cluster = embedded::Cluster::start(embedded::Config {
        nodes: 2,
        ..embedded::Config::default()
    })
    .expect("a cluster");
    for (cohort, aim) in [(100, "5 or more"), (10, "-")] {
        let plan = |rounds| Plan {
            model: Some("mlp:784-128-10".to_owned()),
            data: Some(DataRef {
                spec: "synthetic:rows=60000,features=784,classes=10".to_owned(),
                partition: None,
                shards: Some(100),
                seed: None,
                held_out: Some(0.0),
                ..DataRef::default()
            }),
            cohort: Some(cohort),
            rounds: Some(rounds),
            training: Some(Training {
                epochs: Some(1),
                batch: Some(32),
                learning_rate: 0.1,
                ..Training::default()
            }),
            ..Plan::default()
        };
        // The rows are made in the first run and kept; each run has a start that is taken off.
        ask(cluster.address(), plan(1_000 / cohort));
        let (_, short) = ask(cluster.address(), plan(1));
        let rounds = 2_000 / cohort;
        let (_, long) = ask(cluster.address(), plan(1 + rounds));
        let ours = long.saturating_sub(short).as_secs_f64() / f64::from(rounds);
        let case = format!("mlp:784-128-10 cohort {cohort} of 100");
        for (name, found) in [
            ("pfl-research, its best", &pfl),
            ("numpy, one process", &numpy),
        ] {
            let theirs = best(found, &case, false);
            row(
                &format!("{cohort} of 100 participants of 600 rows, both cores: s a round, {name}"),
                &format!("{ours:.3}"),
                &theirs.map_or("not installed".to_owned(), |theirs| format!("{theirs:.3}")),
                &ratio(theirs.map(|theirs| theirs / ours)),
                if name.starts_with("pfl") { aim } else { "-" },
            );
        }
    }
}

fn participants() {
    for nodes in [1, 3] {
        let nodes: Vec<Process> = (0..nodes).map(|_| Process::node(&[])).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
        let coordinator = Process::coordinator(&addresses, &[]);
        let plan = Plan {
            model: Some("softmax:20-4".to_owned()),
            data: Some(DataRef {
                spec: "synthetic:rows=1000000".to_owned(),
                partition: None,
                shards: Some(100_000),
                seed: None,
                held_out: Some(0.0),
                ..DataRef::default()
            }),
            cohort: Some(1_000),
            rounds: Some(20),
            ..Plan::default()
        };
        let (report, took) = ask(coordinator.address.into(), plan);
        let digest = report.digest.as_deref().unwrap_or_default();
        let digest: String = digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (memory, _) = coordinator.footprint();
        let node = nodes
            .iter()
            .map(|node| node.footprint().0)
            .fold(0.0, f64::max);
        row(
            &format!(
                "100,000 participants of 10 rows, 1,000 a round, 20 rounds, {} nodes: s",
                nodes.len()
            ),
            &format!("{:.2}, digest {digest}", took.as_secs_f64()),
            &format!("peaks: coordinator {memory:.0} MB, node {node:.0} MB"),
            "-",
            "runs, same bits",
        );
    }
}

fn large() {
    let nodes = [
        Process::node(&["--slots", "1"]),
        Process::node(&["--slots", "1"]),
    ];
    let addresses = nodes.each_ref().map(|node| node.address);
    let coordinator = Process::coordinator(&addresses, &[]);
    let plan = Plan {
        model: Some("softmax:9999-10000".to_owned()),
        data: Some(DataRef {
            spec: "synthetic:rows=8,features=9999,classes=2".to_owned(),
            partition: None,
            shards: Some(4),
            seed: None,
            held_out: Some(0.0),
            ..DataRef::default()
        }),
        rounds: Some(2),
        training: Some(Training {
            epochs: Some(1),
            batch: Some(0),
            learning_rate: 0.001,
            ..Training::default()
        }),
        ..Plan::default()
    };
    let (_, took) = ask(coordinator.address.into(), plan);
    let (memory, _) = coordinator.footprint();
    let node = nodes
        .iter()
        .map(|node| node.footprint().0)
        .fold(0.0, f64::max);
    let model = 400.0 * 1e6 / f64::from(1 << 20);
    row(
        "400 MB model, 4 shards on 2 nodes, 2 rounds: peak of the coordinator in MB, the model",
        &format!("{memory:.0} ({:.1} s)", took.as_secs_f64()),
        &format!("{model:.0} (a node: {node:.0})"),
        &format!("{:.2}", memory / model),
        "2.5 or less",
    );
}

fn main() {
    let mut setting = Setting {
        data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        python: "python3".to_owned(),
    };
    let mut asked = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--data" => setting.data = arguments.next().expect("--data DIR").into(),
            "--python" => setting.python = arguments.next().expect("--python PROGRAM"),
            "--bench" => {}
            name => asked.push(name.to_owned()),
        }
    }
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    println!("| work: unit, compared with | Roundtable | other | ratio | aim |");
    println!("| --- | --- | --- | --- | --- |");
    let rows: [(&str, &dyn Fn()); 10] = [
        ("training", &|| training(&setting)),
        ("images", &|| images(&setting)),
        ("mean", &mean),
        ("mnist", &|| mnist(&setting)),
        ("letters", &|| letters(&setting)),
        ("transfer", &transfer),
        ("rounds", &|| rounds(&setting)),
        ("simulation", &|| simulation(&setting)),
        ("participants", &participants),
        ("large", &large),
    ];
    for (name, measure) in rows {
        if wants(name) {
            measure();
        }
    }
}
