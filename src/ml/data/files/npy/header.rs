//! The header of an NPY file: how its values are written, and its shape.

use crate::ml::data::DataError;
use crate::ml::data::files::input::{Input, product};

/// How the values are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    F32,
    F64,
    U8,
    /// A truth value in a byte, 0 or 1.
    Bool,
    I32,
    I64,
}

impl Kind {
    const ALL: [(&'static str, Kind); 6] = [
        ("<f4", Kind::F32),
        ("<f8", Kind::F64),
        ("|u1", Kind::U8),
        ("|b1", Kind::Bool),
        ("<i4", Kind::I32),
        ("<i8", Kind::I64),
    ];

    /// Bytes of a value.
    pub(super) fn size(self) -> usize {
        match self {
            Kind::U8 | Kind::Bool => 1,
            Kind::F32 | Kind::I32 => 4,
            Kind::F64 | Kind::I64 => 8,
        }
    }

    /// Gives every value of `bytes` to `take`.
    pub(super) fn each(self, bytes: &[u8], take: impl FnMut(f64)) {
        let (four, eight) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<8>().0);
        match self {
            Kind::U8 | Kind::Bool => bytes.iter().map(|byte| f64::from(*byte)).for_each(take),
            Kind::F32 => four
                .iter()
                .map(|b| f64::from(f32::from_le_bytes(*b)))
                .for_each(take),
            Kind::I32 => four
                .iter()
                .map(|b| f64::from(i32::from_le_bytes(*b)))
                .for_each(take),
            Kind::F64 => eight.iter().map(|b| f64::from_le_bytes(*b)).for_each(take),
            Kind::I64 => eight
                .iter()
                .map(|b| i64::from_le_bytes(*b) as f64)
                .for_each(take),
        }
    }
}

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) shape: Vec<usize>,
}

/// Reads the header of the file at `path`.
pub(super) fn header(path: &str, input: &mut Input) -> Result<Header, DataError> {
    let failed = |reason: &str| DataError::file(path, reason);
    let start: [u8; 8] = input.header()?;
    if start[..6] != *b"\x93NUMPY" {
        return Err(failed("it does not start as an NPY file does"));
    }
    let length = match start[6] {
        1 => u32::from(u16::from_le_bytes(input.header()?)),
        2 | 3 => u32::from_le_bytes(input.header()?),
        _ => return Err(failed("its version is not 1, 2 or 3")),
    };
    let length =
        u16::try_from(length).map_err(|_| failed("its header is longer than 65535 bytes"))?;
    let text = input.header_of(length)?;
    parse(&String::from_utf8_lossy(&text)).map_err(|reason| failed(&reason))
}

/// Reads the dictionary of a header.
fn parse(text: &str) -> Result<Header, String> {
    let value = |key: &str| {
        let after = text
            .split_once(&format!("'{key}':"))
            .map(|(_, after)| after.trim_start());
        after.ok_or_else(|| format!("its header does not say `{key}`"))
    };
    let descr = value("descr")?;
    let named = |(name, _): &&(&str, Kind)| {
        descr.strip_prefix('\'').is_some_and(|rest| {
            rest.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('\''))
        })
    };
    let kind = Kind::ALL
        .iter()
        .find(named)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| {
            let names = Kind::ALL.map(|(name, _)| name).join(", ");
            let found: String = descr.chars().take_while(|c| *c != ',').take(40).collect();
            format!("its values are of kind {found}; read are {names}; convert it with `astype`")
        })?;
    if !value("fortran_order")?.starts_with("False") {
        return Err("it is column by column; convert it with `numpy.ascontiguousarray`".to_owned());
    }
    let shape = value("shape")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    let sizes = shape
        .map_or("", |(sizes, _)| sizes)
        .split(',')
        .map(str::trim);
    let shape: Result<Vec<usize>, _> = sizes
        .filter(|size| !size.is_empty())
        .map(str::parse)
        .collect();
    let shape = shape.ok().filter(|shape| !shape.is_empty());
    let shape = shape.ok_or("its header gives no shape with rows")?;
    if product(&shape).is_none() {
        return Err(format!(
            "its shape {shape:?} holds no rows, or more than can be"
        ));
    }
    Ok(Header { kind, shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_arrays_are_refused() {
        let text = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
        assert!(parse(text).unwrap_err().contains("ascontiguousarray"));
    }
}
