//! How the first parameters are drawn.

use super::mt19937::Mt19937;
use crate::seed::Stream;
use crate::spec::{Arguments, OptionHelp, SpecError};

/// How the first parameters are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Initial {
    /// Weights normal with variance 2 / inputs, biases 0 (He, Zhang, Ren and Sun, "Delving Deep into
    /// Rectifiers", 2015, section 2.2).
    He,
    /// All uniform between minus and plus this.
    Uniform(f64),
    /// All uniform between minus and plus 0.01 as by `numpy.random.seed(1)`, whatever the run's seed:
    /// the last layer first, in each layer the biases before the weights, as in the classic job.
    Classic,
    /// All 0. Only for a model without hidden layers: hidden units would stay equal forever.
    Zeros,
}

/// Help for the options read by [`Initial::read`].
pub(super) const SCALE: OptionHelp = OptionHelp {
    key: "scale",
    value: "NUMBER",
    help: "with init=uniform: drawn between minus and plus this; 0.01",
};

impl Initial {
    /// Reads `init` and `scale`; the first of `choices` is the default.
    pub fn read(arguments: &mut Arguments, choices: &[(&str, Initial)]) -> Result<Self, SpecError> {
        match arguments.choice("init", choices)? {
            Initial::Uniform(default) => {
                let allowed = "a number above 0 and at most 1000";
                let scale = arguments.number("scale", default, f64::MIN_POSITIVE..=1e3, allowed)?;
                Ok(Initial::Uniform(scale))
            }
            other => Ok(other),
        }
    }

    /// Weights and biases of layers of so many inputs and outputs, one after the other: layer after layer, first the
    /// weights (inputs x outputs), then the biases.
    pub fn draw(self, layers: &[[usize; 2]], mut stream: Stream, mut put: impl FnMut(f64)) {
        match self {
            Initial::He => {
                for &[inputs, outputs] in layers {
                    let deviation = (2.0 / inputs as f64).sqrt();
                    (0..inputs * outputs).for_each(|_| put(deviation * stream.normal()));
                    (0..outputs).for_each(|_| put(0.0));
                }
            }
            Initial::Uniform(scale) => {
                (0..count(layers)).for_each(|_| put(stream.uniform_in(-scale, scale)));
            }
            Initial::Classic => classic(layers).into_iter().for_each(put),
            Initial::Zeros => (0..count(layers)).for_each(|_| put(0.0)),
        }
    }
}

/// Weights and biases in all.
fn count(layers: &[[usize; 2]]) -> usize {
    let sizes = layers
        .iter()
        .map(|[inputs, outputs]| (inputs + 1) * outputs);
    sizes.sum()
}

fn classic(layers: &[[usize; 2]]) -> Vec<f64> {
    let mut generator = Mt19937::new(1);
    let mut drawn: Vec<Vec<f64>> = Vec::new();
    for &[inputs, outputs] in layers.iter().rev() {
        let mut draw = |count| {
            (0..count)
                .map(|_| generator.uniform(-0.01, 0.01))
                .collect::<Vec<_>>()
        };
        let biases = draw(outputs);
        let mut values = draw(inputs * outputs);
        values.extend(biases);
        drawn.push(values);
    }
    drawn.into_iter().rev().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    fn draw(initial: Initial, layers: &[[usize; 2]]) -> Vec<f64> {
        let mut values = Vec::new();
        initial.draw(layers, stream(), |value| values.push(value));
        values
    }

    fn stream() -> Stream {
        Seed(1).stream(Purpose::InitialParameters, 0, 0)
    }

    #[test]
    fn he_has_the_variance_of_its_formula() {
        let values = draw(Initial::He, &[[200, 100], [100, 5]]);
        assert_eq!(values.len(), 201 * 100 + 101 * 5);
        let weights = &values[..20_000];
        let variance = weights.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!((variance - 0.01).abs() < 0.000_3, "{variance}");
        assert!(values[20_000..20_100].iter().all(|bias| *bias == 0.0));
    }

    #[test]
    fn uniform_stays_within_its_scale() {
        let values = draw(Initial::Uniform(0.5), &[[50, 20]]);
        assert_eq!(values.len(), 51 * 20);
        assert!(values.iter().all(|value| (-0.5..0.5).contains(value)));
        assert!(
            values.iter().any(|value| *value > 0.45) && values.iter().any(|value| *value < -0.45)
        );
    }

    #[test]
    fn classic_draws_the_last_layer_and_the_biases_first() {
        // seed(1); V = uniform(-0.01, 0.01, (3, 2)); W = uniform(-0.01, 0.01, (2, 2))
        let values = draw(Initial::Classic, &[[1, 2], [2, 2]]);
        let mut generator = Mt19937::new(1);
        let drawn: Vec<f64> = (0..10).map(|_| generator.uniform(-0.01, 0.01)).collect();
        let order = [8, 9, 6, 7, 2, 3, 4, 5, 0, 1];
        assert_eq!(values, order.map(|place: usize| drawn[place]));
    }
}
