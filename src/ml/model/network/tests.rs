//! Gradients, bits, plateaus and errors of networks.

use ndarray::{Array2, array};

use super::super::{MODELS, Predictions};
use super::*;
use crate::ml::data::{Request, Root, Source};

pub(super) fn data() -> Dataset {
    let mut stream = Seed(11).stream(Purpose::Synthetic, 0, 0);
    let features = Array2::from_shape_fn((7, 3), |_| stream.normal() as f32);
    Dataset::new(features, vec![0, 3, 1, 2, 0, 1, 3], 4).unwrap()
}

pub(super) fn stream() -> Stream {
    Seed(2).stream(Purpose::Shuffle, 0, 0)
}

pub(super) fn how(
    epochs: u32,
    batch: u32,
    rate: f64,
    objective: &str,
    plateau: Option<f64>,
) -> Training {
    Training::new(epochs, batch, rate, objective, plateau).unwrap()
}

pub(super) fn values(parameters: &Parameters) -> Vec<f64> {
    f64::of(parameters).unwrap().to_vec()
}

/// The gradient, from one step over all rows.
pub(super) fn gradient(model: &dyn Model, start: &Parameters, objective: &str) -> Vec<f64> {
    let rate = 0.001;
    let how = how(1, 0, rate, objective, None);
    let trained = model
        .train(Start::at(start), &data(), &how, stream(), &|| false)
        .unwrap();
    values(&trained.update)
        .iter()
        .map(|step| -step / rate)
        .collect()
}

#[test]
fn gradients_agree_with_finite_differences() {
    let models = [
        "softmax:3-4,init=uniform,scale=0.5,dtype=f64",
        "mlp:3-5-4,dtype=f64",
        "mlp:3-5-6-4,dtype=f64,init=uniform,scale=0.7",
        "mlp:3-5-6-5-4,dtype=f64",
        "mlp:3-5-4,dtype=f64,activation=tanh",
        "mlp:3-6-5-4,dtype=f64,activation=tanh,init=uniform,scale=0.7",
    ];
    for spec in models {
        let model = MODELS.build(spec).unwrap();
        let start = model.initial(Seed(5));
        for (objective, weight) in [("cross-entropy", 1.0), ("cross-entropy:sum", 7.0)] {
            let gradient = gradient(&*model, &start, objective);
            for (place, slope) in gradient.iter().enumerate() {
                let at = |step: f64| {
                    let mut moved = values(&start);
                    moved[place] += step;
                    let mut parameters = start.clone();
                    parameters.set(&moved);
                    weight * model.evaluate(&parameters, &data()).unwrap().loss
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                let error = (slope - difference).abs();
                assert!(
                    error < 1e-8 * weight,
                    "{spec} {place}: {slope} {difference}"
                );
            }
        }
    }
}

/// One step of the classic job by its formulas: with A = [1 X] W, O = [1 A] V, Y = softmax(O) and
/// R one-hot, dV = eta [1 A]^T (R - Y) and dW = eta [1 X]^T (((R - Y) V'^T) * (A >= 0)).
#[test]
fn classic_networks_follow_their_formulas() {
    let model = MODELS
        .build("mlp:3-5-4,activation=classic,init=classic,dtype=f64")
        .unwrap();
    let start = model.initial(Seed(0));
    let found = gradient(&*model, &start, "cross-entropy:sum");
    let (start, data) = (values(&start), data());
    let (w, w0, v, v0) = (&start[..15], &start[15..20], &start[20..40], &start[40..44]);
    let mut expected = vec![0.0; 44];
    for row in 0..7 {
        let x: Vec<f64> = data.row(row).iter().map(|x| f64::from(*x)).collect();
        let a: Vec<f64> = (0..5)
            .map(|h| w0[h] + (0..3).map(|i| x[i] * w[i * 5 + h]).sum::<f64>())
            .collect();
        let o = (0..4).map(|k| v0[k] + (0..5).map(|h| a[h] * v[h * 4 + k]).sum::<f64>());
        let e: Vec<f64> = o.map(f64::exp).collect();
        let total: f64 = e.iter().sum();
        for k in 0..4 {
            let d = e[k] / total - f64::from(data.labels()[row] as usize == k);
            expected[40 + k] += d;
            for h in 0..5 {
                expected[20 + h * 4 + k] += a[h] * d;
                let back = if a[h] >= 0.0 { d * v[h * 4 + k] } else { 0.0 };
                expected[15 + h] += back;
                (0..3).for_each(|i| expected[i * 5 + h] += x[i] * back);
            }
        }
    }
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-11, "{found} {expected}");
    }
}

fn digits() -> Source {
    let request = Request {
        spec: "builtin:digits".to_owned(),
        partition: None,
        shards: Some(1),
        seed: Seed(1),
        held_out: 0.2,
    };
    Source::open(&request, &Root::new("/").unwrap()).unwrap()
}

fn digest(isa: Isa, model: &str, batch: u32) -> String {
    let model = MODELS.build(model).unwrap().with_isa(isa);
    let start = model.initial(Seed(1));
    let how = how(2, batch, 0.1, "cross-entropy", None);
    let shard = digits().shard(0).unwrap();
    let trained = model
        .train(Start::at(&start), &shard, &how, stream(), &|| false)
        .unwrap();
    trained.update.digest()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_bits_are_fixed() {
    // Whatever machine this runs on, and whatever the kernels are compiled for, these are the bits.
    for isa in Isa::all() {
        let found = [
            digest(isa, "mlp:64-32-10", 32),
            digest(isa, "mlp:64-33-17-10,activation=tanh", 50),
            digest(isa, "mlp:64-32-10,dtype=f64", 0),
            digest(isa, "softmax:64-10", 7),
        ];
        assert_eq!(found, FIXED_BITS, "{}", isa.name());
    }
}

#[test]
fn evaluations_and_predictions_have_the_same_bits_on_every_instruction_set() {
    let shard = digits().shard(0).unwrap();
    for spec in [
        "mlp:64-19-10,activation=tanh",
        "softmax:64-10,dtype=f64,init=uniform",
    ] {
        let model = MODELS.build(spec).unwrap();
        let parameters = model.initial(Seed(1));
        let results = Isa::all().into_iter().map(|isa| {
            let model = model.with_isa(isa);
            let metrics = model.evaluate(&parameters, &shard).unwrap();
            (
                metrics,
                model.predict(&parameters, shard.features(), 1).unwrap(),
            )
        });
        let results: Vec<_> = results.collect();
        assert!(results.iter().all(|result| *result == results[0]), "{spec}");
    }
}

const FIXED_BITS: [&str; 4] = [
    "e3a617980502f061",
    "2927b8bbbf031a1f",
    "640ccf2a5be0bd11",
    "e77771097d511a43",
];

#[test]
fn shuffling_comes_from_the_stream() {
    let model = MODELS.build("softmax:3-4").unwrap();
    let start = model.initial(Seed(1));
    let update = |shard, batch| {
        let stream = Seed(2).stream(Purpose::Shuffle, 0, shard);
        let how = how(3, batch, 0.1, "cross-entropy", None);
        model
            .train(Start::at(&start), &data(), &how, stream, &|| false)
            .unwrap()
            .update
    };
    assert_eq!(update(0, 2), update(0, 2));
    assert_ne!(update(0, 2), update(1, 2));
    assert_eq!(update(0, 0), update(1, 0));
}

#[test]
fn a_plateau_ends_training() {
    let model = MODELS.build("softmax:3-4,dtype=f64").unwrap();
    let start = model.initial(Seed(1));
    let run = |epochs, batch, plateau| {
        let how = how(epochs, batch, 1e-3, "cross-entropy", plateau);
        model
            .train(Start::at(&start), &data(), &how, stream(), &|| false)
            .unwrap()
    };
    // The first loss is 7 ln 4 and changes by far less than 1 in a step.
    let stopped = run(9, 0, Some(1.0));
    assert_eq!(
        (stopped.epochs, &stopped.update),
        (1, &run(1, 0, None).update)
    );
    let stopped = run(9, 2, Some(1.0));
    assert_eq!(
        (stopped.epochs, &stopped.update),
        (2, &run(2, 2, None).update)
    );
    assert_eq!(run(9, 0, Some(0.0)).epochs, 9);
    assert!((run(1, 0, None).loss - 4f64.ln()).abs() < 1e-12);
}

#[test]
fn cancelling_and_diverging_are_errors() {
    let model = MODELS.build("mlp:3-5-4").unwrap();
    let start = model.initial(Seed(1));
    let train = |rate, cancelled: bool| {
        let how = how(50, 0, rate, "cross-entropy", None);
        model.train(Start::at(&start), &data(), &how, stream(), &|| cancelled)
    };
    assert_eq!(train(0.1, true), Err(ModelError::Cancelled));
    let error = train(1e6, false).err().map(|error| error.to_string());
    assert!(error.is_none_or(|text| text.contains("diverged")));
    let huge = how(50, 0, 1e6, "cross-entropy:sum", None);
    let features = Array2::from_elem((7, 3), 1e30);
    let data = Dataset::new(features, vec![0, 3, 1, 2, 0, 1, 3], 4).unwrap();
    let error = model
        .train(Start::at(&start), &data, &huge, stream(), &|| false)
        .unwrap_err();
    assert!(matches!(error, ModelError::Diverged(_)), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let model = MODELS.build("softmax:3-3").unwrap();
    let start = model.initial(Seed(1));
    let classes = ModelError::Classes { model: 3, data: 4 };
    assert_eq!(model.evaluate(&start, &data()), Err(classes));
    let model = MODELS.build("softmax:2-4").unwrap();
    let features = ModelError::Features { model: 2, data: 3 };
    let own = model.initial(Seed(1));
    assert_eq!(model.evaluate(&own, &data()), Err(features));
    assert_eq!(
        model.evaluate(&start, &data().select(&[0]).unwrap()),
        Err(ModelError::Features { model: 2, data: 3 })
    );
    let double = MODELS
        .build("softmax:3-4,dtype=f64")
        .unwrap()
        .initial(Seed(1));
    let model = MODELS.build("softmax:3-4").unwrap();
    assert_eq!(model.evaluate(&double, &data()), Err(ModelError::Layout));
}

#[test]
fn predictions_are_the_softmax_of_the_scores() {
    let model = MODELS.build("softmax:2-3").unwrap();
    let mut parameters = model.initial(Seed(1));
    let halves = 2f64.ln();
    // Scores: row times [[ln 2, 0, 0], [0, 0, ln 2]] plus biases 0.
    parameters.set(&[halves, 0.0, 0.0, 0.0, 0.0, halves, 0.0, 0.0, 0.0]);
    let features = array![[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]];
    let found = model.predict(&parameters, features.view(), 1).unwrap();
    let Predictions::Classes {
        classes,
        probabilities,
    } = found
    else {
        panic!("softmax gives classes")
    };
    assert_eq!(classes, [0, 0, 2]);
    let right = array![
        [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
        [4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0],
        [0.25, 0.25, 0.5]
    ];
    assert!(
        probabilities
            .iter()
            .zip(&right)
            .all(|(a, b)| (a - b).abs() < 1e-7)
    );
    let data = Dataset::new(features, vec![0, 1, 2], 3).unwrap();
    let metrics = model.evaluate(&parameters, &data).unwrap();
    assert_eq!((metrics.rows, metrics.correct), (3, Some(2)));
    assert!((metrics.loss - (3f64.ln() + 6f64.ln() + 2f64.ln()) / 3.0).abs() < 1e-7);
    assert!(model.predict(&parameters, array![[1.0]].view(), 1).is_err());
}

#[test]
fn specs_say_what_is_wrong() {
    let layout = |text: &str| Arc::clone(MODELS.build(text).unwrap().layout());
    let names: Vec<String> = layout("mlp:4-3-2")
        .tensors()
        .iter()
        .map(|tensor| tensor.name.clone())
        .collect();
    assert_eq!(
        names,
        [
            "layers.0.weight",
            "layers.0.bias",
            "layers.1.weight",
            "layers.1.bias"
        ]
    );
    assert_eq!(layout("mlp:4-3-2").tensors()[0].shape, [4, 3]);
    assert_eq!(layout("mlp:4-3-2").elements(), 15 + 8);
    let wrong = [
        "mlp",
        "mlp:",
        "mlp:4",
        "mlp:4-2",
        "mlp:4-0-2",
        "mlp:4-x-2",
        "mlp:4-3-2-",
        "mlp:-4-3-2",
        "softmax:4-3-2",
        "mlp:4-3-2,activation=step",
        "mlp:4-3-2,init=zeros",
        "mlp:4-3-2,scale=1",
        "mlp:4-3-2,init=uniform,scale=0",
        "mlp:4-3-2,dtype=f16",
        "mlp:1000000-1000000-2",
        "mpl:4-3-2",
    ];
    for text in wrong {
        assert!(MODELS.build(text).is_err(), "{text}");
    }
    let near = MODELS.build("mpl:4-3-2").err().unwrap().to_string();
    assert_eq!(
        near,
        "unknown model `mpl`; known: mlp, softmax, cnn, linear"
    );
}
