//! Rows of a file as they are gathered, and the data sets of several files together.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::decimal::decimal;
use super::{DataError, Dataset, MAX_CLASSES};

/// What a file holds.
#[derive(Debug)]
pub(super) struct Table {
    path: String,
    width: usize,
    /// Which field of a row is its class, counted from 0.
    label: usize,
    /// What features are divided by.
    scale: f32,
    features: Vec<f32>,
    labels: Labels,
}

/// Classes as they are written: all numbers, or all names.
#[derive(Debug)]
enum Labels {
    Numbers(Vec<u32>),
    Names {
        /// Every name, numbered as they came.
        numbers: BTreeMap<String, u32>,
        /// The number of each row's name.
        rows: Vec<u32>,
    },
}

/// The number that a field holds, finite or not.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The class that a number is; none unless it is a whole number below [`MAX_CLASSES`].
pub(super) fn class(number: f64) -> Option<u32> {
    let is_class = number.fract() == 0.0 && (0.0..MAX_CLASSES as f64).contains(&number);
    is_class.then_some(number as u32)
}

impl Table {
    /// No rows yet, of so many features. Whether the class of the first row is a number decides
    /// whether all are: a slip further down is then an error and not one more class.
    pub fn new(path: &str, width: usize, first_label: &[u8], label: usize, scale: f32) -> Self {
        let labels = match number(first_label) {
            Some(_) => Labels::Numbers(Vec::new()),
            None => Labels::names(),
        };
        Table {
            path: path.to_owned(),
            width,
            label,
            scale,
            features: Vec::new(),
            labels,
        }
    }

    /// The rows of a file that needs no more reading: `width` features for each of `labels`.
    pub fn of(path: &str, width: usize, features: Vec<f32>, labels: Vec<u32>) -> Self {
        Table {
            path: path.to_owned(),
            width,
            label: width,
            scale: 1.0,
            features,
            labels: Labels::Numbers(labels),
        }
    }

    /// No rows yet, for another part of the same text.
    pub fn like(&self) -> Self {
        Table {
            path: self.path.clone(),
            features: Vec::new(),
            labels: match self.labels {
                Labels::Numbers(_) => Labels::Numbers(Vec::new()),
                Labels::Names { .. } => Labels::names(),
            },
            ..*self
        }
    }

    /// Adds the rows of a later part of the same text.
    pub fn append(&mut self, part: Table) {
        if self.features.is_empty() {
            *self = part;
            return;
        }
        self.features.extend(part.features);
        match (&mut self.labels, part.labels) {
            (Labels::Numbers(all), Labels::Numbers(more)) => all.extend(more),
            (
                Labels::Names { numbers, rows },
                Labels::Names {
                    numbers: others,
                    rows: more,
                },
            ) => {
                let mut number_of = vec![0; others.len()];
                for (name, other) in others {
                    let next = numbers.len() as u32;
                    number_of[other as usize] = *numbers.entry(name).or_insert(next);
                }
                rows.extend(more.iter().map(|row| number_of[*row as usize]));
            }
            _ => unreachable!("parts of a text have classes of one kind"),
        }
    }

    /// Adds the row of the line that `text` starts with, if it is plain: the right number of fields,
    /// and nothing wrong with any. Gives the length of the line, without its end. Otherwise nothing
    /// is added, and [`Table::push`] says what is wrong.
    pub fn push_plain(&mut self, text: &[u8]) -> Option<usize> {
        let before = self.features.len();
        let length = self.push_fields(text);
        if length.is_none() {
            self.features.truncate(before);
            self.labels.truncate(before / self.width);
        }
        length
    }

    fn push_fields(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for column in 0..=self.width {
            if column > 0 {
                at += 1; // the comma
            }
            while text.get(at) == Some(&b' ') {
                at += 1;
            }
            let rest = &text[at..];
            let simple = decimal(rest).filter(|(_, length)| ends(rest.get(*length)));
            let length = simple.map_or_else(|| field_length(rest), |(_, length)| length);
            let field = || rest[..length].trim_ascii();
            if column == self.label {
                self.labels.push(field()).ok()?;
            } else {
                let value = match simple {
                    Some((value, _)) => scaled(value, self.scale).ok()?,
                    None => feature(field(), self.scale).ok()?,
                };
                self.features.push(value);
            }
            at += length;
            let is_comma = text.get(at) == Some(&b',');
            if is_comma != (column < self.width) {
                return None;
            }
        }
        Some(at)
    }

    /// Adds a row of these fields.
    pub fn push<'a>(
        &mut self,
        fields: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), Fault> {
        let (found, expected) = (fields.clone().count(), self.width + 1);
        if found != expected {
            let reason = format!("{found} fields, but the first row has {expected}");
            return Err(Fault { cell: None, reason });
        }
        for (column, field) in fields.enumerate() {
            let done = if column == self.label {
                self.labels.push(field)
            } else {
                feature(field, self.scale).map(|value| self.features.push(value))
            };
            done.map_err(|reason| {
                let value = String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned();
                Fault {
                    cell: Some((column + 1, value)),
                    reason,
                }
            })?;
        }
        Ok(())
    }
}

/// Whether a field ends where this byte, or nothing, follows.
fn ends(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b',' | b'\r' | b'\n'))
}

fn field_length(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| ends(Some(byte)));
    end.unwrap_or(text.len())
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
    let text = std::str::from_utf8(field).unwrap_or_default();
    let value: f32 = text.parse().map_err(|_| "is not a number".to_owned())?;
    scaled(value, scale)
}

fn scaled(value: f32, scale: f32) -> Result<f32, String> {
    // Dividing by 1 changes nothing but takes its time.
    let scaled = if scale == 1.0 { value } else { value / scale };
    if scaled.is_finite() {
        Ok(scaled)
    } else {
        Err("is not a finite number".to_owned())
    }
}

impl Labels {
    fn names() -> Labels {
        Labels::Names {
            numbers: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    fn push(&mut self, field: &[u8]) -> Result<(), String> {
        match self {
            Labels::Names { numbers, rows } => {
                let name = std::str::from_utf8(field).map_err(|_| "is not UTF-8".to_owned())?;
                if name.is_empty() {
                    return Err("is no class: it is empty".to_owned());
                }
                let number = match numbers.get(name) {
                    Some(number) => *number,
                    None => {
                        let next = numbers.len() as u32;
                        numbers.insert(name.to_owned(), next);
                        next
                    }
                };
                rows.push(number);
            }
            Labels::Numbers(rows) => {
                let number =
                    number(field).ok_or("is not a number, as the classes before it are")?;
                let class = class(number).ok_or_else(|| {
                    let most = MAX_CLASSES - 1;
                    format!("is no class: classes are names or whole numbers from 0 to {most}")
                })?;
                rows.push(class);
            }
        }
        Ok(())
    }

    /// Takes back all rows but the first `count`. Names that only they had may stay known.
    fn truncate(&mut self, count: usize) {
        let (Labels::Numbers(rows) | Labels::Names { rows, .. }) = self;
        rows.truncate(count);
    }
}

/// The data sets of several files, with the same classes for all: names count in sorted order,
/// numbers up to the largest.
pub(super) fn assemble(tables: Vec<Table>) -> Result<Vec<Dataset>, DataError> {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let mut largest = 0;
    for table in &tables {
        table.check_like(&tables[0])?;
        match &table.labels {
            Labels::Names { numbers, .. } => {
                names.extend(numbers.keys().map(|name| (name.clone(), 0)))
            }
            Labels::Numbers(rows) => {
                largest = rows.iter().fold(largest, |most, label| most.max(*label))
            }
        }
    }
    for (place, class) in names.values_mut().enumerate() {
        *class = place as u32;
    }
    let classes = match names.len() {
        0 => largest as usize + 1,
        count => count,
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
            (Labels::Names { .. }, Labels::Names { .. })
            | (Labels::Numbers(_), Labels::Numbers(_)) => Ok(()),
            _ => {
                let reason = format!(
                    "either its classes or those of {} are numbers, not both",
                    first.path
                );
                Err(DataError::file(&self.path, reason))
            }
        }
    }

    fn into_dataset(
        self,
        names: &BTreeMap<String, u32>,
        classes: usize,
    ) -> Result<Dataset, DataError> {
        let labels = match self.labels {
            Labels::Numbers(rows) => rows,
            Labels::Names { numbers, mut rows } => {
                let mut class_of = vec![0; numbers.len()];
                for (name, number) in &numbers {
                    class_of[*number as usize] = names[name];
                }
                rows.iter_mut()
                    .for_each(|row| *row = class_of[*row as usize]);
                rows
            }
        };
        let features = Array2::from_shape_vec((labels.len(), self.width), self.features)
            .map_err(|error| DataError::file(&self.path, error))?;
        Dataset::new(features, labels, classes).map_err(|error| DataError::file(&self.path, error))
    }
}
