//! Multi-layer perceptron: dense layers with a function between them, softmax or a real value at the end.

use std::sync::Arc;

use super::activation::Activation;
use super::initial::{Initial, SCALE};
use super::network::{Network, widths};
use super::{DTYPES, Model};
use crate::ml::data::TargetKind;
use crate::spec::{OptionHelp, Row};

pub(super) const ROW: Row<Arc<dyn Model>> = Row {
    name: "mlp",
    aliases: &[],
    value: "FEATURES-HIDDEN-CLASSES",
    help: "multi-layer perceptron with any number of hidden layers, as in mlp:64-32-10",
    options: &[
        OptionHelp {
            key: "activation",
            value: "relu|tanh|classic",
            help: "function of hidden units; relu. classic: none forward, a step's backward",
        },
        OptionHelp {
            key: "init",
            value: "he|uniform|classic",
            help: "first parameters; he",
        },
        SCALE,
        OptionHelp {
            key: "output",
            value: "classes|value",
            help: "what the last layer gives; classes. value: one real value, as in mlp:64-32-1,output=value",
        },
        OptionHelp {
            key: "dtype",
            value: "f32|f64",
            help: "element type; f32",
        },
    ],
    build: |arguments| {
        let allowed = "FEATURES-HIDDEN-CLASSES, as in mlp:64-32-10, hidden layers as wanted";
        let widths = widths(arguments, 3..=100, allowed)?;
        let activations = [
            ("relu", Activation::Relu),
            ("tanh", Activation::Tanh),
            ("classic", Activation::Classic),
        ];
        let activation = arguments.choice("activation", &activations)?;
        let choices = [
            ("he", Initial::He),
            ("uniform", Initial::Uniform(0.01)),
            ("classic", Initial::Classic),
        ];
        let initial = Initial::read(arguments, &choices)?;
        let dtype = arguments.choice("dtype", &DTYPES)?;
        let outputs = [("classes", TargetKind::Class), ("value", TargetKind::Value)];
        let output = arguments.choice("output", &outputs)?;
        if output == TargetKind::Value && widths.last() != Some(&1) {
            return Err(arguments.invalid("with output=value the last layer has the width 1"));
        }
        let network = Network::new(widths, activation, initial, dtype)
            .map_err(|error| arguments.invalid(error.to_string()))?;
        Ok(Arc::new(match output {
            TargetKind::Class => network,
            TargetKind::Value => network.for_values(),
        }))
    },
};
