//! What a hidden unit makes of its weighted sum.

use pulp::Simd;

use crate::math::exp_each;
use crate::ml::kernel::{Isa, Work};
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
    pub fn apply<T: Real>(self, isa: Isa, values: &mut [T]) {
        if self != Activation::Classic {
            isa.run(Apply(self, values));
        }
    }

    /// Multiplies the loss's derivatives by the results with those of the results by the sums.
    pub fn backward<T: Real>(self, isa: Isa, derivatives: &mut [T], results: &[T]) {
        isa.run(Backward(self, derivatives, results));
    }
}

struct Apply<'a, T>(Activation, &'a mut [T]);

impl<T: Real> Work for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Apply(activation, values) = self;
        match activation {
            Activation::Relu => {
                for value in values {
                    *value = if *value > T::ZERO { *value } else { T::ZERO };
                }
            }
            Activation::Tanh => {
                let (chunks, rest) = values.as_chunks_mut::<8>();
                for chunk in chunks {
                    *chunk = tanh_each(*chunk);
                }
                for value in rest {
                    *value = tanh_each([*value])[0];
                }
            }
            Activation::Classic => {}
        }
    }
}

struct Backward<'a, T>(Activation, &'a mut [T], &'a [T]);

impl<T: Real> Work for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Backward(activation, derivatives, results) = self;
        let pairs = derivatives.iter_mut().zip(results);
        match activation {
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
#[inline(always)]
fn tanh_each<T: Real, const COUNT: usize>(x: [T; COUNT]) -> [T; COUNT] {
    let mut doubled = [0.0; COUNT];
    for (doubled, x) in doubled.iter_mut().zip(&x) {
        *doubled = 2.0 * x.to_f64();
    }
    let mut results = x;
    for (result, power) in results.iter_mut().zip(exp_each(doubled)) {
        *result = T::from_f64(1.0 - 2.0 / (power + 1.0));
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(activation: Activation, sums: [f64; 3]) -> ([f64; 3], [f64; 3]) {
        let mut results = sums;
        activation.apply(Isa::best(), &mut results);
        let mut derivatives = [10.0; 3];
        activation.backward(Isa::best(), &mut derivatives, &results);
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
            assert!((tanh_each([x])[0] - x.tanh()).abs() < 1e-15);
        }
    }
}
