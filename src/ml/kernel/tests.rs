//! Every instruction set and every shape gives the bits of the definition.

use super::*;
use crate::ml::real::Real;
use crate::seed::{Purpose, Seed};

fn matrix<T: Real>(count: usize, number: u64) -> Vec<T> {
    let mut stream = Seed(3).stream(Purpose::Synthetic, 0, number);
    (0..count).map(|_| T::from_f64(stream.normal())).collect()
}

/// Rows, inner dimension and columns: below, at and above the edges of tiles, panels and blocks.
const SHAPES: [[usize; 3]; 16] = [
    [1, 1, 1],
    [4, 3, 8],
    [5, 7, 26],
    [33, 64, 10],
    [7, 600, 15],
    [64, 257, 1],
    [3, 1, 5],
    [2, 256, 16],
    [6, 255, 17],
    [31, 16, 20],
    [32, 20, 32],
    [10, 65, 33],
    [9, 130, 47],
    [63, 5, 4],
    [8, 2, 3],
    [11, 66, 64],
];

fn biases_and_weights<T: Real>(isa: Isa, biases: &[T], weights: &[T], inner: usize) -> Panels<T> {
    let mut panels = Panels::new(isa, 1 + inner, biases.len());
    panels.load(0, biases);
    panels.load(1, weights);
    panels
}

/// The filled columns of rows of `width`.
fn without_padding<T: Real>(values: &[T], width: usize, columns: usize) -> Vec<T> {
    let rows = values.chunks_exact(width);
    rows.flat_map(|row| row[..columns].iter().copied())
        .collect()
}

fn check_product<T: Real>(isa: Isa, [rows, inner, columns]: [usize; 3]) {
    let step = inner + 3;
    let left = matrix::<T>(rows * step, 1);
    let (biases, weights) = (matrix::<T>(columns, 2), matrix::<T>(inner * columns, 3));
    let mut expected = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = biases[column];
            for place in 0..inner {
                sum += left[row * step + place] * weights[place * columns + column];
            }
            expected.push(sum);
        }
    }
    let right = biases_and_weights(isa, &biases, &weights, inner);
    let mut found = vec![T::ONE; rows * right.width()];
    product(isa, &mut found, &left, step, &right);
    let found = without_padding(&found, right.width(), columns);
    assert_eq!(found, expected, "{} {rows} {inner} {columns}", isa.name());
}

/// In two blocks of rows, the second of which takes the step.
fn check_gradient<T: Real>(isa: Isa, [rows, inner, columns]: [usize; 3]) {
    let step = inner + 3;
    let inputs = matrix::<T>(rows * step, 1);
    let derivatives = matrix::<T>(rows * columns, 2);
    let (biases, weights) = (matrix::<T>(columns, 3), matrix::<T>(inner * columns, 4));
    let length = T::from_f64(0.37);
    let (mut moved_biases, mut moved_weights) = (biases.clone(), weights.clone());
    for column in 0..columns {
        let slopes = |input: Option<usize>| {
            let mut sum = T::ZERO;
            for row in 0..rows {
                let derivative = derivatives[row * columns + column];
                sum += input.map_or(derivative, |input| inputs[row * step + input] * derivative);
            }
            sum
        };
        moved_biases[column] -= length * slopes(None);
        for input in 0..inner {
            moved_weights[input * columns + column] -= length * slopes(Some(input));
        }
    }
    let mut parameters = biases_and_weights(isa, &biases, &weights, inner);
    let mut sums = biases_and_weights(isa, &biases, &weights, inner);
    let width = parameters.width();
    let mut padded = vec![T::ZERO; rows * width];
    for (to, from) in padded.chunks_mut(width).zip(derivatives.chunks(columns)) {
        to[..columns].copy_from_slice(from);
    }
    let middle = rows / 3;
    let gradient = Gradient {
        inputs: &inputs,
        inputs_step: step,
        derivatives: &padded[..middle * width],
        sums: &mut sums,
        is_first: true,
        step: None,
    };
    gradient.add(isa);
    let gradient = Gradient {
        inputs: &inputs[middle * step..],
        inputs_step: step,
        derivatives: &padded[middle * width..],
        sums: &mut sums,
        is_first: false,
        step: Some(Step {
            parameters: &mut parameters,
            length,
            terms: None,
        }),
    };
    gradient.add(isa);
    let (mut found_biases, mut found_weights) = (biases, weights);
    parameters.store(0, &mut found_biases);
    parameters.store(1, &mut found_weights);
    assert_eq!(
        found_biases,
        moved_biases,
        "{} {rows} {inner} {columns}",
        isa.name()
    );
    assert_eq!(
        found_weights,
        moved_weights,
        "{} {rows} {inner} {columns}",
        isa.name()
    );
}

/// Velocity and parameters after a step by the formula, one value after the other.
fn step_by_hand<T: Real>([slope, parameter, begin, correction, velocity]: [T; 5]) -> (T, T) {
    let [scale, length, decay, pull, share] = CONSTANTS.map(T::from_f64);
    let mut slope = scale * slope;
    slope += decay * parameter;
    slope += pull * (parameter - begin);
    slope += correction;
    slope += share * velocity;
    (slope, parameter - length * slope)
}

const CONSTANTS: [f64; 5] = [0.125, 0.37, 0.01, 0.3, 0.9];

/// From sums, and while the slopes of a last block are in registers.
fn check_terms<T: Real>(isa: Isa, [rows, inner, columns]: [usize; 3]) {
    let [scale, length, decay, pull, share] = CONSTANTS.map(T::from_f64);
    let count = (1 + inner) * columns;
    let all: [Vec<T>; 5] = [1, 2, 3, 4, 5].map(|number| matrix(count, number));
    let expected = (0..count).map(|place| step_by_hand([0, 1, 2, 3, 4].map(|of| all[of][place])));
    let expected: Vec<(T, T)> = expected.collect();
    let panels = all.map(|all| biases_and_weights(isa, &all[..columns], &all[columns..], inner));
    let [sums, parameters, begin, correction, velocity] = &panels;
    let zeros = vec![T::ZERO; rows * sums.width()];
    for from_sums in [true, false] {
        let (mut parameters, mut velocity) = (parameters.clone(), velocity.clone());
        let terms = Terms {
            scale,
            decay: Some(decay),
            proximal: Some((begin, pull)),
            correction: Some(correction),
            velocity: Some((&mut velocity, share)),
        };
        let step = Step {
            parameters: &mut parameters,
            length,
            terms: Some(terms),
        };
        if from_sums {
            step.take(isa, sums);
        } else {
            let gradient = Gradient {
                inputs: &vec![T::ZERO; rows * inner],
                inputs_step: inner,
                derivatives: &zeros,
                sums: &mut sums.clone(),
                is_first: false,
                step: Some(step),
            };
            gradient.add(isa);
        }
        let mut found = [vec![T::ZERO; count], vec![T::ZERO; count]];
        for (found, panels) in found.iter_mut().zip([&velocity, &parameters]) {
            panels.store(0, &mut found[..columns]);
            panels.store(1, &mut found[columns..]);
        }
        let [velocity, parameters] = found;
        let found: Vec<(T, T)> = velocity.into_iter().zip(parameters).collect();
        assert_eq!(found, expected, "{} {inner} {columns}", isa.name());
    }
}

#[test]
fn tiles_give_the_bits_of_the_definition() {
    for isa in Isa::all() {
        for shape in SHAPES {
            check_product::<f32>(isa, shape);
            check_product::<f64>(isa, shape);
            check_gradient::<f32>(isa, shape);
            check_gradient::<f64>(isa, shape);
            check_terms::<f32>(isa, shape);
            check_terms::<f64>(isa, shape);
        }
    }
}

#[test]
fn panels_are_transposed() {
    for isa in Isa::all() {
        for [_, rows, columns] in SHAPES {
            let values = matrix::<f32>(rows * columns, 1);
            let panels = biases_and_weights(isa, &vec![9.0; columns], &values, rows);
            let mut transposed = Panels::new(isa, 1 + columns, rows);
            transposed.load_transposed(&panels);
            let mut found = vec![0.0; rows * columns];
            transposed.store(1, &mut found);
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(found[column * rows + row], values[row * columns + column]);
                }
            }
            let mut first = vec![1.0; rows];
            transposed.store(0, &mut first);
            assert!(first.iter().all(|value| *value == 0.0));
        }
    }
}

#[test]
fn the_machine_has_the_baseline() {
    let names: Vec<&str> = Isa::all().iter().map(|isa| isa.name()).collect();
    assert_eq!(names.first(), Some(&"baseline"));
    assert_eq!(names.last(), Some(&Isa::best().name()));
}
