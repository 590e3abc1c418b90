//! Convolutions before the dense layers: each slides a window over the image, rectifies what its filters say and keeps
//! the largest of every 2 x 2 pixels (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
//! Document Recognition", 1998).
//!
//! A convolution is a dense layer whose rows are patches. The way back to the image before it is another, of the
//! derivatives with the window flipped. Images are worked on one after the other, so that all of one stays in the cache.

use super::pass::{BLOCK, Layer, pack};
use super::step::Stepper;
use crate::ml::kernel::{Gradient, Isa, Panels, Pool, Window, product, to_pixels, to_planes};
use crate::ml::real::Real;

/// A convolution, and where its parameters lie among all.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    pub window: Window,
    /// Values of a patch to filters; the weights lie line by line, pixel by pixel, channel by channel of the window.
    pub layer: Layer,
}

impl Convolution {
    /// Lines and pixels of a line after pooling.
    pub fn pooled(&self) -> [usize; 2] {
        let (width, height) = self.window.places().unwrap_or((0, 0));
        [height / 2, width / 2]
    }
}

/// A convolution and its memory, kept from step to step.
struct Stage<'a, T> {
    of: &'a Convolution,
    pool: Pool,
    parameters: Panels<T>,
    /// Sums over the rows of a step's blocks but the last, of biases and weights.
    sums: Panels<T>,
    /// The image before, as the window sees it.
    stripes: Vec<T>,
    /// Pooled images of a block (pixels x filters, rounded up to full registers), and where their values came from.
    results: Vec<T>,
    chosen: Vec<u32>,
    /// For the way back to the image before; the first convolution needs none.
    back: Option<Back<T>>,
}

struct Back<T> {
    window: Window,
    /// Weights of the flipped window, below a row of zeros.
    flipped: Panels<T>,
    /// The derivatives, as the flipped window sees them.
    stripes: Vec<T>,
}

/// The convolutions of a network and memory for passes through them.
pub(super) struct Convolutions<'a, T> {
    isa: Isa,
    stages: Vec<Stage<'a, T>>,
    /// Images of the block's rows (pixels x channels).
    images: Vec<T>,
    /// What the filters say of one image, or the derivatives by that.
    sums: Vec<T>,
    /// Derivatives by the pooled values of one image.
    derivatives: Vec<T>,
}

impl<'a, T: Real> Stage<'a, T> {
    fn new(isa: Isa, of: &'a Convolution, parameters: &[T], is_first: bool) -> Self {
        let outputs = of.layer.outputs;
        let panels = pack(isa, &of.layer, parameters);
        let sums = panels.zeros_like();
        let (width, height) = of.window.places().unwrap_or((0, 0));
        let pool = Pool {
            width,
            height,
            channels: panels.width(),
        };
        let pooled = BLOCK * pool.pixels() * panels.width();
        let back = of.window.back(outputs).filter(|_| !is_first);
        let back = back.map(|window| Back {
            window,
            flipped: Panels::new(isa, 1 + window.patch(), of.window.channels),
            stripes: vec![T::ZERO; window.stripes()],
        });
        Stage {
            of,
            pool,
            parameters: panels,
            sums,
            stripes: vec![T::ZERO; of.window.stripes()],
            results: vec![T::ZERO; pooled],
            chosen: vec![0; pooled],
            back,
        }
    }

    /// Values of an image before pooling, and after.
    fn sizes(&self) -> [usize; 2] {
        let pixels = [self.pool.width * self.pool.height, self.pool.pixels()];
        pixels.map(|pixels| pixels * self.pool.channels)
    }

    /// Pools what the filters say of an image, whose pixels are rows of `step` values.
    fn forward(&mut self, isa: Isa, number: usize, image: &[T], step: usize, sums: &mut [T]) {
        let [whole, pooled] = self.sizes();
        let window = &self.of.window;
        window.write(isa, &mut self.stripes, image, step);
        let sums = &mut sums[..whole];
        product(isa, sums, window.patches(&self.stripes), &self.parameters);
        let places = number * pooled..(number + 1) * pooled;
        let (results, chosen) = (&mut self.results[places.clone()], &mut self.chosen[places]);
        self.pool.forward(isa, results, chosen, sums);
    }
}

impl<'a, T: Real> Convolutions<'a, T> {
    /// Memory for passes at these parameters.
    pub fn new(isa: Isa, convolutions: &'a [Convolution], parameters: &[T]) -> Self {
        let stages = convolutions.iter().enumerate();
        let stages: Vec<Stage<T>> = stages
            .map(|(number, of)| Stage::new(isa, of, parameters, number == 0))
            .collect();
        let largest = |of: usize| stages.iter().map(|stage| stage.sizes()[of]).max();
        let room = |of: usize| vec![T::ZERO; largest(of).unwrap_or(0)];
        let of = &convolutions[0].window;
        Convolutions {
            isa,
            images: vec![T::ZERO; BLOCK * of.width * of.height * of.channels],
            sums: room(0),
            derivatives: room(1),
            stages,
        }
    }

    /// How many layers.
    pub fn layers(&self) -> usize {
        self.stages.len()
    }

    /// Biases and weights of each layer.
    pub fn parameters(&self) -> impl Iterator<Item = &Panels<T>> {
        self.stages.iter().map(|stage| &stage.parameters)
    }

    /// Values that lie as the parameters do, in panels of their shapes.
    pub fn pack(&self, values: &[T]) -> Vec<Panels<T>> {
        let layers = self.stages.iter().map(|stage| &stage.of.layer);
        layers.map(|layer| pack(self.isa, layer, values)).collect()
    }

    /// The parameters as the steps have left them.
    pub fn store(&self, parameters: &mut [T]) {
        for Stage {
            of,
            parameters: panels,
            ..
        } in &self.stages
        {
            panels.store(0, &mut parameters[of.layer.biases.clone()]);
            panels.store(1, &mut parameters[of.layer.weights.clone()]);
        }
    }

    /// Gets ready for the way back at the parameters as they are.
    pub fn start_step(&mut self) {
        for stage in &mut self.stages {
            if let Some(back) = &mut stage.back {
                let taps = stage.of.window.side * stage.of.window.side;
                back.flipped.load_flipped(&stage.parameters, taps);
            }
        }
    }

    /// Takes rows of features, which are channels x height x width.
    pub fn load<'r>(&mut self, rows: impl Iterator<Item = &'r [f32]>) {
        let of = &self.stages[0].of.window;
        let length = of.width * of.height * of.channels;
        let size = [of.height, of.width];
        for (image, row) in self.images.chunks_exact_mut(length).zip(rows) {
            to_pixels(image, of.channels, row, size, |value| T::from_f32(*value));
        }
    }

    /// Works out the inputs of the dense layers for the first `rows` loaded rows (rows x filters x height x width).
    pub fn forward(&mut self, rows: usize, out: &mut [T]) {
        let of = &self.stages[0].of.window;
        let (length, channels) = (of.width * of.height * of.channels, of.channels);
        let last = &self.stages[self.stages.len() - 1];
        let (size, filters) = (last.of.pooled(), last.of.layer.outputs);
        let out = out.chunks_exact_mut(size[0] * size[1] * filters);
        for (number, out) in out.take(rows).enumerate() {
            let (mut image, mut step) = (&self.images[number * length..][..length], channels);
            for stage in &mut self.stages {
                stage.forward(self.isa, number, image, step, &mut self.sums);
                let [_, pooled] = stage.sizes();
                image = &stage.results[number * pooled..][..pooled];
                step = stage.pool.channels;
            }
            to_planes(out, image, step, size);
        }
    }

    /// Adds the gradient over `rows` rows, given the derivatives by the inputs of the dense layers in rows of `step`
    /// values; `is_first` and `stepper` are those of [`super::pass::Workspace::backward`].
    pub fn backward(
        &mut self,
        rows: usize,
        derivatives: (&[T], usize),
        is_first: bool,
        mut stepper: Option<&mut Stepper<T>>,
    ) {
        let (derivatives, step) = derivatives;
        for (number, row) in derivatives.chunks_exact(step).take(rows).enumerate() {
            let last = &self.stages[self.stages.len() - 1];
            let (size, channels) = (last.of.pooled(), last.pool.channels);
            let planes = &row[..size[0] * size[1] * last.of.layer.outputs];
            let pixels = &mut self.derivatives[..last.sizes()[1]];
            to_pixels(pixels, channels, planes, size, |value| *value);
            let is_last = number + 1 == rows;
            let stepper = stepper.as_deref_mut().filter(|_| is_last);
            self.image_backward(number, is_first && number == 0, stepper);
        }
    }

    /// The way back for one image, from the derivatives by its pooled values.
    fn image_backward(
        &mut self,
        number: usize,
        is_first: bool,
        mut stepper: Option<&mut Stepper<T>>,
    ) {
        for at in (0..self.stages.len()).rev() {
            let (before, stages) = self.stages.split_at_mut(at);
            let stage = &mut stages[0];
            let window = &stage.of.window;
            let [whole, pooled] = stage.sizes();
            let sums = &mut self.sums[..whole];
            let chosen = &stage.chosen[number * pooled..][..pooled];
            let derivatives = &self.derivatives[..pooled];
            stage.pool.backward(self.isa, sums, derivatives, chosen);
            let pixels = window.width * window.height;
            let (image, step) = match before.last() {
                Some(before) => {
                    let step = before.pool.channels;
                    (&before.results[number * pixels * step..], step)
                }
                None => {
                    let step = window.channels;
                    (&self.images[number * pixels * step..], step)
                }
            };
            window.write(self.isa, &mut stage.stripes, &image[..pixels * step], step);
            if let Some(back) = &mut stage.back {
                back.window
                    .write(self.isa, &mut back.stripes, sums, stage.pool.channels);
                let out = &mut self.derivatives[..pixels * back.flipped.width()];
                let patches = back.window.patches(&back.stripes);
                product(self.isa, out, patches, &back.flipped);
            }
            let stepper = stepper.as_deref_mut();
            let gradient = Gradient {
                inputs: window.patches(&stage.stripes),
                derivatives: sums,
                sums: &mut stage.sums,
                is_first,
                step: stepper.map(|stepper| stepper.of_layer(at, &mut stage.parameters)),
            };
            gradient.add(self.isa);
        }
    }
}
