//! The values of a model, and of updates to it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::layout::{DType, Layout};
use super::real::Real;

/// The numbers of parameters, in the element type of their layout.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// Values for all tensors of a layout: the parameters of a model, or an update to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    layout: Arc<Layout>,
    values: Values,
}

impl Parameters {
    /// All values 0.
    pub fn zeros(layout: Arc<Layout>) -> Self {
        let values = match layout.dtype() {
            DType::F32 => Values::F32(vec![0.0; layout.elements()]),
            DType::F64 => Values::F64(vec![0.0; layout.elements()]),
        };
        Parameters { layout, values }
    }

    /// These values in this layout.
    ///
    /// # Errors
    /// When their number or type is not the layout's, or one is not finite.
    pub fn new(layout: Arc<Layout>, values: Values) -> Result<Self, ParametersError> {
        let (dtype, count) = match &values {
            Values::F32(values) => (DType::F32, values.len()),
            Values::F64(values) => (DType::F64, values.len()),
        };
        if dtype != layout.dtype() || count != layout.elements() {
            let bytes = count.saturating_mul(dtype.size());
            return Err(ParametersError::length(&layout, bytes));
        }
        let parameters = Parameters { layout, values };
        parameters.check_finite()?;
        Ok(parameters)
    }

    /// The values from little-endian bytes in layout order.
    ///
    /// # Errors
    /// When the length is not the layout's, or a value is not finite.
    pub fn from_bytes(layout: Arc<Layout>, bytes: &[u8]) -> Result<Self, ParametersError> {
        if bytes.len() != layout.byte_length() {
            return Err(ParametersError::length(&layout, bytes.len()));
        }
        let values = match layout.dtype() {
            DType::F32 => Values::F32(decode(bytes, f32::from_le_bytes)),
            DType::F64 => Values::F64(decode(bytes, f64::from_le_bytes)),
        };
        let parameters = Parameters { layout, values };
        parameters.check_finite()?;
        Ok(parameters)
    }

    /// The values from little-endian bytes that come in pieces of whole values.
    ///
    /// # Errors
    /// The outer one is that of a piece that could not be had; the inner one as of [`Parameters::from_bytes`].
    pub fn from_pieces<E>(
        layout: Arc<Layout>,
        pieces: impl Iterator<Item = Result<Bytes, E>>,
    ) -> Result<Result<Self, ParametersError>, E> {
        let mut values = match layout.dtype() {
            DType::F32 => Values::F32(Vec::with_capacity(layout.elements())),
            DType::F64 => Values::F64(Vec::with_capacity(layout.elements())),
        };
        for piece in pieces {
            let piece = piece?;
            match &mut values {
                Values::F32(values) => values.extend(decoded(&piece, f32::from_le_bytes)),
                Values::F64(values) => values.extend(decoded(&piece, f64::from_le_bytes)),
            }
        }
        Ok(Parameters::new(layout, values))
    }

    /// The values as little-endian bytes in layout order.
    pub fn to_bytes(&self) -> Bytes {
        match &self.values {
            Values::F32(values) => encode(values, |value| value.to_le_bytes()),
            Values::F64(values) => encode(values, |value| value.to_le_bytes()),
        }
    }

    /// Some of the values as little-endian bytes.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn encode(&self, range: Range<usize>) -> Bytes {
        match &self.values {
            Values::F32(values) => encode(&values[range], |value| value.to_le_bytes()),
            Values::F64(values) => encode(&values[range], |value| value.to_le_bytes()),
        }
    }

    /// SHA-256 of [`Parameters::to_bytes`].
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// The layout of the values.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values, to be changed. Whoever makes one infinite or NaN keeps it from the wire.
    pub fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    /// Sets all values, each rounded to the element type.
    ///
    /// # Panics
    /// When there are not as many as the layout has.
    pub fn set(&mut self, from: &[f64]) {
        assert_eq!(from.len(), self.layout.elements());
        match &mut self.values {
            Values::F32(values) => values
                .iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = *from as f32),
            Values::F64(values) => values.copy_from_slice(from),
        }
    }

    /// Value by value, these minus `old`.
    ///
    /// # Errors
    /// When the layouts differ.
    pub fn minus(&self, old: &Parameters) -> Result<Parameters, ParametersError> {
        self.check_layout(old)?;
        let values = match (&self.values, &old.values) {
            (Values::F32(new), Values::F32(old)) => Values::F32(difference(new, old)),
            (Values::F64(new), Values::F64(old)) => Values::F64(difference(new, old)),
            _ => return Err(ParametersError::Layout),
        };
        let layout = Arc::clone(&self.layout);
        Ok(Parameters { layout, values })
    }

    /// Adds an update, value by value.
    ///
    /// # Errors
    /// When the layouts differ; nothing is changed then.
    pub fn add(&mut self, update: &Parameters) -> Result<(), ParametersError> {
        self.check_layout(update)?;
        match (&mut self.values, &update.values) {
            (Values::F32(values), Values::F32(steps)) => add(values, steps),
            (Values::F64(values), Values::F64(steps)) => add(values, steps),
            _ => return Err(ParametersError::Layout),
        }
        Ok(())
    }

    /// Whether all values are finite, and if not, where the first one is that is not.
    ///
    /// # Errors
    /// When a value is infinite or NaN.
    pub fn check_finite(&self) -> Result<(), ParametersError> {
        let place = match &self.values {
            Values::F32(values) => first_not_finite(values),
            Values::F64(values) => first_not_finite(values),
        };
        place.map_or(Ok(()), |(element, value)| {
            let (tensor, index) = self.layout.place(element);
            let tensor = tensor.to_owned();
            Err(ParametersError::NotFinite {
                tensor,
                index,
                value,
            })
        })
    }

    fn check_layout(&self, other: &Parameters) -> Result<(), ParametersError> {
        if Arc::ptr_eq(&self.layout, &other.layout) || self.layout == other.layout {
            Ok(())
        } else {
            Err(ParametersError::Layout)
        }
    }
}

fn difference<T: Real>(new: &[T], old: &[T]) -> Vec<T> {
    new.iter().zip(old).map(|(new, old)| *new - *old).collect()
}

fn add<T: Real>(values: &mut [T], steps: &[T]) {
    for (value, step) in values.iter_mut().zip(steps) {
        *value += *step;
    }
}

/// Reads values of `N` bytes each.
#[inline(always)]
fn decode<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    decoded(bytes, read).collect()
}

fn decoded<T, const N: usize>(
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
) -> impl Iterator<Item = T> {
    let (values, _) = bytes.as_chunks::<N>();
    values.iter().map(move |value| read(*value))
}

/// Writes values of `N` bytes each.
#[inline(always)]
fn encode<T: Copy, const N: usize>(values: &[T], write: impl Fn(T) -> [u8; N]) -> Bytes {
    let mut bytes = vec![0; values.len() * N];
    let (places, _) = bytes.as_chunks_mut::<N>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = write(*value);
    }
    bytes.into()
}

/// Place and value of the first value that is infinite or NaN. Looks at blocks without branches
/// first, because usually there is none.
fn first_not_finite<T: Real>(values: &[T]) -> Option<(usize, f64)> {
    const BLOCK: usize = 1_024;
    for (number, block) in values.chunks(BLOCK).enumerate() {
        // x * 0 is 0 for every finite x and NaN for all others.
        let bad = block
            .iter()
            .fold(false, |bad, value| bad | (*value * T::ZERO != T::ZERO));
        if bad {
            let found = block.iter().position(|value| *value * T::ZERO != T::ZERO);
            return found.map(|place| (number * BLOCK + place, block[place].to_f64()));
        }
    }
    None
}

/// Why values are no parameters of a layout.
#[derive(Clone, Debug, PartialEq)]
pub enum ParametersError {
    /// The number of bytes is not that of the layout.
    Length {
        /// Bytes of the layout.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A value is infinite or NaN.
    NotFinite {
        /// The tensor it is in.
        tensor: String,
        /// Its place in the tensor, row-major.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// Two sets of parameters have different layouts.
    Layout,
}

impl ParametersError {
    fn length(layout: &Layout, found: usize) -> Self {
        ParametersError::Length {
            expected: layout.byte_length(),
            found,
        }
    }
}

impl fmt::Display for ParametersError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParametersError::Length { expected, found } => {
                write!(
                    formatter,
                    "the layout takes {expected} bytes, but {found} were given"
                )
            }
            ParametersError::NotFinite {
                tensor,
                index,
                value,
            } => {
                write!(formatter, "value {index} of tensor `{tensor}` is {value}")
            }
            ParametersError::Layout => write!(formatter, "the parameters have different layouts"),
        }
    }
}

impl std::error::Error for ParametersError {}

#[cfg(test)]
mod tests {
    use super::super::layout::Tensor;
    use super::*;

    fn layout(dtype: DType) -> Arc<Layout> {
        let tensors = vec![Tensor::new("a", [2]), Tensor::new("b", [1])];
        Arc::new(Layout::new(dtype, tensors).unwrap())
    }

    fn single(values: [f32; 3]) -> Parameters {
        Parameters::new(layout(DType::F32), Values::F32(values.to_vec())).unwrap()
    }

    #[test]
    fn bytes_are_little_endian_in_layout_order() {
        let parameters = single([1.0, -2.0, 0.5]);
        let bytes = parameters.to_bytes();
        assert_eq!(&bytes[..], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f]);
        assert_eq!(
            Parameters::from_bytes(layout(DType::F32), &bytes),
            Ok(parameters)
        );
        let double = Parameters::new(layout(DType::F64), Values::F64(vec![1.0, 2.0, 3.0])).unwrap();
        let bytes = double.to_bytes();
        assert_eq!(&bytes[16..], 3f64.to_le_bytes());
        assert_eq!(
            Parameters::from_bytes(layout(DType::F64), &bytes),
            Ok(double)
        );
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let zeros = Parameters::zeros(layout(DType::F32));
        // sha256 of twelve zero bytes.
        let hex: String = zeros
            .digest()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "15ec7bf0b50732b49f8228e07d24365338f9e3ab994b00af08e5a3bffe55fd8b"
        );
    }

    #[test]
    fn wrong_lengths_and_values_are_refused() {
        let short = Parameters::from_bytes(layout(DType::F32), &[0; 11]).unwrap_err();
        assert_eq!(
            short.to_string(),
            "the layout takes 12 bytes, but 11 were given"
        );
        for (value, text) in [
            (f32::NAN, "NaN"),
            (f32::INFINITY, "inf"),
            (-f32::INFINITY, "-inf"),
        ] {
            let values = Values::F32(vec![0.0, 1.0, value]);
            let error = Parameters::new(layout(DType::F32), values).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("value 0 of tensor `b` is {text}")
            );
        }
        assert!(Parameters::new(layout(DType::F32), Values::F64(vec![0.0; 3])).is_err());
        assert!(
            single([f32::MAX, f32::MIN, f32::from_bits(1)])
                .check_finite()
                .is_ok()
        );
    }

    #[test]
    fn differences_and_sums() {
        let mut old = single([1.0, 2.0, 3.0]);
        let new = single([1.5, 1.0, 3.0]);
        let update = new.minus(&old).unwrap();
        assert_eq!(update, single([0.5, -1.0, 0.0]));
        old.add(&update).unwrap();
        assert_eq!(old, new);
        let other = Parameters::zeros(layout(DType::F64));
        assert_eq!(old.add(&other), Err(ParametersError::Layout));
    }
}
