//! The classic letters job: eleven files, each trained for 15 epochs from the shared parameters,
//! the unweighted mean of the updates added, and the error on the validation rows.
//!
//! Runs on the real data where they are at hand (`../shared/data/letters/seed-split` beside the
//! crate), and says so and passes where they are not.

use std::path::Path;

use roundtable::ml::data::{Request, Root, Source};
use roundtable::ml::model::{MODELS, Start};
use roundtable::ml::parameters::{Parameters, Values};
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed};

const LETTERS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/letters/seed-split"
);

/// Validation errors after the given rounds, or none without data.
fn errors(activation: &str, rounds: &[u32]) -> Option<Vec<f64>> {
    if !Path::new(LETTERS).is_dir() {
        println!("skipped: no letters data at {LETTERS}");
        return None;
    }
    let request = Request {
        spec: "path:.".to_owned(),
        partition: None,
        shards: Some(11),
        seed: Seed(0),
        held_out: 0.0,
    };
    let source = Source::open(&request, &Root::new(LETTERS).unwrap()).unwrap();
    let validation = source.held_out().unwrap();
    let spec = format!("mlp:16-20-26,activation={activation},init=classic,dtype=f64");
    let model = MODELS.build(&spec).unwrap();
    let how = Training::new(15, 0, 1e-4, "cross-entropy:sum", Some(0.2)).unwrap();
    let mut parameters = model.initial(Seed(0));
    let mut errors = Vec::new();
    for round in 1..=*rounds.last()? {
        let updates: Vec<Parameters> = (0..11)
            .map(|shard| {
                let stream = Seed(0).stream(Purpose::Shuffle, round, shard);
                let data = source.shard(shard as usize).unwrap();
                let trained = model.train(Start::at(&parameters), &data, &how, stream, &|| false);
                trained.unwrap().update
            })
            .collect();
        parameters.add(&mean(&updates)).unwrap();
        if rounds.contains(&round) {
            let error = model
                .evaluate(&parameters, validation)
                .unwrap()
                .error_rate()
                .unwrap();
            errors.push((error * 1e4).round() / 1e4);
        }
    }
    Some(errors)
}

/// The mean of updates, summed exactly in fixed point.
fn mean(updates: &[Parameters]) -> Parameters {
    const UNIT: f64 = (1u128 << 90) as f64;
    let mut sums = vec![0i128; updates[0].layout().elements()];
    for update in updates {
        let Values::F64(values) = update.values() else {
            panic!("the classic job is in double precision")
        };
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += (value * UNIT) as i128;
        }
    }
    let mut mean = Parameters::zeros(updates[0].layout().clone());
    let count = updates.len() as f64;
    let means: Vec<f64> = sums.iter().map(|sum| *sum as f64 / UNIT / count).collect();
    mean.set(&means);
    mean
}

#[test]
fn the_published_errors_are_repeated() {
    let rounds = [1, 5, 10, 15, 20, 25];
    if let Some(errors) = errors("classic", &rounds) {
        assert_eq!(errors, [0.9574, 0.8054, 0.5363, 0.4060, 0.3529, 0.3240]);
    }
}

/// With a real ReLU the job is chaotic: programs that differ only in the last bits (form of the
/// softmax, library of the exponential, where the bias and the learning rate come in, how the mean
/// is divided) agree up to round 15 and part from there. Of 47 such forms, 46 ended at other errors
/// than the published 0.3374, from 0.30 to 0.38; the one that met it takes exp(o) / sum exp(o)
/// without taking off the largest score, and multiplies the learning rate into the layer's inputs.
/// With `classic` all 64 forms tried gave the published error. What our arithmetic gives is here.
#[test]
fn a_real_relu_gives_the_same_bits_every_time() {
    let rounds = [1, 5, 10, 15, 20, 25];
    if let Some(errors) = errors("relu", &rounds) {
        assert_eq!(errors[..4], [0.9574, 0.7691, 0.6031, 0.3800]);
        assert_eq!(errors[4..], [0.3569, 0.3371]);
    }
}
