//! Values of parameters and updates, a piece of their bytes at a time.

use std::io;

use bytes::Bytes;

use crate::app::held::Held;
use crate::ml::layout::DType;
use crate::wire::buffers;

/// Gives every value of little-endian bytes to `take`, with the item beside it.
pub fn each<T>(dtype: DType, bytes: &[u8], items: &mut [T], mut take: impl FnMut(&mut T, f64)) {
    match dtype {
        DType::F32 => {
            let values = bytes.as_chunks::<4>().0.iter().copied();
            let pairs = items.iter_mut().zip(values.map(f32::from_le_bytes));
            pairs.for_each(|(item, value)| take(item, f64::from(value)));
        }
        DType::F64 => {
            let values = bytes.as_chunks::<8>().0.iter().copied();
            let pairs = items.iter_mut().zip(values.map(f64::from_le_bytes));
            pairs.for_each(|(item, value)| take(item, value));
        }
    }
}

/// The values of a piece.
pub fn widened(dtype: DType, held: &Held, number: usize) -> io::Result<Vec<f64>> {
    let bytes = held.piece(number)?;
    let mut values = vec![0.0; bytes.len() / dtype.size()];
    each(dtype, &bytes, &mut values, |to, value| *to = value);
    Ok(values)
}

/// Bytes of values, rounded to single precision, in which robust rules and attacks work.
pub fn single(dtype: DType, bytes: Bytes) -> Bytes {
    match dtype {
        DType::F32 => bytes,
        DType::F64 => {
            let values = bytes.as_chunks::<8>().0.iter().copied();
            let values = values.map(|value| (f64::from_le_bytes(value) as f32).to_le_bytes());
            Bytes::from_iter(values.flatten())
        }
    }
}

/// The values themselves, rounded in the same way.
pub fn in_single(dtype: DType, bytes: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; bytes.len() / dtype.size()];
    each(dtype, bytes, &mut values, |to, value| *to = value as f32);
    values
}

/// Values of single precision in bytes of this type.
pub fn from_single(dtype: DType, values: &[f32]) -> Bytes {
    match dtype {
        DType::F32 => Bytes::from_iter(values.iter().flat_map(|value| value.to_le_bytes())),
        DType::F64 => {
            let values = values.iter().map(|value| f64::from(*value).to_le_bytes());
            Bytes::from_iter(values.flatten())
        }
    }
}

/// Values as bytes, if all are finite.
pub fn narrow(dtype: DType, values: &[f64]) -> Option<Bytes> {
    let mut bytes = buffers::take(values.len() * dtype.size());
    let finite = match dtype {
        DType::F32 => written(&mut bytes, values, |value| {
            let value = value as f32;
            (value.to_le_bytes(), value.is_finite())
        }),
        DType::F64 => written(&mut bytes, values, |value| {
            (value.to_le_bytes(), value.is_finite())
        }),
    };
    finite.then(|| buffers::share(bytes))
}

fn written<const N: usize>(
    bytes: &mut [u8],
    values: &[f64],
    make: impl Fn(f64) -> ([u8; N], bool),
) -> bool {
    let mut all = true;
    for (to, value) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        let (made, finite) = make(*value);
        *to = made;
        all &= finite;
    }
    all
}

/// The old parameters and what is added to them, if all are finite.
pub fn moved(dtype: DType, old: &[u8], step: &[f64]) -> Option<Bytes> {
    let mut new = buffers::take(old.len());
    let finite = match dtype {
        DType::F32 => combine(&mut new, old, step, |old, step| {
            let value = (f64::from(f32::from_le_bytes(old)) + step) as f32;
            (value.to_le_bytes(), value.is_finite())
        }),
        DType::F64 => combine(&mut new, old, step, |old, step| {
            let value = f64::from_le_bytes(old) + step;
            (value.to_le_bytes(), value.is_finite())
        }),
    };
    finite.then(|| buffers::share(new))
}

/// Makes new values of old ones and what is added; whether all are finite.
fn combine<const N: usize>(
    new: &mut [u8],
    old: &[u8],
    steps: &[f64],
    make: impl Fn([u8; N], f64) -> ([u8; N], bool),
) -> bool {
    let (new, _) = new.as_chunks_mut::<N>();
    let (old, _) = old.as_chunks::<N>();
    let mut all = true;
    for ((new, old), step) in new.iter_mut().zip(old).zip(steps) {
        let (value, finite) = make(*old, *step);
        *new = value;
        all &= finite;
    }
    all
}
