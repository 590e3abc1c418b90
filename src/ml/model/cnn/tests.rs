//! Convolutional networks: sizes, gradients, PyTorch's numbers, bits, and what is refused.

use ndarray::Array2;

use super::super::{MODELS, Start};
use super::*;
use crate::ml::data::Dataset;
use crate::ml::kernel::Isa;
use crate::ml::parameters::Parameters;
use crate::ml::real::Real;
use crate::ml::step_rule::StepRule;
use crate::ml::training::Training;
use crate::seed::{Purpose, Seed};

/// The numbers of `tests/golden/cnn.py`.
fn noise(count: usize, seed: u64, scale: f64) -> impl Iterator<Item = f64> {
    (seed..seed + count as u64).map(move |at| {
        let number = (at * at * 7919 + at * 104_729) % 10_007;
        number as f64 / 10_007.0 * (2.0 * scale) - scale
    })
}

fn data(model: &dyn Model, rows: usize) -> Dataset {
    let mut values = noise(rows * model.features(), 5_000, 1.0);
    let features = Array2::from_shape_fn((rows, model.features()), |_| {
        values.next().unwrap_or_default() as f32
    });
    let labels = (0..rows).map(|row| (row % model.classes()) as u32);
    Dataset::new(features, labels.collect(), model.classes()).unwrap()
}

fn start(model: &dyn Model) -> Parameters {
    let mut parameters = Parameters::zeros(Arc::clone(model.layout()));
    let count = model.layout().elements();
    parameters.set(&noise(count, 1, 0.3).collect::<Vec<f64>>());
    parameters
}

fn trained(model: &dyn Model, data: &Dataset, epochs: u32, batch: u32) -> super::super::Trained {
    let how = Training::new(epochs, batch, 0.1, "cross-entropy", None).unwrap();
    let stream = Seed(2).stream(Purpose::Shuffle, 0, 0);
    model
        .train(Start::at(&start(model)), data, &how, stream, &|| false)
        .unwrap()
}

fn values(parameters: &Parameters) -> Vec<f64> {
    f64::of(parameters).unwrap().to_vec()
}

#[test]
fn networks_of_papers_have_their_sizes() {
    let shapes = |spec: &str| {
        let model = MODELS.build(spec).unwrap();
        let tensors = model.layout().tensors().iter();
        let shapes: Vec<Vec<usize>> = tensors.map(|tensor| tensor.shape.clone()).collect();
        (model.layout().elements(), shapes)
    };
    // McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017, section 3.
    let (elements, shapes_of_it) = shapes("cnn:28x28-10");
    assert_eq!(elements, 1_663_370);
    assert_eq!(shapes_of_it[2], [5, 5, 32, 64]);
    let whole = "cnn:28x28x1-10,filters=32-64,kernel=5,padding=same,hidden=512";
    assert_eq!(shapes(whole), (elements, shapes_of_it));
    // The LeNet-like network of Li, Diao, Chen and He, "Federated Learning on Non-IID Data Silos", 2022.
    let (elements, shapes) = shapes("cnn:28x28-10,filters=6-16,padding=valid,hidden=120-84");
    assert_eq!(elements, 156 + 2_416 + 257 * 120 + 121 * 84 + 85 * 10);
    assert_eq!(shapes[4], [256, 120]);
}

#[test]
fn gradients_agree_with_finite_differences() {
    for spec in [
        "cnn:6x5x2-3,filters=3-4,kernel=3,hidden=7,dtype=f64",
        "cnn:7x9-3,filters=5,kernel=4,padding=valid,hidden=none,dtype=f64",
        "cnn:4x4x3-2,filters=9-2,kernel=5,hidden=4-3,dtype=f64",
        "cnn:5x4-2,filters=2,kernel=1,hidden=none,dtype=f64",
    ] {
        let model = MODELS.build(spec).unwrap();
        let (start, data) = (start(&*model), data(&*model, 4));
        let update = trained(&*model, &data, 1, 0).update;
        for (place, step) in values(&update).into_iter().enumerate() {
            let at = |step: f64| {
                let mut moved = values(&start);
                moved[place] += step;
                let mut parameters = start.clone();
                parameters.set(&moved);
                model.evaluate(&parameters, &data).unwrap().loss
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            let error = (-step / 0.1 - difference).abs();
            assert!(error < 1e-8, "{spec} {place}: {step} {difference}");
        }
    }
}

#[test]
fn training_is_that_of_pytorch() {
    let golden = include_str!("../../../../tests/golden/cnn.txt");
    let lines: Vec<&str> = golden.lines().collect();
    assert_eq!(lines.len(), 9);
    for lines in lines.chunks(3) {
        let numbers = |line: &str| -> Vec<f64> {
            line.split(' ')
                .map(|number| number.parse().unwrap())
                .collect()
        };
        let (losses, expected) = (numbers(lines[1]), numbers(lines[2]));
        for isa in Isa::all() {
            let model = MODELS.build(lines[0]).unwrap().with_isa(isa);
            let data = data(&*model, 6);
            for (epochs, loss) in (1..).zip(&losses) {
                let found = trained(&*model, &data, epochs, 0).loss;
                assert!((found - loss).abs() < 1e-11, "{}: {found} {loss}", lines[0]);
            }
            let mut end = start(&*model);
            end.add(&trained(&*model, &data, 3, 0).update).unwrap();
            assert_eq!(values(&end).len(), expected.len());
            for (place, (found, expected)) in values(&end).iter().zip(&expected).enumerate() {
                let error = (found - expected).abs();
                assert!(error < 1e-9, "{} {place}: {found} {expected}", lines[0]);
            }
        }
    }
}

#[test]
fn the_bits_are_fixed() {
    // Several blocks, steps that end within one, single and double precision, whatever the kernels are compiled for.
    for isa in Isa::all() {
        let digest = |spec: &str, batch: u32| -> String {
            let model = MODELS.build(spec).unwrap().with_isa(isa);
            let update = trained(&*model, &data(&*model, 150), 2, batch).update;
            let digest = update.digest();
            digest[..4]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        let found = [
            digest("cnn:12x10-3,filters=5-17,kernel=3,hidden=9", 100),
            digest("cnn:9x9x2-3,filters=3,padding=valid,hidden=none", 0),
            digest("cnn:12x10-3,filters=5-4,kernel=3,hidden=9,dtype=f64", 7),
        ];
        assert_eq!(
            found,
            ["27b8f5fc", "fcdee435", "e9f33eb8"],
            "{}",
            isa.name()
        );
    }
}

#[test]
fn evaluations_and_predictions_do_not_depend_on_the_instruction_set() {
    let model = MODELS
        .build("cnn:9x8x3-4,filters=6,kernel=3,hidden=5")
        .unwrap();
    let (start, data) = (start(&*model), data(&*model, 70));
    let ask = |isa| {
        let model = model.with_isa(isa);
        let metrics = model.evaluate(&start, &data).unwrap();
        // Rows need not lie one after the other in memory.
        let (rows, columns) = (data.features(), data.features().t().to_owned());
        let predictions = model.predict(&start, rows, 1).unwrap();
        assert_eq!(predictions, model.predict(&start, columns.t(), 1).unwrap());
        (metrics, predictions)
    };
    for isa in Isa::all() {
        assert_eq!(ask(isa), ask(Isa::baseline()));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (spec, reason) in [
        ("cnn", "HEIGHTxWIDTH"),
        ("cnn:28-10", "HEIGHTxWIDTH"),
        ("cnn:28x28", "HEIGHTxWIDTH"),
        ("cnn:28x0-10", "HEIGHTxWIDTH"),
        ("cnn:2x2x2x2-10", "HEIGHTxWIDTH"),
        ("cnn:28x28-10,filters=", "filters"),
        ("cnn:28x28-10,filters=0", "filters"),
        ("cnn:28x28-10,hidden=5-", "hidden"),
        ("cnn:28x28-10,kernel=4", "odd"),
        ("cnn:28x28-10,kernel=17", "1 to 15"),
        ("cnn:28x28-10,filters=1-1-1-1-1", "after convolution 5"),
        ("cnn:6x6-10,kernel=7,padding=valid", "after convolution 1"),
        ("cnn:1048576x1048576-10", "are allowed"),
        ("cnn:28x28-10,filters=1048576", "are allowed"),
    ] {
        let error = MODELS.build(spec).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.contains(reason), "{spec}: {error}");
    }
}

#[test]
fn steps_by_a_rule_reach_every_layer() {
    let model = MODELS
        .build("cnn:8x8-3,filters=2-3,kernel=3,hidden=4,dtype=f64")
        .unwrap();
    let (model, data) = (&*model, data(&*model, 6));
    let plain = Training::new(2, 3, 0.1, "cross-entropy", None).unwrap();
    let start = start(model);
    let train = |how: &Training, correction| {
        let from = Start {
            parameters: &start,
            correction,
        };
        let stream = Seed(2).stream(Purpose::Shuffle, 0, 0);
        let trained = model.train(from, &data, how, stream, &|| false).unwrap();
        values(&trained.update)
    };
    let nothing = Parameters::zeros(Arc::clone(model.layout()));
    let pairs = train(&plain, Some(&nothing))
        .into_iter()
        .zip(train(&plain, None));
    for (corrected, free) in pairs {
        assert!((corrected - free).abs() < 1e-14, "{corrected} and {free}");
    }
    let held = StepRule {
        proximal: 10.0,
        ..StepRule::default()
    };
    let held = train(&plain.clone().with_rule(held).unwrap(), None);
    let swift = StepRule {
        momentum: 0.9,
        ..StepRule::default()
    };
    let swift = train(&plain.clone().with_rule(swift).unwrap(), None);
    let length = |update: &[f64], layer: usize| {
        let range = model.layout().range(2 * layer);
        update[range].iter().map(|v| v * v).sum::<f64>()
    };
    let free = train(&plain, None);
    for layer in 0..4 {
        let lengths = [&held, &free, &swift].map(|update| length(update, layer));
        assert!(
            lengths.is_sorted() && lengths[0] > 0.0,
            "layer {layer}: {lengths:?}"
        );
    }
}
