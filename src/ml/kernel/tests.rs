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
    product(isa, &mut found, Rows::of(&left, step), &right);
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
        inputs: Rows::of(&inputs, step),
        derivatives: &padded[..middle * width],
        sums: &mut sums,
        is_first: true,
        step: None,
    };
    gradient.add(isa);
    let gradient = Gradient {
        inputs: Rows::of(&inputs[middle * step..], step),
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

/// A step while the slopes of a last block are in registers.
fn check_terms<T: Real>(isa: Isa, [rows, inner, columns]: [usize; 3]) {
    let [scale, length, decay, pull, share] = CONSTANTS.map(T::from_f64);
    let count = (1 + inner) * columns;
    let all: [Vec<T>; 5] = [1, 2, 3, 4, 5].map(|number| matrix(count, number));
    let expected = (0..count).map(|place| step_by_hand([0, 1, 2, 3, 4].map(|of| all[of][place])));
    let expected: Vec<(T, T)> = expected.collect();
    let panels = all.map(|all| biases_and_weights(isa, &all[..columns], &all[columns..], inner));
    let [sums, parameters, begin, correction, velocity] = &panels;
    let zeros = vec![T::ZERO; rows * sums.width()];
    let (mut parameters, mut velocity) = (parameters.clone(), velocity.clone());
    let terms = Terms {
        scale,
        decay: Some(decay),
        proximal: Some((begin, pull)),
        correction: Some(correction),
        velocity: Some((&mut velocity, share)),
    };
    let inputs = vec![T::ZERO; rows * inner];
    let gradient = Gradient {
        inputs: Rows::of(&inputs, inner),
        derivatives: &zeros,
        sums: &mut sums.clone(),
        is_first: false,
        step: Some(Step {
            parameters: &mut parameters,
            length,
            terms: Some(terms),
        }),
    };
    gradient.add(isa);
    let mut found = [vec![T::ZERO; count], vec![T::ZERO; count]];
    for (found, panels) in found.iter_mut().zip([&velocity, &parameters]) {
        panels.store(0, &mut found[..columns]);
        panels.store(1, &mut found[columns..]);
    }
    let [velocity, parameters] = found;
    let found: Vec<(T, T)> = velocity.into_iter().zip(parameters).collect();
    assert_eq!(found, expected, "{} {inner} {columns}", isa.name());
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

const WINDOWS: [Window; 4] = [
    Window {
        width: 5,
        height: 7,
        channels: 3,
        side: 3,
        padding: 1,
    },
    Window {
        width: 6,
        height: 4,
        channels: 1,
        side: 4,
        padding: 0,
    },
    Window {
        width: 1,
        height: 2,
        channels: 9,
        side: 5,
        padding: 2,
    },
    Window {
        width: 8,
        height: 8,
        channels: 2,
        side: 1,
        padding: 0,
    },
];

#[test]
fn patches_are_what_the_window_sees() {
    for (isa, window) in Isa::all()
        .into_iter()
        .flat_map(|isa| WINDOWS.map(|of| (isa, of)))
    {
        let step = window.channels + 2;
        let image = matrix::<f32>(window.width * window.height * step, 1);
        let mut stripes = vec![0.0; window.stripes()];
        window.write(isa, &mut stripes, &image, step);
        let at = |x: usize, y: usize, channel: usize| {
            let (x, y) = (
                x.checked_sub(window.padding)?,
                y.checked_sub(window.padding)?,
            );
            let is_inside = x < window.width && y < window.height;
            is_inside.then(|| image[(x * window.height + y) * step + channel])
        };
        let (width, height) = window.places().unwrap();
        let mut expected = Vec::new();
        for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
            for line in 0..window.side {
                for pixel in 0..window.side {
                    let values = (0..window.channels).map(|c| at(x + pixel, y + line, c));
                    expected.extend(values.map(Option::unwrap_or_default));
                }
            }
        }
        // The product with one gives the values themselves.
        let mut one = Panels::new(isa, 1 + window.patch(), window.patch());
        let identity: Vec<f32> = (0..window.patch() * window.patch())
            .map(|at| f32::from(at % (window.patch() + 1) == 0))
            .collect();
        one.load(1, &identity);
        let mut found = vec![1.0; width * height * one.width()];
        product(isa, &mut found, window.patches(&stripes), &one);
        assert_eq!(
            without_padding(&found, one.width(), window.patch()),
            expected
        );
        let back = window.back(1).unwrap();
        assert_eq!(back.places(), Some((window.width, window.height)));
    }
}

#[test]
fn pooling_keeps_the_first_of_the_largest_and_sends_back_there() {
    // Two columns of pairs and a last without partner; three lines, of which the last has none.
    let columns = [
        [1.0, 5.0, 9.0],
        [5.0, 2.0, 9.0],
        [-1.0, -2.0, 9.0],
        [0.0, -3.0, 9.0],
        [9.0; 3],
    ];
    let pool = Pool {
        width: 5,
        height: 3,
        channels: 2,
    };
    let both = |value: f64| [value, value + 0.5];
    let image: Vec<f64> = columns
        .as_flattened()
        .iter()
        .flat_map(|value| both(*value))
        .collect();
    for isa in Isa::all() {
        let (mut found, mut chosen) = ([7.0; 4], [7; 4]);
        pool.forward(isa, &mut found, &mut chosen, &image);
        // Of the two fives, that of the first line; the second four are not positive but for one half.
        assert_eq!((found, chosen), ([5.0, 5.5, 0.0, 0.5], [1, 1, 4, 1]));
        let mut derivatives = [7.0; 30];
        pool.backward(isa, &mut derivatives, &[10.0, 20.0, 30.0, 40.0], &chosen);
        let mut expected = [0.0; 30];
        (expected[6], expected[7], expected[19]) = (10.0, 20.0, 40.0);
        assert_eq!(derivatives, expected);
    }
}

#[test]
fn planes_and_pixels_go_round() {
    // Two channels of two lines of three.
    let planes: Vec<f32> = (0..12u8).map(f32::from).collect();
    let mut pixels = [9.0; 18];
    to_pixels(&mut pixels, 3, &planes, [2, 3], |value| *value);
    let first = [0.0, 6.0, 9.0, 3.0, 9.0, 9.0];
    assert_eq!(
        pixels[..6],
        first,
        "the first column, with room after each pixel"
    );
    let mut found = [0.0; 12];
    to_planes(&mut found, &pixels, 3, [2, 3]);
    assert_eq!(found[..], planes);
}

#[test]
fn flipped_panels_have_the_taps_the_other_way_round() {
    for isa in Isa::all() {
        for [taps, rows, columns] in [[9, 3, 17], [4, 20, 5], [25, 32, 64]] {
            let values = matrix::<f32>(taps * rows * columns, 1);
            let panels = biases_and_weights(isa, &vec![9.0; columns], &values, taps * rows);
            let mut flipped = Panels::new(isa, 1 + taps * columns, rows);
            flipped.load_flipped(&panels, taps);
            let mut found = vec![0.0; values.len()];
            flipped.store(1, &mut found);
            for (at, value) in values.iter().enumerate() {
                let (tap, row, column) = (at / columns / rows, at / columns % rows, at % columns);
                assert_eq!(
                    found[((taps - 1 - tap) * columns + column) * rows + row],
                    *value
                );
            }
        }
    }
}

#[test]
fn the_machine_has_the_baseline() {
    let names: Vec<&str> = Isa::all().iter().map(|isa| isa.name()).collect();
    assert_eq!(names.first(), Some(&"baseline"));
    assert_eq!(names.last(), Some(&Isa::best().name()));
}
