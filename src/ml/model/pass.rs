//! Passes through a network, forward for scores and backward for gradients, some rows at a time.
//!
//! Rows are worked on in blocks that stay in the cache. Sums over rows go on from block to block in
//! the order of the rows, so the size of a block changes no bit.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, Slice};

use super::activation::Activation;
use super::step::Stepper;
use crate::math::{exp_each, ln_each};
use crate::ml::data::{Dataset, TargetKind, TargetsView};
use crate::ml::kernel::{Gradient, Isa, Panels, Rows, narrow, product, widen};
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
    /// Sum to watch for a plateau, if there is one to watch for; see [`Loss::watching`].
    pub watched: Option<f64>,
    /// Whether that is of -ln(e^-loss + 1e-6) and not of the losses themselves.
    bounded: bool,
}

impl Loss {
    /// No rows yet. For a plateau, a row with a class counts with at most 13.8, so that a few rows far on the
    /// wrong side do not keep training going. The classic letters job takes -ln(p + 1e-6) for the
    /// loss, which is the same; its published result depends on it.
    pub fn watching(plateau: bool, kind: TargetKind) -> Self {
        Loss {
            sum: 0.0,
            watched: plateau.then_some(0.0),
            bounded: kind == TargetKind::Class,
        }
    }

    /// Adds the losses of rows, one after the other.
    fn add(&mut self, losses: &[f64]) {
        for loss in losses {
            self.sum += loss;
        }
        if !self.bounded {
            self.watched = self.watched.map(|_| self.sum);
        } else if let Some(watched) = &mut self.watched {
            for losses in losses.chunks(8) {
                let mut powers = [0.0; 8];
                for (power, loss) in powers.iter_mut().zip(losses) {
                    *power = -loss;
                }
                let bounded = exp_each(powers).map(|power| power + 1e-6);
                for (logarithm, _) in ln_each(bounded).iter().zip(losses) {
                    *watched -= logarithm;
                }
            }
        }
    }
}

/// Memory for passes, kept from step to step.
pub(super) struct Workspace<'a, T> {
    isa: Isa,
    layers: &'a [Layer],
    activation: Activation,
    /// Biases and weights of each layer.
    parameters: Vec<Panels<T>>,
    /// Transposed weights of each layer, below a row of zeros, for the way back; but those of the first
    /// only where there is something before it.
    transposed: Vec<Panels<T>>,
    /// Sums over the rows of a step's blocks but the last, of biases and weights.
    sums: Vec<Panels<T>>,
    /// Features of the block's rows, then the results of each layer; the last are the scores.
    results: Vec<Vec<T>>,
    /// Derivatives of the loss by the weighted sums of the layer at hand, and of the one before.
    derivatives: [Vec<T>; 2],
    /// Scores of the rows, then the derivatives by them.
    scores: Vec<f64>,
    losses: Vec<f64>,
}

impl<'a, T: Real> Workspace<'a, T> {
    /// Memory for passes at these parameters. If there are other layers before these (`is_front` is
    /// not set), the way back goes on to [`Workspace::input_derivatives`].
    pub fn new(
        isa: Isa,
        layers: &'a [Layer],
        activation: Activation,
        parameters: &[T],
        is_front: bool,
    ) -> Self {
        let transposed = |layer: &Layer| Panels::new(isa, 1 + layer.outputs, layer.inputs);
        let all = pack_all(isa, layers, parameters);
        let rows = |width| vec![T::ZERO; BLOCK * width];
        let mut results = vec![rows(layers[0].inputs)];
        results.extend(all.iter().map(|panels| rows(panels.width())));
        let transposed: Vec<Panels<T>> = layers[usize::from(is_front)..]
            .iter()
            .map(transposed)
            .collect();
        let widths = all.iter().chain(&transposed).map(Panels::width);
        let widest = widths.max().unwrap_or(0);
        Workspace {
            isa,
            layers,
            activation,
            transposed,
            sums: all.iter().map(Panels::zeros_like).collect(),
            parameters: all,
            results,
            derivatives: [rows(widest), rows(widest)],
            scores: vec![0.0; BLOCK * layers[layers.len() - 1].outputs],
            losses: vec![0.0; BLOCK],
        }
    }

    /// Values that lie as the parameters do, in panels of their shapes.
    pub fn pack(&self, values: &[T]) -> Vec<Panels<T>> {
        pack_all(self.isa, self.layers, values)
    }

    /// Biases and weights of each layer.
    pub fn parameters(&self) -> &[Panels<T>] {
        &self.parameters
    }

    /// The parameters as the steps have left them.
    pub fn store(&self, parameters: &mut [T]) {
        for (layer, panels) in self.layers.iter().zip(&self.parameters) {
            panels.store(0, &mut parameters[layer.biases.clone()]);
            panels.store(1, &mut parameters[layer.weights.clone()]);
        }
    }

    /// Gets ready for the way back at the parameters as they are.
    pub fn start_step(&mut self) {
        let panels = self.parameters.iter().rev();
        for (transposed, panels) in self.transposed.iter_mut().rev().zip(panels) {
            transposed.load_transposed(panels);
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

    /// Where [`Workspace::forward`] reads the inputs of the first layer (rows x inputs).
    pub fn inputs(&mut self) -> &mut [T] {
        &mut self.results[0]
    }

    /// What [`Workspace::backward`] leaves for layers before these: derivatives of the loss by the inputs of the
    /// first, and the values from one row of them to the next.
    pub fn input_derivatives(&self) -> (&[T], usize) {
        let step = self.transposed[0].width();
        (&self.derivatives[0], step)
    }

    /// Works out the scores of the first `rows` loaded rows (rows x outputs).
    pub fn forward(&mut self, rows: usize) -> &mut [f64] {
        let mut step = self.layers[0].inputs;
        let last = self.layers.len() - 1;
        for (number, panels) in self.parameters.iter().enumerate() {
            let (before, after) = self.results.split_at_mut(number + 1);
            let output = &mut after[0][..rows * panels.width()];
            product(self.isa, output, Rows::of(&before[number], step), panels);
            step = panels.width();
            if number < last {
                self.activation.apply(self.isa, output);
            }
        }
        let outputs = self.layers[last].outputs;
        let scores = &mut self.scores[..rows * outputs];
        widen(self.isa, scores, &self.results[last + 1], step, outputs);
        scores
    }

    /// Adds the loss of the rows with these targets to `loss`, row by row, after
    /// [`Workspace::forward`] over the same rows.
    pub fn differentiate(
        &mut self,
        objective: &dyn Objective,
        targets: TargetsView<'_>,
        loss: &mut Loss,
    ) {
        let last = self.layers.len() - 1;
        let outputs = self.layers[last].outputs;
        let scores = &mut self.scores[..targets.len() * outputs];
        let losses = &mut self.losses[..targets.len()];
        objective.differentiate(self.isa, scores, targets, losses);
        loss.add(losses);
        let width = self.parameters[last].width();
        let derivatives = &mut self.derivatives[0][..targets.len() * width];
        narrow(self.isa, derivatives, scores, width, outputs);
    }

    /// Adds the gradient over `rows` rows, after [`Workspace::differentiate`], to that of the step,
    /// which begins with them if they are its first. If they are its last too, that is if there is
    /// a `stepper`, takes the step; it knows the first layer by the number of layers before these.
    pub fn backward(
        &mut self,
        rows: usize,
        is_first: bool,
        before_these: usize,
        mut stepper: Option<&mut Stepper<T>>,
    ) {
        for number in (0..self.layers.len()).rev() {
            let panels = &mut self.parameters[number];
            let [here, before] = &mut self.derivatives;
            let derivatives = &here[..rows * panels.width()];
            let inputs_step = self.results[number].len() / BLOCK;
            let skipped = self.layers.len() - self.transposed.len();
            if number >= skipped {
                let transposed = &self.transposed[number - skipped];
                let before = &mut before[..rows * transposed.width()];
                let derivatives = Rows::of(derivatives, panels.width());
                product(self.isa, before, derivatives, transposed);
                if number > 0 {
                    let results = &self.results[number][..before.len()];
                    self.activation.backward(self.isa, before, results);
                }
            }
            let step = stepper.as_deref_mut();
            let gradient = Gradient {
                inputs: Rows::of(&self.results[number], inputs_step),
                derivatives,
                sums: &mut self.sums[number],
                is_first,
                step: step.map(|stepper| stepper.of_layer(before_these + number, panels)),
            };
            gradient.add(self.isa);
            self.derivatives.swap(0, 1);
        }
    }
}

/// Biases and weights of each layer.
fn pack_all<T: Real>(isa: Isa, layers: &[Layer], values: &[T]) -> Vec<Panels<T>> {
    layers
        .iter()
        .map(|layer| pack(isa, layer, values))
        .collect()
}

/// Biases and weights of a layer.
pub(super) fn pack<T: Real>(isa: Isa, layer: &Layer, values: &[T]) -> Panels<T> {
    let mut panels = Panels::new(isa, 1 + layer.inputs, layer.outputs);
    panels.load(0, &values[layer.biases.clone()]);
    panels.load(1, &values[layer.weights.clone()]);
    panels
}
