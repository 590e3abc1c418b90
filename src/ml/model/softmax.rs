//! Softmax (multinomial logistic) regression: one layer from features to classes.

use std::sync::Arc;

use super::activation::Activation;
use super::initial::{Initial, SCALE};
use super::network::{Network, widths};
use super::{DTYPES, Model};
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Model>> = Row {
    name: "softmax",
    aliases: &[],
    value: "FEATURES-CLASSES",
    help: "softmax regression; its loss has one minimum. With --weight-decay: logistic regression with l2",
    options: &[
        OptionHelp {
            key: "init",
            value: "zeros|uniform|classic",
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
        let widths = widths(arguments, 2..=2, "FEATURES-CLASSES, as in softmax:64-10")?;
        let choices = [
            ("zeros", Initial::Zeros),
            ("uniform", Initial::Uniform(0.01)),
            ("classic", Initial::Classic),
        ];
        let initial = Initial::read(arguments, &choices)?;
        let dtype = arguments.choice("dtype", &DTYPES)?;
        let network = Network::new(widths, Activation::Relu, initial, dtype);
        Ok(Arc::new(
            network.map_err(|error| arguments.invalid(error.to_string()))?,
        ))
    },
};
