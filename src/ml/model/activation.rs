//! What a hidden unit makes of its weighted sum.

use crate::math::exp;
use crate::ml::real::Real;

/// Function of a hidden unit. Its derivative is written in terms of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// max(a, 0), whose derivative at 0 is taken as 0 (Nair and Hinton, "Rectified Linear Units
    /// Improve Restricted Boltzmann Machines", 2010).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// a itself, with the derivative of a step at 0: 1 for a >= 0, else 0. That is not the derivative
    /// of anything; a library of the classic letters job works so, and this repeats its results.
    Classic,
}

impl Activation {
    /// Replaces weighted sums by their results.
    pub fn apply<T: Real>(self, values: &mut [T]) {
        match self {
            Activation::Relu => {
                for value in values {
                    *value = if *value > T::ZERO { *value } else { T::ZERO };
                }
            }
            Activation::Tanh => {
                for value in values {
                    *value = T::from_f64(tanh(value.to_f64()));
                }
            }
            Activation::Classic => {}
        }
    }

    /// Multiplies the loss's derivatives by the results with those of the results by the sums.
    pub fn backward<T: Real>(self, derivatives: &mut [T], results: &[T]) {
        let pairs = derivatives.iter_mut().zip(results);
        match self {
            Activation::Relu => {
                for (derivative, result) in pairs {
                    *derivative = if *result > T::ZERO {
                        *derivative
                    } else {
                        T::ZERO
                    };
                }
            }
            Activation::Tanh => {
                for (derivative, result) in pairs {
                    *derivative = *derivative * (T::ONE - *result * *result);
                }
            }
            Activation::Classic => {
                for (derivative, result) in pairs {
                    *derivative = if *result >= T::ZERO {
                        *derivative
                    } else {
                        T::ZERO
                    };
                }
            }
        }
    }
}

/// tanh x = 1 - 2 / (e^(2x) + 1), with an absolute error of a few 2^-53.
fn tanh(x: f64) -> f64 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(activation: Activation, sums: [f64; 3]) -> ([f64; 3], [f64; 3]) {
        let mut results = sums;
        activation.apply(&mut results);
        let mut derivatives = [10.0; 3];
        activation.backward(&mut derivatives, &results);
        (results, derivatives)
    }

    #[test]
    fn values_and_derivatives() {
        let sums = [-2.0, 0.0, 3.0];
        assert_eq!(
            both(Activation::Relu, sums),
            ([0.0, 0.0, 3.0], [0.0, 0.0, 10.0])
        );
        assert_eq!(both(Activation::Classic, sums), (sums, [0.0, 10.0, 10.0]));
        let (results, derivatives) = both(Activation::Tanh, [0.0, 1.0, 400.0]);
        assert_eq!((results[0], derivatives[0]), (0.0, 10.0));
        assert_eq!((results[2], derivatives[2]), (1.0, 0.0));
        assert!((results[1] - 0.761_594_155_955_764_9).abs() < 1e-15);
        assert!((derivatives[1] - 4.199_743_416_140_261).abs() < 1e-14);
        for x in [-5.0f64, -0.3, 1e-9, 2.5] {
            assert!((tanh(x) - x.tanh()).abs() < 1e-15);
        }
    }
}
