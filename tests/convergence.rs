//! Training reaches the accuracy it should, on fixed seeds. Central training only for now.

use roundtable::ml::data::{Request, Root, Source};
use roundtable::ml::model::{MODELS, Start};
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};

const SEED: Seed = Seed(1);

fn open(spec: &str) -> Source {
    let request = Request {
        spec: spec.to_owned(),
        partition: None,
        shards: Some(1),
        seed: SEED,
        held_out: 0.2,
    };
    Source::open(&request, &Root::new("/").unwrap()).unwrap()
}

/// Accuracy on held-out rows after training on all others.
fn central(spec: &str, data: &str, how: &Training) -> f64 {
    let source = open(data);
    let model = MODELS.build(spec).unwrap();
    let mut parameters = model.initial(SEED);
    let stream = SEED.stream(Purpose::Shuffle, 0, 0);
    let shard = source.shard(0).unwrap();
    let trained = model
        .train(Start::at(&parameters), &shard, how, stream, &|| false)
        .unwrap();
    parameters.add(&trained.update).unwrap();
    let metrics = model
        .evaluate(&parameters, source.held_out().unwrap())
        .unwrap();
    metrics.accuracy().unwrap()
}

#[test]
fn a_perceptron_reads_digits() {
    let how = Training::new(20, 32, 0.2, "cross-entropy", None).unwrap();
    let accuracy = central("mlp:64-32-10", "builtin:digits", &how);
    assert!(accuracy >= 0.95, "{accuracy}");
}

#[test]
fn softmax_regression_reads_digits() {
    let how = Training::new(30, 32, 0.2, "cross-entropy", None).unwrap();
    let accuracy = central("softmax:64-10", "builtin:digits", &how);
    assert!(accuracy >= 0.93, "{accuracy}");
}

#[test]
fn synthetic_rows_can_be_learned() {
    let how = Training::new(3, 32, 0.1, "cross-entropy", None).unwrap();
    let accuracy = central("softmax:20-4", "synthetic:rows=2000", &how);
    assert!(accuracy >= 0.95, "{accuracy}");
}
