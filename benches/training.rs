//! How fast one thread trains: samples per second for common shapes, batch sizes and rules of the step.
//!
//! `cargo bench --bench training -- [--json] [FILTER]`. With `--json` every line is an object with `name`,
//! `samples_per_s` and `loss`, for another program to compare. Only names that contain the filter run.

use std::time::Duration;

use ndarray::Array2;
use roundtable::clock;
use roundtable::ml::data::Dataset;
use roundtable::ml::kernel::Isa;
use roundtable::ml::model::{MODELS, Model, Start, Trained};
use roundtable::ml::step_rule::StepRule;
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};
use serde_json::json;

/// Rows trained on; with batch 0 all are one step.
const ROWS: usize = 2_048;
/// The same of images, of which a row takes a thousand times as long.
const IMAGES: usize = 200;
/// Each measurement trains for at least so long, as often as said; the best counts.
const ENOUGH: Duration = Duration::from_millis(8);
const REPEATS: usize = 40;
const IMAGE_REPEATS: usize = 5;

fn rows(count: usize, features: usize, classes: usize) -> Dataset {
    let mut stream = Seed(1).stream(Purpose::Synthetic, 0, 0);
    let features = Array2::from_shape_fn((count, features), |_| stream.normal() as f32);
    let labels = (0..count).map(|_| stream.below(classes as u64) as u32);
    Dataset::new(features, labels.collect(), classes).expect("the rows make a data set")
}

fn train(
    model: &dyn Model,
    data: &Dataset,
    batch: u32,
    rule: StepRule,
    epochs: u32,
) -> (Trained, Duration) {
    let how = Training::new(epochs, batch, 0.01, "cross-entropy", None).expect("a training");
    let how = how.with_rule(rule).expect("a rule");
    let start = model.initial(Seed(1));
    let stream = Seed(1).stream(Purpose::Shuffle, 0, 0);
    let begin = clock::now();
    let trained = model.train(Start::at(&start), data, &how, stream, &|| false);
    let taken = clock::now() - begin;
    (trained.expect("it trains"), taken)
}

/// Most samples per second of some measurements, and the loss after one epoch.
fn measure(
    model: &dyn Model,
    data: &Dataset,
    batch: u32,
    rule: StepRule,
    repeats: usize,
) -> (f64, f64) {
    let (first, mut taken) = train(model, data, batch, rule, 1);
    let mut epochs = 1;
    while taken < ENOUGH {
        epochs *= 2;
        taken = train(model, data, batch, rule, epochs).1;
    }
    for _ in 1..repeats {
        taken = taken.min(train(model, data, batch, rule, epochs).1);
    }
    let samples = (data.rows() * epochs as usize) as f64;
    (samples / taken.as_secs_f64(), first.loss)
}

/// Rules by their names in the output.
fn rules() -> [(&'static str, StepRule); 3] {
    let plain = StepRule::default();
    let usual = StepRule {
        momentum: 0.9,
        weight_decay: 1e-4,
        ..plain
    };
    let all = StepRule {
        proximal: 0.01,
        ..usual
    };
    [("", plain), (" momentum+decay", usual), (" all", all)]
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so to every benchmark.
    arguments.retain(|argument| argument != "--bench");
    let json = arguments.iter().any(|argument| argument == "--json");
    arguments.retain(|argument| argument != "--json");
    let filter = arguments.first().map_or("", String::as_str);
    for (spec, features, classes) in [
        ("cnn:28x28-10", 784, 10),
        ("mlp:784-128-10", 784, 10),
        ("mlp:784-128-10,dtype=f64", 784, 10),
        ("mlp:784-200-200-10", 784, 10),
        ("softmax:784-10", 784, 10),
        ("mlp:16-20-26", 16, 26),
    ] {
        let is_images = spec.starts_with("cnn");
        let (count, repeats) = if is_images {
            (IMAGES, IMAGE_REPEATS)
        } else {
            (ROWS, REPEATS)
        };
        let data = rows(count, features, classes);
        let best = MODELS.build(spec).expect("the model is known");
        for isa in Isa::all() {
            let model = best.with_isa(isa);
            for (batch, rows) in [(10, "10"), (32, "32"), (50, "50"), (64, "64"), (0, "full")] {
                for (rule, how) in rules() {
                    let name = format!("{spec} batch={rows} {}{rule}", isa.name());
                    if name.contains(filter) {
                        report(&name, measure(&*model, &data, batch, how, repeats), json);
                    }
                }
            }
        }
    }
}

fn report(name: &str, (speed, loss): (f64, f64), json: bool) {
    if json {
        let row = json!({"name": name, "samples_per_s": speed.round(), "loss": loss});
        println!("{row}");
    } else {
        println!("{name:<55} {speed:>12.0} samples/s   loss {loss:.6}");
    }
}
