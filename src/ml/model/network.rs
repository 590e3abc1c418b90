//! Networks of dense layers, perhaps behind convolutions: what all models here have in common.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ndarray::ArrayView2;

use super::activation::Activation;
use super::convolution::Convolution;
use super::descent::descend;
use super::initial::Initial;
use super::pass::Layer;
use super::workspace::Workspace;
use super::{Model, ModelError, Predictions, Start, Trained, check_objective};
use crate::ml::data::{Dataset, TargetKind};
use crate::ml::kernel::Isa;
use crate::ml::layout::{DType, Layout, LayoutError, Tensor};
use crate::ml::metrics::{Depth, Metrics};
use crate::ml::parameters::{Parameters, Values};
use crate::ml::real::{self, Real};
use crate::ml::training::Training;
use crate::seed::{Purpose, Seed, Stream};
use crate::spec::{Arguments, SpecError};

/// Widest layer of a network.
pub(super) const MAX_WIDTH: usize = 1 << 20;

/// Dense layers with a function between them; the last gives the scores of the classes, or a real value.
///
/// Its tensors are `layers.N.weight` (inputs x outputs) and `layers.N.bias` (outputs), those of convolutions first:
/// their weights are lines x pixels x channels of the window x filters. The last images enter the dense layers channel
/// after channel, each line by line.
#[derive(Clone)]
pub(super) struct Network {
    convolutions: Vec<Convolution>,
    widths: Vec<usize>,
    layers: Vec<Layer>,
    /// What its outputs are: a score for each class, or one value.
    kind: TargetKind,
    activation: Activation,
    initial: Initial,
    layout: Arc<Layout>,
    isa: Isa,
}

/// Reads widths such as `64-32-10`, of which there must be so many.
pub(super) fn widths(
    arguments: &mut Arguments,
    count: RangeInclusive<usize>,
    allowed: &str,
) -> Result<Vec<usize>, SpecError> {
    let text = arguments.required_value(allowed)?;
    whole_numbers(text, '-', count, MAX_WIDTH).ok_or_else(|| arguments.bad_value(allowed))
}

/// Reads so many whole numbers of 1 to `largest`.
pub(super) fn whole_numbers(
    text: &str,
    between: char,
    count: RangeInclusive<usize>,
    largest: usize,
) -> Option<Vec<usize>> {
    let number = |text: &str| {
        let number = text.parse().ok();
        number.filter(|number| (1..=largest).contains(number))
    };
    let numbers: Option<Vec<usize>> = text.split(between).map(number).collect();
    numbers.filter(|numbers| count.contains(&numbers.len()))
}

impl Network {
    /// A network of layers between these widths, the first of which is the number of features and
    /// the last that of classes.
    ///
    /// # Errors
    /// When it has too many parameters.
    pub fn new(
        widths: Vec<usize>,
        activation: Activation,
        initial: Initial,
        dtype: DType,
    ) -> Result<Self, LayoutError> {
        Network::behind(Vec::new(), widths, activation, initial, dtype)
    }

    /// The same behind convolutions; the first width is then the number of values of the last images.
    pub fn behind(
        mut convolutions: Vec<Convolution>,
        widths: Vec<usize>,
        activation: Activation,
        initial: Initial,
        dtype: DType,
    ) -> Result<Self, LayoutError> {
        let layer = |pair: &[usize]| Layer {
            inputs: pair[0],
            outputs: pair[1],
            weights: 0..0,
            biases: 0..0,
        };
        let mut layers: Vec<Layer> = widths.windows(2).map(layer).collect();
        let shape = |of: &Convolution| {
            let side = of.window.side;
            vec![side, side, of.window.channels, of.layer.outputs]
        };
        let shapes = convolutions.iter().map(shape);
        let shapes = shapes.chain(widths.windows(2).map(<[usize]>::to_vec));
        let mut tensors = Vec::new();
        for (number, shape) in shapes.enumerate() {
            let outputs = shape[shape.len() - 1];
            tensors.push(Tensor::new(format!("layers.{number}.weight"), shape));
            tensors.push(Tensor::new(format!("layers.{number}.bias"), [outputs]));
        }
        let layout = Layout::new(dtype, tensors)?;
        let all = convolutions.iter_mut().map(|of| &mut of.layer);
        for (number, layer) in all.chain(&mut layers).enumerate() {
            layer.weights = layout.range(2 * number);
            layer.biases = layout.range(2 * number + 1);
        }
        Ok(Network {
            convolutions,
            widths,
            layers,
            kind: TargetKind::Class,
            activation,
            initial,
            layout: Arc::new(layout),
            isa: Isa::best(),
        })
    }

    /// The same network, whose only output is a real value.
    pub fn for_values(self) -> Self {
        debug_assert_eq!(self.outputs(), 1);
        Network {
            kind: TargetKind::Value,
            ..self
        }
    }

    /// Width of the last layer.
    fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Draws the first values.
    fn draw<T: Real>(&self, values: &mut [T], stream: Stream) {
        let mut places = values.iter_mut();
        let layers = self.convolutions.iter().map(|of| &of.layer);
        let layers = layers.chain(&self.layers);
        let layers: Vec<[usize; 2]> = layers.map(|of| [of.inputs, of.outputs]).collect();
        self.initial.draw(&layers, stream, |value| {
            if let Some(place) = places.next() {
                *place = T::from_f64(value);
            }
        });
    }

    /// The values of parameters of this network.
    fn values<'a, T: Real>(&self, parameters: &'a Parameters) -> Result<&'a [T], ModelError> {
        if **parameters.layout() != *self.layout {
            return Err(ModelError::Layout);
        }
        T::of(parameters).ok_or(ModelError::Layout)
    }

    fn workspace<T: Real>(&self, parameters: &[T]) -> Workspace<'_, T> {
        let (convolutions, layers) = (&self.convolutions, &self.layers);
        Workspace::new(self.isa, convolutions, layers, self.activation, parameters)
    }

    fn check_features(&self, data: usize) -> Result<(), ModelError> {
        let model = self.features();
        if model == data {
            Ok(())
        } else {
            Err(ModelError::Features { model, data })
        }
    }

    fn check(&self, data: &Dataset) -> Result<(), ModelError> {
        let (model, kind) = (self.classes(), self.kind);
        if data.kind() != kind {
            return Err(ModelError::Targets {
                model: kind,
                data: data.kind(),
            });
        }
        if data.classes() > model {
            return Err(ModelError::Classes {
                model,
                data: data.classes(),
            });
        }
        self.check_features(data.width())
    }

    fn train_as<T: Real>(
        &self,
        start: Start<'_>,
        data: &Dataset,
        how: &Training,
        stream: Stream,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Trained, ModelError> {
        self.check(data)?;
        check_objective(self, how)?;
        let old = self.values::<T>(start.parameters)?;
        let correction = start.correction.map(|all| self.values::<T>(all));
        let correction = correction.transpose()?;
        let mut new = old.to_vec();
        let mut workspace = self.workspace(old);
        let descent = descend(&mut workspace, data, how, correction, stream, cancelled)?;
        workspace.store(&mut new);
        for (new, old) in new.iter_mut().zip(old) {
            *new -= *old;
        }
        let update = real::parameters(&self.layout, new).map_err(ModelError::Diverged)?;
        let rows = data.rows() as u64;
        Ok(Trained {
            update,
            rows,
            loss: descent.loss / rows as f64,
            epochs: descent.epochs,
            steps: descent.steps,
        })
    }
}

impl Model for Network {
    fn with_isa(&self, isa: Isa) -> Arc<dyn Model> {
        let mut network = self.clone();
        network.isa = isa;
        Arc::new(network)
    }

    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn features(&self) -> usize {
        match self.convolutions.first() {
            Some(Convolution { window, .. }) => window.width * window.height * window.channels,
            None => self.widths[0],
        }
    }

    fn classes(&self) -> usize {
        match self.kind {
            TargetKind::Class => self.outputs(),
            TargetKind::Value => 0,
        }
    }

    fn initial(&self, seed: Seed) -> Parameters {
        let stream = seed.stream(Purpose::InitialParameters, 0, 0);
        let mut parameters = Parameters::zeros(Arc::clone(&self.layout));
        match parameters.values_mut() {
            Values::F32(values) => self.draw(values, stream),
            Values::F64(values) => self.draw(values, stream),
        }
        parameters
    }

    fn train(
        &self,
        start: Start<'_>,
        data: &Dataset,
        how: &Training,
        stream: Stream,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Trained, ModelError> {
        match self.layout.dtype() {
            DType::F32 => self.train_as::<f32>(start, data, how, stream, cancelled),
            DType::F64 => self.train_as::<f64>(start, data, how, stream, cancelled),
        }
    }

    fn examine(
        &self,
        parameters: &Parameters,
        data: &Dataset,
        depth: Depth,
        threads: usize,
    ) -> Result<Metrics, ModelError> {
        match self.layout.dtype() {
            DType::F32 => self.examine_as::<f32>(parameters, data, depth, threads),
            DType::F64 => self.examine_as::<f64>(parameters, data, depth, threads),
        }
    }

    fn predict(
        &self,
        parameters: &Parameters,
        features: ArrayView2<f32>,
        threads: usize,
    ) -> Result<Predictions, ModelError> {
        match self.layout.dtype() {
            DType::F32 => self.predict_as::<f32>(parameters, features, threads),
            DType::F64 => self.predict_as::<f64>(parameters, features, threads),
        }
    }
}

mod blocks;
mod examine;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;
