//! Linear regression against finite differences and the closed form of least squares.

use std::sync::Arc;

use ndarray::{Array2, arr2};

use super::super::{MODELS, Model, ModelError, Predictions, Start};
use crate::ml::data::{Dataset, Targets};
use crate::ml::parameters::Parameters;
use crate::ml::real::Real;
use crate::ml::step_rule::StepRule;
use crate::ml::training::Training;
use crate::seed::{Purpose, Seed, Stream};

const ROWS: usize = 90;
const FEATURES: usize = 3;

/// More rows than a block has, with a truth and much noise.
fn data() -> Dataset {
    let mut stream = Seed(11).stream(Purpose::Synthetic, 0, 0);
    let features = Array2::from_shape_fn((ROWS, FEATURES), |_| stream.normal() as f32);
    let truth = |row: usize| {
        let sum: f32 = (0..FEATURES)
            .map(|j| (j as f32 - 0.5) * features[[row, j]])
            .sum();
        sum + 3.0
    };
    let values = (0..ROWS).map(|row| truth(row) + stream.normal() as f32);
    let values = values.collect();
    Dataset::with_targets(features.clone(), Targets::Values(values)).unwrap()
}

fn values_of(data: &Dataset) -> &[f32] {
    match data.targets() {
        Targets::Values(values) => values,
        Targets::Classes { .. } => panic!("they are real values"),
    }
}

fn stream() -> Stream {
    Seed(2).stream(Purpose::Shuffle, 0, 0)
}

fn model(spec: &str) -> Arc<dyn Model> {
    MODELS.build(spec).unwrap()
}

fn how(epochs: u32, rate: f64, objective: &str) -> Training {
    Training::new(epochs, 0, rate, objective, None).unwrap()
}

fn update(model: &dyn Model, start: &Parameters, how: &Training) -> Vec<f64> {
    let trained = model.train(Start::at(start), &data(), how, stream(), &|| false);
    f64::of(&trained.unwrap().update).unwrap().to_vec()
}

/// The solution of (A'A / n + decay) w = A'y / n, where A are the features and a column of ones: by Gauss.
fn least_squares(data: &Dataset, decay: f64) -> Vec<f64> {
    let size = FEATURES + 1;
    let row = |row: usize| {
        let features = data.row(row).iter().map(|value| f64::from(*value));
        features.chain([1.0]).collect::<Vec<f64>>()
    };
    let n = data.rows() as f64;
    let mut system = vec![vec![0.0; size + 1]; size];
    for (number, value) in values_of(data).iter().enumerate() {
        let row = row(number);
        for i in 0..size {
            (0..size).for_each(|j| system[i][j] += row[i] * row[j] / n);
            system[i][size] += row[i] * f64::from(*value) / n;
        }
    }
    (0..size).for_each(|i| system[i][i] += decay);
    for i in 0..size {
        let pivot = system[i].clone();
        for (_, line) in system.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = line[i] / pivot[i];
            line.iter_mut()
                .zip(&pivot)
                .for_each(|(to, by)| *to -= factor * by);
        }
    }
    (0..size).map(|i| system[i][size] / system[i][i]).collect()
}

#[test]
fn training_finds_the_least_squares() {
    let model = model("linear:3,dtype=f64");
    let start = model.initial(Seed(1));
    for decay in [0.0, 0.25] {
        let rule = StepRule {
            weight_decay: decay,
            ..StepRule::default()
        };
        let how = how(3_000, 0.3, "squared").with_rule(rule).unwrap();
        let found = update(&*model, &start, &how);
        for (found, right) in found.iter().zip(least_squares(&data(), decay)) {
            assert!((found - right).abs() < 1e-9, "{found} {right}");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for spec in [
        "linear:3,dtype=f64",
        "mlp:3-4-1,activation=tanh,output=value,dtype=f64",
    ] {
        let model = model(spec);
        let mut start = Parameters::zeros(Arc::clone(model.layout()));
        let mut stream = stream();
        let point: Vec<f64> = (0..model.layout().elements())
            .map(|_| 0.5 * stream.normal())
            .collect();
        start.set(&point);
        let rate = 1e-6;
        for (objective, weight) in [("squared", 1.0), ("squared:sum", ROWS as f64)] {
            let step = update(&*model, &start, &how(1, rate, objective));
            for (place, moved) in step.iter().enumerate() {
                let loss = |by: f64| {
                    let (mut there, mut values) = (start.clone(), point.clone());
                    values[place] += by;
                    there.set(&values);
                    model.evaluate(&there, &data()).unwrap().loss
                };
                let slope = (loss(1e-4) - loss(-1e-4)) / 2e-4;
                let gradient = -moved / rate;
                let off = (gradient - weight * slope).abs();
                assert!(
                    off < 1e-5 * weight,
                    "{spec} {objective} {place}: {gradient} {slope}"
                );
            }
        }
    }
}

#[test]
fn values_errors_and_their_figures_are_right() {
    let model = model("linear:2");
    let mut parameters = model.initial(Seed(1));
    parameters.set(&[2.0, -1.0, 0.5]);
    let features = arr2(&[[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]);
    let found = model.predict(&parameters, features.view(), 1).unwrap();
    assert_eq!(found, Predictions::Values(vec![0.5, 1.5, 4.5]));
    let data = Dataset::with_targets(features, Targets::Values(vec![1.5, 1.5, 2.5])).unwrap();
    let metrics = model.evaluate(&parameters, &data).unwrap();
    assert_eq!((metrics.rows, metrics.accuracy()), (3, None));
    let errors = metrics.regression().unwrap();
    assert!((metrics.loss - 5.0 / 6.0).abs() < 1e-12);
    assert!((errors.mse - 5.0 / 3.0).abs() < 1e-12 && (errors.mae - 1.0).abs() < 1e-12);
    assert!((errors.r2().unwrap() - (1.0 - (5.0 / 3.0) / (2.0 / 9.0))).abs() < 1e-9);
}

#[test]
fn mini_batches_and_plateaus_work_on_real_values() {
    let model = model("linear:3");
    let start = model.initial(Seed(1));
    let how = Training::new(500, 0, 0.3, "squared", Some(1e-3)).unwrap();
    let trained = model.train(Start::at(&start), &data(), &how, stream(), &|| false);
    let trained = trained.unwrap();
    assert!(trained.epochs < 500, "{}", trained.epochs);
    let batches = Training::new(20, 7, 0.05, "squared", None).unwrap();
    let trained = model.train(Start::at(&start), &data(), &batches, stream(), &|| false);
    assert!(trained.unwrap().loss < 0.7);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (values, classes) = (model("linear:3"), model("softmax:3-2"));
    let train = |model: &dyn Model, data: &Dataset, objective: &str| {
        let start = model.initial(Seed(1));
        let how = how(1, 0.1, objective);
        let trained = model.train(Start::at(&start), data, &how, stream(), &|| false);
        trained.unwrap_err().to_string()
    };
    let labelled = Dataset::new(Array2::zeros((2, 3)), vec![0, 1], 2).unwrap();
    let text = train(&*values, &labelled, "squared");
    assert!(
        text.contains("gives real values, but the rows have classes"),
        "{text}"
    );
    let text = train(&*classes, &data(), "cross-entropy");
    assert!(text.contains("try linear:FEATURES"), "{text}");
    let text = train(&*values, &data(), "cross-entropy");
    assert!(text.contains("try squared"), "{text}");
    assert!(train(&*classes, &labelled, "squared").contains("try cross-entropy"));
    let metrics = values.evaluate(&values.initial(Seed(1)), &labelled);
    assert!(matches!(metrics, Err(ModelError::Targets { .. })));
    for spec in ["linear", "linear:3-1", "linear:0", "mlp:3-2-2,output=value"] {
        assert!(MODELS.build(spec).is_err(), "{spec}");
    }
}
