//! Linear regression: one layer from features to a real value.

use std::sync::Arc;

use super::activation::Activation;
use super::initial::{Initial, SCALE};
use super::network::{Network, widths};
use super::{DTYPES, Model};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Model>> = Row {
    name: "linear",
    aliases: &[],
    value: "FEATURES",
    help: "linear regression; its loss has one minimum, least squares. With --weight-decay: ridge regression",
    options: &[
        OptionHelp {
            key: "init",
            value: "zeros|uniform",
            help: "first parameters; zeros",
        },
        SCALE,
        OptionHelp {
            key: "dtype",
            value: "f32|f64",
            help: "element type; f32",
        },
    ],
    build: |arguments| {
        let mut widths = widths(arguments, 1..=1, "FEATURES, as in linear:13")?;
        widths.push(1);
        let choices = [
            ("zeros", Initial::Zeros),
            ("uniform", Initial::Uniform(0.01)),
        ];
        let initial = Initial::read(arguments, &choices)?;
        let dtype = arguments.choice("dtype", &DTYPES)?;
        let network = Network::new(widths, Activation::Relu, initial, dtype)
            .map_err(|error| arguments.invalid(error.to_string()))?;
        Ok(Arc::new(network.for_values()))
    },
};

#[cfg(test)]
mod tests;
