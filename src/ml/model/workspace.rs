//! Passes through a whole network: convolutions, where there are any, and dense layers behind them.

use ndarray::{ArrayView2, Axis, Slice};

use super::activation::Activation;
use super::convolution::{Convolution, Convolutions};
use super::pass::{self, Layer, Loss};
use super::step::Stepper;
use crate::ml::data::{Dataset, TargetsView};
use crate::ml::kernel::{Isa, Panels};
use crate::ml::objective::Objective;
use crate::ml::real::Real;

/// Memory for passes, kept from step to step. Its methods are those of [`pass::Workspace`].
pub(super) struct Workspace<'a, T> {
    front: Option<Convolutions<'a, T>>,
    dense: pass::Workspace<'a, T>,
}

impl<'a, T: Real> Workspace<'a, T> {
    pub fn new(
        isa: Isa,
        convolutions: &'a [Convolution],
        layers: &'a [Layer],
        activation: Activation,
        parameters: &[T],
    ) -> Self {
        let is_front = convolutions.is_empty();
        Workspace {
            front: (!is_front).then(|| Convolutions::new(isa, convolutions, parameters)),
            dense: pass::Workspace::new(isa, layers, activation, parameters, is_front),
        }
    }

    /// Values that lie as the parameters do, in panels of their shapes, layer by layer.
    pub fn pack(&self, values: &[T]) -> Vec<Panels<T>> {
        let front = self.front.as_ref().map(|front| front.pack(values));
        let mut all = front.unwrap_or_default();
        all.extend(self.dense.pack(values));
        all
    }

    /// Biases and weights, layer by layer.
    pub fn parameters(&self) -> Vec<&Panels<T>> {
        let front = self.front.iter().flat_map(Convolutions::parameters);
        front.chain(self.dense.parameters()).collect()
    }

    pub fn store(&self, parameters: &mut [T]) {
        if let Some(front) = &self.front {
            front.store(parameters);
        }
        self.dense.store(parameters);
    }

    pub fn start_step(&mut self) {
        if let Some(front) = &mut self.front {
            front.start_step();
        }
        self.dense.start_step();
    }

    pub fn load(&mut self, data: &Dataset, rows: impl Iterator<Item = usize>) {
        match &mut self.front {
            Some(front) => front.load(rows.map(|row| data.row(row))),
            None => self.dense.load(data, rows),
        }
    }

    pub fn load_from(&mut self, features: ArrayView2<f32>, first: usize, rows: usize) {
        let Some(front) = &mut self.front else {
            return self.dense.load_from(features, first, rows);
        };
        let rows = features.slice_axis(Axis(0), Slice::from(first..first + rows));
        let rows = rows.as_standard_layout();
        let values = rows.as_slice().unwrap_or_default();
        front.load(values.chunks_exact(features.ncols()));
    }

    pub fn forward(&mut self, rows: usize) -> &mut [f64] {
        if let Some(front) = &mut self.front {
            front.forward(rows, self.dense.inputs());
        }
        self.dense.forward(rows)
    }

    pub fn differentiate(
        &mut self,
        objective: &dyn Objective,
        targets: TargetsView<'_>,
        loss: &mut Loss,
    ) {
        self.dense.differentiate(objective, targets, loss);
    }

    pub fn backward(&mut self, rows: usize, is_first: bool, mut stepper: Option<&mut Stepper<T>>) {
        let before = self.front.as_ref().map_or(0, Convolutions::layers);
        self.dense
            .backward(rows, is_first, before, stepper.as_deref_mut());
        if let Some(front) = &mut self.front {
            front.backward(rows, self.dense.input_derivatives(), is_first, stepper);
        }
    }
}
