//! One training, told to other systems by a file: their losses are ours, step by step.
//!
//! Skipped with a message where Python or the package is missing.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use roundtable::ml::data::Dataset;
use roundtable::ml::model::{MODELS, Model, Start};
use roundtable::ml::parameters::{Parameters, Values};
use roundtable::ml::step_rule::StepRule;
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};
use serde_json::{Value, json};

const WIDTHS: [usize; 3] = [784, 128, 10];
const ROWS: usize = 64;
const STEPS: u32 = 15;
const RATE: f64 = 0.1;

fn rows() -> Dataset {
    let mut stream = Seed(8).stream(Purpose::Synthetic, 0, 0);
    let values = (0..ROWS * WIDTHS[0]).map(|_| stream.uniform() as f32);
    let features = Array2::from_shape_vec((ROWS, WIDTHS[0]), values.collect()).expect("a matrix");
    let labels = (0..ROWS).map(|_| stream.below(10) as u32).collect();
    Dataset::new(features, labels, WIDTHS[2]).expect("rows")
}

fn floats(parameters: &Parameters) -> &[f32] {
    match parameters.values() {
        Values::F32(values) => values,
        Values::F64(_) => panic!("single precision"),
    }
}

/// The training as benches/peers/common.py describes it.
fn describe(start: &Parameters, rows: &Dataset, rule: StepRule) -> Value {
    let values = floats(start);
    let layout = start.layout();
    let tensor = |number: usize| &values[layout.range(number)];
    json!({
        "widths": WIDTHS,
        "layers": [
            {"weights": tensor(0), "biases": tensor(1)},
            {"weights": tensor(2), "biases": tensor(3)},
        ],
        "rows": (0..ROWS).flat_map(|row| rows.row(row).to_vec()).collect::<Vec<f32>>(),
        "labels": rows.labels(),
        "learning_rate": RATE,
        "batch": ROWS,
        "steps": STEPS,
        "momentum": rule.momentum,
        "weight_decay": rule.weight_decay,
        "proximal": rule.proximal,
    })
}

/// Losses before each step and the sum of the final parameters, as a script tells them.
fn ask(script: &str, file: &Path) -> Option<(Vec<f64>, f64)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/peers")
        .join(script);
    let output = Command::new("python3")
        .arg(&script)
        .arg("--check")
        .arg(file)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let losses = lines.iter().filter_map(|line| line["value"].as_f64());
    let sum = lines.iter().find_map(|line| line["sum"].as_f64())?;
    Some((losses.collect(), sum))
}

/// Losses before each step and the sum of the final parameters, as we have them.
fn ours(model: &dyn Model, start: &Parameters, rows: &Dataset, rule: StepRule) -> (Vec<f64>, f64) {
    let trained = |epochs| {
        let how = Training::new(epochs, 0, RATE, "cross-entropy", None).expect("in range");
        let how = how.with_rule(rule).expect("in range");
        let stream = Seed(0).stream(Purpose::Shuffle, 0, 0);
        model
            .train(Start::at(start), rows, &how, stream, &|| false)
            .expect("trained")
    };
    let losses = (1..=STEPS).map(|epochs| trained(epochs).loss).collect();
    let mut end = start.clone();
    end.add(&trained(STEPS).update).expect("of one layout");
    let sum = floats(&end).iter().map(|&value| f64::from(value)).sum();
    (losses, sum)
}

fn agree(who: &str, ours: &(Vec<f64>, f64), theirs: &(Vec<f64>, f64)) {
    assert_eq!(theirs.0.len(), ours.0.len());
    for (step, (ours, theirs)) in ours.0.iter().zip(&theirs.0).enumerate() {
        let apart = (ours - theirs).abs();
        assert!(
            apart < 1e-4,
            "{who}, step {}: {ours} and {theirs}",
            step + 1
        );
    }
    let (ours, theirs) = (ours.1, theirs.1);
    assert!((ours - theirs).abs() < 1e-2, "{who}: {ours} and {theirs}");
}

/// Rules, and what PyTorch 2.15 made of them: losses before steps 1, 5, 10 and 15, and the sum of the parameters. Asked
/// for on a machine with PyTorch, by `benches/peers/training_torch.py --check` as below.
fn recorded() -> [(StepRule, [f64; 4], f64); 4] {
    let rule = |momentum, weight_decay, proximal| StepRule {
        momentum,
        weight_decay,
        proximal,
    };
    [
        (
            rule(0.0, 0.0, 0.0),
            [2.998966, 2.139921, 1.691937, 1.501582],
            -49.64273,
        ),
        (
            rule(0.5, 0.0, 0.0),
            [2.998966, 2.044724, 1.311498, 0.754727],
            -68.12133,
        ),
        (
            rule(0.5, 0.01, 0.0),
            [2.998966, 2.042171, 1.326219, 0.804447],
            -64.79226,
        ),
        (
            rule(0.5, 0.01, 1.0),
            [2.998966, 1.998108, 1.627446, 1.687572],
            -5.36256,
        ),
    ]
}

#[test]
fn losses_are_those_of_other_systems() {
    let model = MODELS.build("mlp:784-128-10").expect("a model");
    let (start, rows) = (model.initial(Seed(3)), rows());
    for (rule, losses, sum) in recorded() {
        let ours = ours(&*model, &start, &rows, rule);
        let some = [1, 5, 10, 15].map(|step| ours.0[step - 1]);
        let recorded = (losses.to_vec(), sum);
        agree(
            &format!("recorded, {rule:?}"),
            &(some.to_vec(), ours.1),
            &recorded,
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), describe(&start, &rows, rule).to_string()).expect("written");
        let scripts = ["training_torch.py", "training_numpy.py"];
        // Plain numpy has plain steps only.
        for script in &scripts[..1 + usize::from(rule.is_plain())] {
            match ask(script, file.path()) {
                Some(theirs) => agree(&format!("{script}, {rule:?}"), &ours, &theirs),
                None => println!("skipped: {script}: python3 or its package is missing"),
            }
        }
    }
}
