//! One training, told to other systems by a file: their losses are ours, step by step.
//!
//! Skipped with a message where Python or the package is missing.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use roundtable::ml::data::Dataset;
use roundtable::ml::model::{MODELS, Start};
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
fn describe(start: &Parameters, rows: &Dataset) -> Value {
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

#[test]
fn losses_are_those_of_other_systems() {
    let model = MODELS.build("mlp:784-128-10").expect("a model");
    let (start, rows) = (model.initial(Seed(3)), rows());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), describe(&start, &rows).to_string()).expect("written");
    let trained = |epochs| {
        let how = Training::new(epochs, 0, RATE, "cross-entropy", None).expect("in range");
        let stream = Seed(0).stream(Purpose::Shuffle, 0, 0);
        model
            .train(Start::at(&start), &rows, &how, stream, &|| false)
            .expect("trained")
    };
    let ours: Vec<f64> = (1..=STEPS).map(|epochs| trained(epochs).loss).collect();
    let mut end = start.clone();
    end.add(&trained(STEPS).update).expect("of one layout");
    let end: f64 = floats(&end).iter().map(|&value| f64::from(value)).sum();
    for script in ["training_numpy.py", "training_torch.py"] {
        let Some((theirs, sum)) = ask(script, file.path()) else {
            println!("skipped: {script}: python3 or its package is missing");
            continue;
        };
        assert_eq!(theirs.len(), ours.len());
        for (step, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let apart = (ours - theirs).abs();
            assert!(
                apart < 1e-4,
                "{script}, step {}: {ours} and {theirs}",
                step + 1
            );
        }
        assert!((end - sum).abs() < 1e-2, "{script}: {end} and {sum}");
    }
}
