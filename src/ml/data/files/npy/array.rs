//! An array as numpy writes it: rows of features, or the target of each row.

use super::channels::to_first;
use super::header::{Header, Kind, header};
use crate::ml::data::files::format::Format;
use crate::ml::data::files::idx::BYTE_SCALE;
use crate::ml::data::files::input::Input;
use crate::ml::data::files::labels::Labels;
use crate::ml::data::{DataError, MAX_FEATURES, MAX_ROWS, TargetKind};

/// An array of which the header is read.
pub(in crate::ml::data::files) struct Array<'a> {
    path: &'a str,
    input: Input<'a>,
    header: Header,
}

impl<'a> Array<'a> {
    /// Reads the header. `path` is for errors.
    pub fn open(path: &'a str, mut input: Input<'a>) -> Result<Self, DataError> {
        let header = header(path, &mut input)?;
        Ok(Array {
            path,
            input,
            header,
        })
    }

    /// The first dimension.
    pub fn rows(&self) -> usize {
        self.header.shape[0]
    }

    /// Values of a row.
    pub fn columns(&self) -> usize {
        self.header.shape[1..].iter().product()
    }

    /// Whether rows are of more than one dimension.
    pub fn has_images(&self) -> bool {
        self.header.shape.len() > 2
    }

    /// Features row after row, divided by the scale (bytes by 255 unless it is said); and the values of the column, counted
    /// from 1, that is no feature.
    pub fn features(
        self,
        column: Option<usize>,
        format: &Format,
    ) -> Result<(Vec<f32>, Vec<f64>), DataError> {
        let Header { kind, shape } = &self.header;
        let (rows, columns) = (self.rows(), self.columns());
        let width = columns - usize::from(column.is_some());
        if shape.len() < 2 || rows > MAX_ROWS || width == 0 || width > MAX_FEATURES {
            let reason = format!("its shape {shape:?} is not one of rows of features");
            return Err(DataError::file(self.path, reason));
        }
        let usual = if *kind == Kind::U8 { BYTE_SCALE } else { 1.0 };
        let scale = format.scale.unwrap_or(usual);
        let wrong = |reason| DataError::file(self.path, reason);
        let channels = format.channels.last(shape).map_err(wrong)?;
        let length = self.length()?;
        let mut features = Vec::with_capacity(rows * width);
        let mut targets = Vec::new();
        let (mut at, target) = (0, column.unwrap_or(0));
        self.input.body(length, |bytes| {
            kind.each(bytes, |value| {
                at += 1;
                if at == target {
                    targets.push(value);
                } else {
                    features.push(value as f32 / scale);
                }
                if at == columns {
                    at = 0;
                }
            });
        })?;
        // With a column taken out, rows are no images.
        if let (Some(channels), None) = (channels, column) {
            to_first(&mut features, columns, channels);
        }
        Ok((features, targets))
    }

    /// The targets of so many rows.
    pub fn targets(self, rows: usize, kind: TargetKind) -> Result<Labels, DataError> {
        let shape = &self.header.shape;
        if self.rows() != rows || self.columns() != 1 {
            let reason = format!("its shape is {shape:?}, but there are {rows} rows of features");
            return Err(DataError::file(self.path, reason));
        }
        let length = self.length()?;
        let mut targets = Vec::with_capacity(rows);
        self.input.body(length, |bytes| {
            self.header.kind.each(bytes, |value| targets.push(value));
        })?;
        let wrong = |reason| DataError::file(self.path, reason);
        Labels::from_numbers(&targets, kind).map_err(wrong)
    }

    /// Bytes of all values, which can be there.
    fn length(&self) -> Result<u64, DataError> {
        let size = self.columns().saturating_mul(self.header.kind.size());
        self.input.announced(self.rows(), size)
    }
}
