//! The element types of models, so that every kernel is written once.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::kernel::Element;
use super::layout::{DType, Layout};
use super::parameters::{Parameters, Values};
use std::sync::Arc;

/// `f32` or `f64`. Only operations that IEEE 754 rounds correctly are offered; everything else is
/// computed in `f64` by [`crate::math`] and rounded.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Element
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Which of the two it is.
    const DTYPE: DType;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// The same value, exactly.
    fn from_f32(value: f32) -> Self;
    /// The same value, exactly.
    fn to_f64(self) -> f64;

    /// The values of parameters of this element type.
    fn of(parameters: &Parameters) -> Option<&[Self]>;
    /// These values as those of parameters. They are taken as they are, finite or not.
    fn into_values(values: Vec<Self>) -> Values;
}

/// Parameters of `layout` from values that are known to fit it.
///
/// # Errors
/// When they do not fit, or one is not finite.
pub fn parameters<T: Real>(
    layout: &Arc<Layout>,
    values: Vec<T>,
) -> Result<Parameters, super::parameters::ParametersError> {
    Parameters::new(Arc::clone(layout), T::into_values(values))
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const DTYPE: DType = DType::F32;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn from_f32(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn of(parameters: &Parameters) -> Option<&[f32]> {
        match parameters.values() {
            Values::F32(values) => Some(values),
            Values::F64(_) => None,
        }
    }

    fn into_values(values: Vec<f32>) -> Values {
        Values::F32(values)
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const DTYPE: DType = DType::F64;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn from_f32(value: f32) -> f64 {
        f64::from(value)
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    fn of(parameters: &Parameters) -> Option<&[f64]> {
        match parameters.values() {
            Values::F64(values) => Some(values),
            Values::F32(_) => None,
        }
    }

    fn into_values(values: Vec<f64>) -> Values {
        Values::F64(values)
    }
}
