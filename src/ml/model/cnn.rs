//! Convolutional network: convolutions with rectifiers and 2 x 2 max pooling, then dense layers, softmax at the end.

use std::sync::Arc;

use super::activation::Activation;
use super::convolution::Convolution;
use super::initial::{Initial, SCALE};
use super::network::{MAX_WIDTH, Network, whole_numbers};
use super::pass::Layer;
use super::{DTYPES, Model};
use crate::ml::kernel::Window;
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

/// Widest window.
const MAX_KERNEL: usize = 15;
/// Most convolutions; each halves the image.
const MAX_CONVOLUTIONS: usize = 10;

pub(super) const ROW: Row<Arc<dyn Model>> = Row {
    name: "cnn",
    aliases: &[],
    value: "HEIGHTxWIDTHxCHANNELS-CLASSES",
    help: "convolutions, each with 2x2 max pooling, then dense layers, as in cnn:28x28-10; relu; rows are channel after \
           channel, each line by line",
    options: &[
        OptionHelp {
            key: "filters",
            value: "N-N",
            help: "filters of each convolution; 32-64",
        },
        OptionHelp {
            key: "kernel",
            value: "N",
            help: "height and width of the filters; 5",
        },
        OptionHelp {
            key: "padding",
            value: "same|valid",
            help: "zeros around images that keep their size, or none; same",
        },
        OptionHelp {
            key: "hidden",
            value: "N-N|none",
            help: "widths of hidden dense layers; 512",
        },
        OptionHelp {
            key: "init",
            value: "he|uniform",
            help: "first parameters; he",
        },
        SCALE,
        OptionHelp {
            key: "dtype",
            value: "f32|f64",
            help: "element type; f32",
        },
    ],
    build,
};

fn build(arguments: &mut Arguments) -> Result<Arc<dyn Model>, SpecError> {
    let (image, classes) = image(arguments)?;
    let convolutions = convolutions(arguments, image)?;
    let mut widths = vec![convolutions.last().map_or(0, flat)];
    let hidden = arguments.text("hidden").unwrap_or("512").to_owned();
    if hidden != "none" {
        let allowed = "widths, as in 120-84, or none";
        let widths_of = whole_numbers(&hidden, '-', 1..=99, MAX_WIDTH);
        widths.extend(widths_of.ok_or_else(|| arguments.bad_option("hidden", &hidden, allowed))?);
    }
    widths.push(classes);
    let choices = [("he", Initial::He), ("uniform", Initial::Uniform(0.01))];
    let initial = Initial::read(arguments, &choices)?;
    let dtype = arguments.choice("dtype", &DTYPES)?;
    let network = Network::behind(convolutions, widths, Activation::Relu, initial, dtype);
    Ok(Arc::new(
        network.map_err(|error| arguments.invalid(error.to_string()))?,
    ))
}

/// Height, width and channels of an image, and the number of classes.
fn image(arguments: &mut Arguments) -> Result<([usize; 3], usize), SpecError> {
    let allowed =
        "HEIGHTxWIDTHxCHANNELS-CLASSES, as in cnn:32x32x3-10; one channel may be left out";
    let text = arguments.required_value(allowed)?;
    let read = || {
        let (image, classes) = text.split_once('-')?;
        let mut sizes = whole_numbers(image, 'x', 2..=3, MAX_WIDTH)?;
        sizes.resize(3, 1);
        let classes = whole_numbers(classes, '-', 1..=1, MAX_WIDTH)?;
        Some(([sizes[0], sizes[1], sizes[2]], classes[0]))
    };
    read().ok_or_else(|| arguments.bad_value(allowed))
}

/// The convolutions; where their parameters lie is not known yet.
fn convolutions(
    arguments: &mut Arguments,
    [mut height, mut width, mut channels]: [usize; 3],
) -> Result<Vec<Convolution>, SpecError> {
    let filters = arguments.text("filters").unwrap_or("32-64").to_owned();
    let allowed = "1 to 10 numbers of filters, as in 32-64";
    let filters = whole_numbers(&filters, '-', 1..=MAX_CONVOLUTIONS, MAX_WIDTH)
        .ok_or_else(|| arguments.bad_option("filters", &filters, allowed))?;
    let side = arguments.number("kernel", 5, 1..=MAX_KERNEL, "a number of 1 to 15")?;
    let is_same = arguments.choice("padding", &[("same", true), ("valid", false)])?;
    if is_same && side % 2 == 0 {
        return Err(arguments.invalid("with padding=same the kernel is odd"));
    }
    let mut convolutions = Vec::new();
    for filters in filters {
        let window = Window {
            width,
            height,
            channels,
            side,
            padding: if is_same { side / 2 } else { 0 },
        };
        let convolution = Convolution {
            window,
            layer: Layer {
                inputs: window.patch(),
                outputs: filters,
                weights: 0..0,
                biases: 0..0,
            },
        };
        check(arguments, &convolution, convolutions.len() + 1)?;
        [height, width] = convolution.pooled();
        channels = filters;
        convolutions.push(convolution);
    }
    Ok(convolutions)
}

/// Refuses images of no pixels, and such as would take too much memory.
fn check(arguments: &Arguments, convolution: &Convolution, number: usize) -> Result<(), SpecError> {
    let Window {
        width,
        height,
        channels,
        ..
    } = convolution.window;
    let image = [height, width, channels];
    let places = convolution.window.places().unwrap_or((0, 0));
    let result = [places.0, places.1, convolution.layer.outputs];
    if convolution.pooled().contains(&0) {
        return Err(arguments.invalid(format!(
            "nothing is left of images of {height}x{width} after convolution {number}; take fewer filters, a smaller \
             kernel or padding=same"
        )));
    }
    for sizes in [image, result] {
        let values = sizes
            .iter()
            .try_fold(1usize, |all, size| all.checked_mul(*size));
        if values.is_none_or(|values| values > MAX_WIDTH) {
            return Err(arguments.invalid(format!(
                "convolution {number} has images of {sizes:?} values; {MAX_WIDTH} are allowed"
            )));
        }
    }
    Ok(())
}

/// Values of a row behind a convolution.
fn flat(convolution: &Convolution) -> usize {
    let [height, width] = convolution.pooled();
    height * width * convolution.layer.outputs
}

#[cfg(test)]
mod tests;
