//! Linear regression through the real programs: it finds the least squares, with the same bits whatever nodes there are.

mod programs;

use std::path::Path;
use std::process::{Command, Output};

use programs::kept::{Place, digest, pass, status, until_over};
use programs::{PATIENCE, Program, dial, train, until_nodes, write_list};
use roundtable::clock;
use roundtable::ml::data::{Dataset, Request, Root, Source, Targets};
use roundtable::seed::Seed;
use roundtable::wire::stubs::compute_node::Training;
use roundtable::wire::stubs::coordinator::{Plan, Report, SubmitRequest};
use roundtable::wire::stubs::types::{DataRef, Regression};
use serde_json::Value;

const DATA: &str = "synthetic-linear:rows=600,features=3,noise=0.5";
const SEED: i64 = 7;

/// Full batches and one step a round, so that federated averaging is gradient descent over all rows.
fn plan() -> Plan {
    Plan {
        data: Some(DataRef {
            spec: DATA.to_owned(),
            shards: Some(6),
            ..DataRef::default()
        }),
        rounds: Some(40),
        training: Some(Training {
            epochs: Some(1),
            batch: Some(0),
            learning_rate: 0.5,
            ..Training::default()
        }),
        seed: Some(SEED),
        ..Plan::default()
    }
}

fn nodes_and_coordinator(nodes: usize, arguments: &[&str]) -> (Vec<Program>, Program) {
    let nodes: Vec<Program> = (0..nodes).map(|_| Program::node(&["0"])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let mut all = vec!["1", "--nodes", list.to_str().expect("a path")];
    all.extend(arguments);
    let coordinator = Program::coordinator(&all);
    (nodes, coordinator)
}

fn run(nodes: usize, arguments: &[&str], plan: Plan) -> Result<Report, String> {
    let (_nodes, coordinator) = nodes_and_coordinator(nodes, arguments);
    train(&mut dial(&coordinator), plan)
}

fn errors(report: &Report) -> Regression {
    assert_eq!(report.accuracy, None);
    let metrics = report.metrics.as_ref().expect("metrics");
    metrics.regression.clone().expect("errors of real values")
}

fn client(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(arguments).output().expect("it runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The weights and the bias, which a model says of rows of zeros but for a single one.
fn coefficients(predict: impl Fn(&str) -> Output, folder: &Path) -> Vec<f64> {
    let file = folder.join("units.csv");
    std::fs::write(&file, "1,0,0\n0,1,0\n0,0,1\n0,0,0\n").expect("rows");
    let said = stdout(&predict(file.to_str().expect("a path")));
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("value"));
    let said: Vec<f64> = lines.map(|line| line.parse().expect("a value")).collect();
    let weights = said[..3].iter().map(|value| value - said[3]);
    weights.chain([said[3]]).collect()
}

/// The rows that are trained on.
fn trained_rows() -> Vec<Dataset> {
    let request = Request {
        spec: DATA.to_owned(),
        partition: None,
        shards: Some(6),
        seed: Seed(SEED.cast_unsigned()),
        held_out: 0.2,
    };
    let source = Source::open(&request, &Root::new("/").expect("a root")).expect("rows");
    let shard = |shard| Dataset::clone(&source.shard(shard).expect("a shard"));
    (0..source.shards()).map(shard).collect()
}

/// Solves A'A w = A'y, where A are the features and a column of ones.
fn least_squares(parts: &[Dataset]) -> Vec<f64> {
    let mut system = [[0.0; 5]; 4];
    for part in parts {
        let Targets::Values(values) = part.targets() else {
            panic!("they have real values")
        };
        for (number, value) in values.iter().enumerate() {
            let mut row: Vec<f64> = part.row(number).iter().map(|x| f64::from(*x)).collect();
            row.extend([1.0, f64::from(*value)]);
            for i in 0..4 {
                (0..5).for_each(|j| system[i][j] += row[i] * row[j]);
            }
        }
    }
    for i in 0..4 {
        let pivot = system[i];
        for (_, line) in system.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = line[i] / pivot[i];
            line.iter_mut()
                .zip(pivot)
                .for_each(|(to, by)| *to -= factor * by);
        }
    }
    (0..4).map(|i| system[i][4] / system[i][i]).collect()
}

fn assert_close(found: &[f64], right: &[f64]) {
    assert_eq!(found.len(), right.len());
    for (found, right) in found.iter().zip(right) {
        assert!((found - right).abs() < 1e-4, "{found} is not {right}");
    }
}

#[test]
fn the_trio_finds_the_least_squares_with_the_same_bits_on_one_node_and_on_three() {
    let right = least_squares(&trained_rows());
    let (_nodes, coordinator) = nodes_and_coordinator(3, &["--audit", "1"]);
    let report = train(&mut dial(&coordinator), plan()).expect("a report");
    let (host, port) = (coordinator.address.ip(), coordinator.address.port());
    let at = [host.to_string(), port.to_string()];
    let folder = tempfile::tempdir().expect("a folder");
    let predict = |file: &str| client(&[&at[0], &at[1], "predict", &report.run, file]);
    assert_close(&coefficients(predict, folder.path()), &right);
    let found = errors(&report);
    assert!(
        (0.4..0.6).contains(&found.mse.sqrt()),
        "the noise is 0.5: {found:?}"
    );
    assert!(
        found.mae < found.mse.sqrt() && found.r2 > Some(0.5),
        "{found:?}"
    );
    let metrics = report.metrics.as_ref().expect("metrics");
    assert_eq!((metrics.rows, metrics.loss * 2.0), (120, found.mse));

    let alone = run(1, &[], plan()).expect("a report");
    assert_eq!(alone.digest, report.digest);
    assert_eq!(alone.metrics, report.metrics);
    let shipped = Plan {
        strategy: Some("scaffold".to_owned()),
        ..plan()
    };
    let digests = [1, 3].map(|nodes| run(nodes, &[], shipped.clone()).expect("a report").digest);
    assert_eq!(
        digests[0], digests[1],
        "also of a strategy that takes single updates"
    );
}

#[test]
fn a_schedule_of_the_servers_rate_does_what_one_of_the_nodes_rate_does() {
    // One step over all rows: the step is the rate of the server times that of the nodes.
    let schedule = |nodes: Option<&str>, server: &str| {
        let plan = Plan {
            rounds: Some(6),
            model: Some("linear:3,dtype=f64".to_owned()),
            schedule: nodes.map(str::to_owned),
            strategy: Some(server.to_owned()),
            ..plan()
        };
        errors(&run(1, &[], plan).expect("a report")).mse
    };
    let constant = schedule(None, "fedavg");
    let of_nodes = schedule(Some("exponential:factor=0.5"), "fedavg");
    let of_server = schedule(None, "fedavg:schedule=exponential:factor=0.5");
    let off = (of_nodes - of_server).abs();
    assert!(off < 1e-9, "{of_nodes} {of_server}");
    assert!(
        (constant - of_server).abs() > 1e-3,
        "{constant} {of_server}"
    );
}

#[test]
fn a_killed_coordinator_goes_on() {
    let undisturbed = run(1, &[], plan()).expect("a report");
    let nodes = [0, 1].map(|_| Program::node(&["1", "--load-delay", "10ms"]));
    let place = Place::new(&nodes);
    let mut coordinator = place.coordinator(0);
    let request = SubmitRequest {
        key: "values".to_owned(),
        plan: plan(),
    };
    let deadline = clock::now() + PATIENCE;
    let reply = dial(&coordinator).call("submit", deadline, |to| to.submit(&request));
    let run = reply.expect("the run is accepted").run;
    for round in [3, 9] {
        while status(&coordinator, &run).round < Some(round) {
            pass(5);
        }
        coordinator.kill();
        coordinator = place.coordinator(0);
    }
    let found = until_over(&coordinator, &run);
    assert_eq!(Some(&digest(&found)[..]), undisturbed.digest.as_deref());
    let report = found.report.expect("a report");
    assert_eq!(report.metrics, undisturbed.metrics);
}

#[test]
fn a_cluster_in_one_process_says_the_root_of_the_mean_squared_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a path");
    let call = |arguments: &[&str]| client(&[&["--state", state], arguments].concat());
    let options = [
        "--data", DATA, "--shards", "6", "--seed", "7", "--batch", "0", "--epochs", "1",
    ];
    let told = call(&[&["train", "--rounds", "40", "--lr", "0.5"], &options[..]].concat());
    let said = stdout(&told);
    let last: f64 = said
        .lines()
        .last()
        .expect("a line")
        .parse()
        .expect("a number");
    assert!((0.4..0.6).contains(&last), "{said}");
    let progress = String::from_utf8_lossy(&told.stderr).into_owned();
    for part in [
        "round 40/40  rmse 0.",
        "  R2 0.",
        "root mean squared error on 120 held-out rows:",
    ] {
        assert!(progress.contains(part), "{part} in {progress}");
    }

    // Other calls read the run from its journal.
    let runs = stdout(&call(&["runs"]));
    assert!(runs.contains(&format!("rmse {last:.4}")), "{runs}");
    let run = runs
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().next());
    let run = run.expect("an id").to_owned();
    let object = |arguments: &[&str]| -> Value {
        serde_json::from_str(stdout(&call(arguments)).trim()).expect("an object")
    };
    let status = object(&["--json", "status", &run]);
    assert!(status["accuracy"].is_null(), "{status}");
    let metrics = object(&["--json", "metrics", &run]);
    assert_eq!(metrics["rmse"], status["rmse"]);
    let figure = |name: &str| metrics[name].as_f64().expect("a number");
    assert!((figure("rmse").powi(2) - 2.0 * figure("loss")).abs() < 1e-12);
    assert!(figure("mae") < figure("rmse") && figure("r2") > 0.5);
    assert!(metrics["confusion"].is_null() && metrics["classes"].is_null());
    let text = stdout(&call(&["metrics", &run]));
    for part in ["RMSE", "MAE", "R2", "values  mean"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let predict = |file: &str| call(&["predict", &run, file]);
    let right = least_squares(&trained_rows());
    assert_close(&coefficients(predict, folder.path()), &right);
}

#[test]
fn predictions_are_compared_with_what_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a path");
    let data = "synthetic-linear:rows=400,features=1,noise=0";
    let told = stdout(&client(&[
        "--state", state, "--data", data, "--rounds", "30", "--lr", "0.5", "--batch", "0", "--json",
    ]));
    let result: Value = serde_json::from_str(told.lines().last().expect("a line")).expect("json");
    let run = result["run"].as_str().expect("an id");
    assert!(result["rmse"].as_f64() < Some(1e-3), "{result}");
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, "x,y\n0,1e3\n0,1e3\n").expect("rows");
    let output = client(&[
        "--state",
        state,
        "--json",
        "predict",
        run,
        file.to_str().expect("a path"),
    ]);
    let lines = stdout(&output);
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("json");
    assert!(
        first["value"].is_number() && first["class"].is_null(),
        "{first}"
    );
    let compared = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(compared.contains("root mean squared error "), "{compared}");
    assert!(compared.contains(" over 2 rows"), "{compared}");
}

#[test]
fn the_best_round_has_the_least_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a path");
    // Steps that are too long: every round is worse than the one before.
    let told = stdout(&client(&[
        "--state", state, "--data", DATA, "--rounds", "6", "--lr", "2.5", "--batch", "0",
        "--epochs", "1", "--json",
    ]));
    let lines = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("json"));
    let lines: Vec<Value> = lines.collect();
    let losses = lines.iter().filter(|line| line["event"] == "round");
    let losses: Vec<f64> = losses.filter_map(|round| round["loss"].as_f64()).collect();
    assert_eq!(losses.len(), 6);
    assert!(losses.is_sorted(), "{losses:?}");
    let run = lines[lines.len() - 1]["run"].as_str().expect("an id");
    let file = folder.path().join("best.safetensors");
    let file = file.to_str().expect("a path");
    let best = stdout(&client(&[
        "--state", state, "--json", "model", run, "--best", "-o", file,
    ]));
    let best: Value = serde_json::from_str(best.trim()).expect("an object");
    assert_eq!(
        (&best["round"], &best["accuracy"]),
        (&"1".into(), &Value::Null)
    );
}

/// Prices by size and age, with a heading, the price in the middle.
fn houses(first: u32, rows: u32) -> String {
    let row = |row: u32| {
        let (size, age) = (f64::from(row * 37 % 101), f64::from(row * 13 % 17));
        format!("{size},{},{age}\n", 2.5 * size - 1.5 * age + 12.25)
    };
    let rows: String = (first..first + rows).map(row).collect();
    format!("size,price,age\n{rows}")
}

#[test]
fn a_file_may_have_real_targets() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("houses.csv"), houses(0, 300)).expect("rows");
    let root = folder.path().to_str().expect("a path");
    let mut said = Vec::new();
    for data in [
        "path:houses.csv,target=price,standardise=yes",
        "path:houses.csv,target=2,standardise=yes",
        "ship:houses.csv,target=price,standardise=yes",
    ] {
        let told = client(&[
            "--data",
            data,
            "--data-root",
            root,
            "--rounds",
            "25",
            "--lr",
            "0.3",
            "--batch",
            "0",
            "--json",
        ]);
        let lines = stdout(&told);
        let result: Value =
            serde_json::from_str(lines.lines().last().expect("a line")).expect("json");
        assert!(result["rmse"].as_f64() < Some(0.01), "{result}");
        said.push(result["digest"].clone());
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
    let counted = stdout(&client(&[
        "partition",
        "--data",
        "path:houses.csv,target=price",
        "--shards",
        "2",
        "--data-root",
        root,
    ]));
    assert_eq!(
        counted,
        "SHARD     ROWS\nshard-0   120\nshard-1   120\nall 2     240\nheld out  60\n"
    );
}

/// A run over private files of nodes.
fn private(files: &[(&str, String)], plan: Plan) -> Result<Report, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let started = files.iter().map(|(name, text)| {
        let file = folder.path().join(name.split(',').next().expect("a name"));
        std::fs::write(&file, text).expect("rows");
        let data = folder.path().join(name);
        Program::node(&["0", "--data", data.to_str().expect("a path")])
    });
    let started: Vec<Program> = started.collect();
    let list = folder.path().join("nodes.txt");
    let addresses: Vec<_> = started.iter().map(|node| node.address).collect();
    write_list(&list, &addresses);
    let coordinator = Program::coordinator(&["2", "--nodes", list.to_str().expect("a path")]);
    until_nodes(&mut dial(&coordinator), |found| {
        let hosts = found
            .iter()
            .filter(|node| node.hosted.as_ref().is_some_and(|h| !h.is_empty()));
        hosts.count() == files.len()
    });
    train(&mut dial(&coordinator), plan)
}

#[test]
fn private_rows_are_evaluated_where_they_are() {
    let plan = |objective: Option<&str>| Plan {
        data: Some(DataRef {
            spec: "private:".to_owned(),
            held_out: Some(0.5),
            ..DataRef::default()
        }),
        rounds: Some(4),
        training: Some(Training {
            objective: objective.map(str::to_owned),
            learning_rate: 1e-5,
            ..Training::default()
        }),
        ..Plan::default()
    };
    let values = [
        ("a.csv,target=price", houses(0, 80)),
        ("b.csv,target=price", houses(80, 40)),
    ];
    let report = private(&values, plan(Some("squared"))).expect("a report");
    let found = errors(&report);
    let metrics = report.metrics.as_ref().expect("metrics");
    assert_eq!((metrics.rows, metrics.spread.as_ref()), (60, None));
    let off = (found.mse - 2.0 * metrics.loss).abs();
    assert!(off < 1e-9 * found.mse && found.variance > 1.0, "{found:?}");

    let told = private(&values, plan(None)).expect_err("the objective is for classes");
    assert!(told.contains("try squared"), "{told}");
    let mixed = [
        values[0].clone(),
        ("c.csv,label=price", "size,price\n1,0\n2,1\n".to_owned()),
    ];
    let told = private(&mixed, plan(Some("squared"))).expect_err("they have no common targets");
    assert!(told.contains("`a.csv` has real values"), "{told}");
}

#[test]
fn what_does_not_go_together_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("rows");
    write("houses.csv", &houses(0, 20));
    write("slip.csv", "a,b\n1,2\n3,many\n");
    write("endless.csv", "a,b\n1,2\n3,inf\n");
    let root = folder.path().to_str().expect("a path");
    let values = "path:houses.csv,target=price";
    let cases: [(&[&str], &str); 15] = [
        (
            &["--data", DATA, "--partition", "dirichlet"],
            "dirichlet goes by the classes",
        ),
        (
            &["--data", values, "--partition", "label-shards"],
            "label-shards goes by the classes",
        ),
        (
            &["--data", DATA, "--partition", "power-law"],
            "power-law goes by the classes",
        ),
        (
            &["--data", DATA, "--partition", "similarity"],
            "similarity goes by the classes",
        ),
        (
            &["--data", DATA, "--attack", "label-flip"],
            "real values have no such opposite",
        ),
        (
            &["--data", DATA, "--objective", "cross-entropy"],
            "try squared",
        ),
        (
            &["--data", DATA, "--model", "softmax:3-2"],
            "try linear:FEATURES",
        ),
        (
            &["--model", "linear:64"],
            "the rows have classes; try softmax",
        ),
        (&["--objective", "squared"], "try cross-entropy"),
        (
            &["--data", DATA, "--model", "linear:4"],
            "takes 4 features, the data have 3",
        ),
        (
            &["--data", "path:houses.csv,target=price,label=age"],
            "give one of them",
        ),
        (
            &["--data", "path:houses.csv,target=price,binary=yes"],
            "binary=yes makes classes",
        ),
        (
            &["--data", "path:houses.csv,target=rent"],
            "no column `rent`",
        ),
        (
            &["--data", "path:slip.csv,target=b"],
            "slip.csv:3:2: \"many\" is not a number",
        ),
        (
            &["--data", "path:endless.csv,target=b"],
            "endless.csv:3:2: \"inf\" is not a finite number",
        ),
    ];
    for (arguments, expected) in cases {
        let told = client(&[&["train", "--rounds", "1", "--data-root", root], arguments].concat());
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(!told.status.success(), "{arguments:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_sweep_puts_the_least_loss_first() {
    let told = stdout(&client(&[
        "sweep",
        "--data",
        DATA,
        "--grid",
        "lr=0.001|0.1|0.01",
        "--rounds",
        "2",
        "--batch",
        "0",
        "--json",
    ]));
    let last: Value = serde_json::from_str(told.lines().last().expect("a line")).expect("json");
    assert_eq!(last["event"], "sweep");
    let text = stdout(&client(&[
        "sweep",
        "--data",
        DATA,
        "--grid",
        "lr=0.001|0.1|0.01",
        "--rounds",
        "2",
        "--batch",
        "0",
    ]));
    let rates = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    assert_eq!(
        rates.collect::<Vec<_>>(),
        ["0.1", "0.01", "0.001"],
        "{text}"
    );
}
