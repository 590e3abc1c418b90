//! Rows of a text as they are gathered, and the data sets of several texts together.

use std::collections::BTreeSet;

use ndarray::Array2;

use super::{DataError, Dataset, MAX_CLASSES};

/// What a text holds.
#[derive(Debug)]
pub(super) struct Table {
    path: String,
    width: usize,
    features: Vec<f32>,
    labels: Labels,
}

/// Classes as they are written: all numbers, or all names.
#[derive(Debug)]
enum Labels {
    Numbers(Vec<u32>),
    Names(Vec<String>),
}

/// The number that a field holds, finite or not.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

impl Table {
    /// No rows yet, of so many features. Whether the class of the first row is a number decides
    /// whether all are: a slip further down is then an error and not one more class.
    pub fn new(path: &str, width: usize, first_label: &[u8]) -> Self {
        let labels = match number(first_label) {
            Some(_) => Labels::Numbers(Vec::new()),
            None => Labels::Names(Vec::new()),
        };
        Table {
            path: path.to_owned(),
            width,
            features: Vec::new(),
            labels,
        }
    }

    /// Rows that were numbers from the start.
    pub fn of_numbers(path: &str, width: usize, features: Vec<f32>, labels: Vec<u32>) -> Self {
        Table {
            path: path.to_owned(),
            width,
            features,
            labels: Labels::Numbers(labels),
        }
    }

    /// Adds a row whose class is in field `label`, counted from 0.
    pub fn push<'a>(
        &mut self,
        fields: impl Iterator<Item = &'a [u8]> + Clone,
        label: usize,
        scale: f32,
    ) -> Result<(), Fault> {
        let odd = |fields: usize, expected: usize| Fault {
            cell: None,
            reason: format!("{fields} fields, but the first row has {expected}"),
        };
        let mut found = 0;
        for (column, field) in fields.clone().enumerate() {
            found += 1;
            if found > self.width + 1 {
                return Err(odd(fields.count(), self.width + 1));
            }
            let done = if column == label {
                self.labels.push(field)
            } else {
                feature(field, scale).map(|value| self.features.push(value))
            };
            done.map_err(|reason| {
                let value = String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned();
                Fault {
                    cell: Some((column + 1, value)),
                    reason,
                }
            })?;
        }
        if found < self.width + 1 {
            return Err(odd(found, self.width + 1));
        }
        Ok(())
    }

    /// Adds the rows of a table that was begun alike.
    pub fn append(&mut self, more: Table) {
        self.features.extend_from_slice(&more.features);
        match (&mut self.labels, more.labels) {
            (Labels::Numbers(labels), Labels::Numbers(more)) => labels.extend(more),
            (Labels::Names(labels), Labels::Names(more)) => labels.extend(more),
            _ => unreachable!("the first class decides for all"),
        }
    }
}

/// What is wrong with a row.
pub(super) struct Fault {
    /// Number of the field from 1, and its value; none for the row as a whole.
    cell: Option<(usize, String)>,
    reason: String,
}

impl Fault {
    /// The fault with its place.
    pub fn at(self, path: &str, line: u64) -> DataError {
        let (path, reason) = (path.to_owned(), self.reason);
        match self.cell {
            None => DataError::Line { path, line, reason },
            Some((column, value)) => DataError::Cell {
                path,
                line,
                column,
                value,
                reason,
            },
        }
    }
}

fn feature(field: &[u8], scale: f32) -> Result<f32, String> {
    let value = match short_decimal(field) {
        Some(value) => value,
        None => {
            let text = std::str::from_utf8(field).unwrap_or_default();
            text.parse().map_err(|_| "is not a number".to_owned())?
        }
    };
    let scaled = value / scale;
    if scaled.is_finite() {
        Ok(scaled)
    } else {
        Err("is not a finite number".to_owned())
    }
}

/// A number of few digits without an exponent. Numerator and power of ten are exact in 32 bits, so their quotient,
/// rounded once, is the number nearest to the text (Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
fn short_decimal(field: &[u8]) -> Option<f32> {
    const POWERS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 9 {
        return None;
    }
    let (mut number, mut seen, mut behind) = (0u32, 0, None);
    for (place, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            number = number * 10 + u32::from(digit);
            seen += 1;
        } else if byte == b'.' && behind.is_none() {
            behind = Some(digits.len() - place - 1);
        } else {
            return None;
        }
    }
    if seen == 0 || number >= 1 << 24 {
        return None;
    }
    let value = number as f32 / POWERS[behind.unwrap_or(0)];
    Some(if negative { -value } else { value })
}

/// A class of one to four digits.
#[inline]
fn small_class(field: &[u8]) -> Option<u32> {
    if field.is_empty() || field.len() > 4 || !field.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        field
            .iter()
            .fold(0, |class, digit| class * 10 + u32::from(digit - b'0')),
    )
}

impl Labels {
    fn push(&mut self, field: &[u8]) -> Result<(), String> {
        match self {
            Labels::Names(names) => {
                let name = std::str::from_utf8(field).map_err(|_| "is not UTF-8".to_owned())?;
                if name.is_empty() {
                    return Err("is no class: it is empty".to_owned());
                }
                names.push(name.to_owned());
            }
            Labels::Numbers(numbers) => {
                if let Some(class) = small_class(field) {
                    numbers.push(class);
                    return Ok(());
                }
                let number =
                    number(field).ok_or("is not a number, as the classes before it are")?;
                if number.fract() != 0.0 || !(0.0..MAX_CLASSES as f64).contains(&number) {
                    let most = MAX_CLASSES - 1;
                    return Err(format!(
                        "is no class: classes are names or whole numbers from 0 to {most}"
                    ));
                }
                numbers.push(number as u32);
            }
        }
        Ok(())
    }
}

/// The data sets of several texts, with the same classes for all: names count in sorted order,
/// numbers up to the largest.
pub(super) fn assemble(tables: Vec<Table>) -> Result<Vec<Dataset>, DataError> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut largest = 0;
    for table in &tables {
        table.check_like(&tables[0])?;
        match &table.labels {
            Labels::Names(labels) => names.extend(labels.iter().map(String::as_str)),
            Labels::Numbers(labels) => {
                largest = labels.iter().fold(largest, |most, label| most.max(*label))
            }
        }
    }
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let classes = if names.is_empty() {
        largest as usize + 1
    } else {
        names.len()
    };
    tables
        .into_iter()
        .map(|table| table.into_dataset(&names, classes))
        .collect()
}

impl Table {
    /// Whether this can be put together with another.
    fn check_like(&self, first: &Table) -> Result<(), DataError> {
        if self.width != first.width {
            let reason = format!(
                "{} features, but {} has {}",
                self.width, first.path, first.width
            );
            return Err(DataError::file(&self.path, reason));
        }
        match (&self.labels, &first.labels) {
            (Labels::Names(_), Labels::Names(_)) | (Labels::Numbers(_), Labels::Numbers(_)) => {
                Ok(())
            }
            _ => {
                let reason = format!(
                    "either its classes or those of {} are numbers, not both",
                    first.path
                );
                Err(DataError::file(&self.path, reason))
            }
        }
    }

    fn into_dataset(self, names: &[String], classes: usize) -> Result<Dataset, DataError> {
        let labels = match self.labels {
            Labels::Numbers(labels) => labels,
            Labels::Names(labels) => {
                let place =
                    |label: &String| names.binary_search(label).unwrap_or(names.len()) as u32;
                labels.iter().map(place).collect()
            }
        };
        let features = Array2::from_shape_vec((labels.len(), self.width), self.features)
            .map_err(|error| DataError::file(&self.path, error))?;
        Dataset::new(features, labels, classes).map_err(|error| DataError::file(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn short_decimals_are_the_nearest_numbers() {
        let mut stream = Seed(4).stream(Purpose::Noise, 0, 0);
        let mut short = 0;
        for _ in 0..200_000 {
            let digits = stream.below(8) as usize;
            let scale = 10f64.powi(stream.below(6) as i32);
            let text = format!("{:.digits$}", stream.normal() * scale);
            if let Some(value) = short_decimal(text.as_bytes()) {
                short += 1;
                let exact: f32 = text.parse().unwrap();
                assert_eq!(value.to_bits(), exact.to_bits(), "{text}");
            }
        }
        assert!(short > 50_000, "{short}");
        for text in [
            "",
            "-",
            ".",
            "1e5",
            "1.2.3",
            "+1",
            "nan",
            "0x1",
            " 1",
            "123456789012",
        ] {
            assert_eq!(short_decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(short_decimal(b"-.5"), Some(-0.5));
        assert_eq!(short_decimal(b"7."), Some(7.0));
    }
}
