//! Passes through a network, forward for scores and backward for gradients, some rows at a time.
//!
//! Rows are worked on in blocks that stay in the cache. Sums over rows go on from block to block in
//! the order of the rows, so the size of a block changes no bit.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, Slice};

use super::activation::Activation;
use crate::math::{exp, ln};
use crate::ml::data::Dataset;
use crate::ml::kernel::{add_product, add_transposed_product, transpose};
use crate::ml::objective::Objective;
use crate::ml::real::Real;

/// Most rows worked on at once.
pub(super) const BLOCK: usize = 64;

/// One dense layer, and where its parameters lie among all.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    /// Inputs x outputs, row-major.
    pub weights: Range<usize>,
    /// One an output.
    pub biases: Range<usize>,
}

/// Loss over the rows of an epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// Sum over the rows.
    pub sum: f64,
    /// Sum of -ln(e^-loss + 1e-6), if there is a plateau to watch for; see [`Loss::watching`].
    pub watched: Option<f64>,
}

impl Loss {
    /// No rows yet. For a plateau, a row counts with at most 13.8, so that a few rows far on the
    /// wrong side do not keep training going. The classic letters job takes -ln(p + 1e-6) for the
    /// loss, which is the same; its published result depends on it.
    pub fn watching(plateau: bool) -> Self {
        Loss {
            sum: 0.0,
            watched: plateau.then_some(0.0),
        }
    }

    fn add(&mut self, loss: f64) {
        self.sum += loss;
        if let Some(watched) = &mut self.watched {
            *watched -= ln(exp(-loss) + 1e-6);
        }
    }
}

/// Memory for passes, kept from step to step.
pub(super) struct Workspace<'a, T> {
    layers: &'a [Layer],
    activation: Activation,
    /// Features of the block's rows, then the results of each layer; the last are the scores.
    results: Vec<Vec<T>>,
    /// Derivatives of the loss by the weighted sums of the layer at hand, and of the one before.
    derivatives: [Vec<T>; 2],
    /// Transposed weights of each layer but the first, for the way back.
    transposed: Vec<Vec<T>>,
    /// Scores of one row.
    scores: Vec<f64>,
    /// Gradient of the loss by all parameters, summed over rows.
    pub gradient: Vec<T>,
}

impl<'a, T: Real> Workspace<'a, T> {
    pub fn new(layers: &'a [Layer], activation: Activation) -> Self {
        let widest = layers.iter().map(|layer| layer.outputs).max().unwrap_or(0);
        let rows = |width| vec![T::ZERO; BLOCK * width];
        let mut results = vec![rows(layers[0].inputs)];
        results.extend(layers.iter().map(|layer| rows(layer.outputs)));
        let parameters = layers[layers.len() - 1].biases.end;
        Workspace {
            layers,
            activation,
            results,
            derivatives: [rows(widest), rows(widest)],
            transposed: layers
                .iter()
                .map(|layer| vec![T::ZERO; layer.weights.len()])
                .collect(),
            scores: vec![0.0; layers[layers.len() - 1].outputs],
            gradient: vec![T::ZERO; parameters],
        }
    }

    /// Gets ready for gradients at these parameters.
    pub fn start_step(&mut self, parameters: &[T]) {
        self.gradient.fill(T::ZERO);
        for (layer, transposed) in self.layers.iter().zip(&mut self.transposed).skip(1) {
            let weights = &parameters[layer.weights.clone()];
            transpose(transposed, weights, layer.inputs, layer.outputs);
        }
    }

    /// Copies these rows of the data to where [`Workspace::forward`] reads them.
    pub fn load(&mut self, data: &Dataset, rows: impl Iterator<Item = usize>) {
        let width = self.layers[0].inputs;
        for (place, row) in self.results[0].chunks_exact_mut(width).zip(rows) {
            for (place, value) in place.iter_mut().zip(data.row(row)) {
                *place = T::from_f32(*value);
            }
        }
    }

    /// Copies rows of a matrix of features to where [`Workspace::forward`] reads them.
    pub fn load_from(&mut self, features: ArrayView2<f32>, first: usize, rows: usize) {
        let rows = features.slice_axis(Axis(0), Slice::from(first..first + rows));
        for (place, value) in self.results[0].iter_mut().zip(rows) {
            *place = T::from_f32(*value);
        }
    }

    /// Works out the scores of the first `rows` loaded rows (rows x classes).
    pub fn forward(&mut self, parameters: &[T], rows: usize) -> &[T] {
        let last = self.layers.len() - 1;
        for (number, layer) in self.layers.iter().enumerate() {
            let (before, after) = self.results.split_at_mut(number + 1);
            let input = &before[number][..rows * layer.inputs];
            let output = &mut after[0][..rows * layer.outputs];
            for row in output.chunks_exact_mut(layer.outputs) {
                row.copy_from_slice(&parameters[layer.biases.clone()]);
            }
            let weights = &parameters[layer.weights.clone()];
            add_product(output, input, weights, [rows, layer.inputs, layer.outputs]);
            if number < last {
                self.activation.apply(output);
            }
        }
        &self.results[last + 1][..rows * self.layers[last].outputs]
    }

    /// Adds the loss of the rows with these labels to `loss`, row by row, and their gradient to the
    /// step's, after [`Workspace::forward`] over the same rows.
    pub fn backward(&mut self, objective: &dyn Objective, labels: &[u32], loss: &mut Loss) {
        let rows = labels.len();
        self.differentiate(objective, labels, loss);
        for (number, layer) in self.layers.iter().enumerate().rev() {
            let derivatives = &self.derivatives[0][..rows * layer.outputs];
            let input = &self.results[number][..rows * layer.inputs];
            let weights = &mut self.gradient[layer.weights.clone()];
            add_transposed_product(
                weights,
                input,
                derivatives,
                [layer.inputs, rows, layer.outputs],
            );
            let biases = &mut self.gradient[layer.biases.clone()];
            for row in derivatives.chunks_exact(layer.outputs) {
                for (bias, derivative) in biases.iter_mut().zip(row) {
                    *bias += *derivative;
                }
            }
            if number > 0 {
                self.descend(number, rows);
            }
        }
    }

    /// Derivatives of the loss by the scores.
    fn differentiate(&mut self, objective: &dyn Objective, labels: &[u32], loss: &mut Loss) {
        let last = self.layers.len();
        let classes = self.scores.len();
        let results = self.results[last].chunks_exact(classes);
        let derivatives = self.derivatives[0].chunks_exact_mut(classes);
        for ((label, results), derivatives) in labels.iter().zip(results).zip(derivatives) {
            for (score, result) in self.scores.iter_mut().zip(results) {
                *score = result.to_f64();
            }
            loss.add(objective.differentiate(&mut self.scores, *label as usize));
            for (derivative, score) in derivatives.iter_mut().zip(&self.scores) {
                *derivative = T::from_f64(*score);
            }
        }
    }

    /// From the derivatives by the sums of layer `number` to those of the layer before.
    fn descend(&mut self, number: usize, rows: usize) {
        let layer = &self.layers[number];
        let [here, before] = &mut self.derivatives;
        let here = &here[..rows * layer.outputs];
        let before = &mut before[..rows * layer.inputs];
        before.fill(T::ZERO);
        let shape = [rows, layer.outputs, layer.inputs];
        add_product(before, here, &self.transposed[number], shape);
        self.activation
            .backward(before, &self.results[number][..rows * layer.inputs]);
        self.derivatives.swap(0, 1);
    }
}
