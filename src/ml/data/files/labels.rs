//! The targets of rows as they are gathered, or whatever else says something of each row.

use std::collections::BTreeMap;

use crate::ml::data::{MAX_CLASSES, TargetKind};

/// In the place of the number of a class or name that is missing, until its row is dropped.
const GAP: u32 = u32::MAX;

/// What is written of each row: classes, all numbers or all names; or real values.
#[derive(Debug)]
pub(super) enum Labels {
    Numbers(Vec<u32>),
    Names {
        /// Every name, numbered as they came.
        numbers: BTreeMap<String, u32>,
        /// The number of each row's name.
        rows: Vec<u32>,
    },
    /// Finite; NaN where one is missing.
    Values(Vec<f32>),
}

/// The number that a field holds, finite or not.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The finite number that a field holds.
pub(super) fn finite(field: &[u8]) -> Result<f32, String> {
    let text = std::str::from_utf8(field).unwrap_or_default();
    let value: f32 = text.parse().map_err(|_| "is not a number".to_owned())?;
    match value.is_finite() {
        true => Ok(value),
        false => Err("is not a finite number".to_owned()),
    }
}

/// The class that a number is; none unless it is a whole number below [`MAX_CLASSES`].
pub(super) fn class(number: f64) -> Option<u32> {
    let is_class = number.fract() == 0.0 && (0.0..MAX_CLASSES as f64).contains(&number);
    is_class.then_some(number as u32)
}

impl Labels {
    /// Of numbers of this kind; otherwise what is wrong with which row.
    pub fn from_numbers(targets: &[f64], kind: TargetKind) -> Result<Labels, String> {
        let rows = || targets.iter().enumerate();
        match kind {
            TargetKind::Class => {
                let wrong = |row, value| {
                    let most = MAX_CLASSES - 1;
                    format!(
                        "row {row}, counted from 0, has class {value}: classes are whole numbers from 0 to {most}"
                    )
                };
                let classes =
                    rows().map(|(row, &value)| class(value).ok_or_else(|| wrong(row, value)));
                classes.collect::<Result<_, _>>().map(Labels::Numbers)
            }
            TargetKind::Value => {
                let wrong = |row, value| {
                    format!(
                        "row {row}, counted from 0, has the value {value}, which is not a finite number of 32 bits"
                    )
                };
                let values = rows().map(|(row, &value)| {
                    let narrow = value as f32;
                    narrow
                        .is_finite()
                        .then_some(narrow)
                        .ok_or_else(|| wrong(row, value))
                });
                values.collect::<Result<_, _>>().map(Labels::Values)
            }
        }
    }

    /// Adds those of a later part of the same text.
    pub fn append(&mut self, later: Labels) {
        match (self, later) {
            (Labels::Numbers(all), Labels::Numbers(more)) => all.extend(more),
            (Labels::Values(all), Labels::Values(more)) => all.extend(more),
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
                let number = |row: &u32| number_of.get(*row as usize).copied();
                rows.extend(more.iter().map(|row| number(row).unwrap_or(GAP)));
            }
            _ => unreachable!("parts of a text have targets of one kind"),
        }
    }

    /// None yet, of the same kind.
    pub fn like(&self) -> Labels {
        match self {
            Labels::Numbers(_) => Labels::Numbers(Vec::new()),
            Labels::Names { .. } => Labels::names(),
            Labels::Values(_) => Labels::Values(Vec::new()),
        }
    }

    /// Names, none yet.
    pub fn names() -> Labels {
        Labels::Names {
            numbers: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    /// Adds what is written of a row.
    pub fn push(&mut self, field: &[u8]) -> Result<(), String> {
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
            Labels::Values(rows) => rows.push(finite(field)?),
        }
        Ok(())
    }

    /// Adds a row of which it is missing.
    pub fn push_gap(&mut self) {
        match self {
            Labels::Numbers(rows) | Labels::Names { rows, .. } => rows.push(GAP),
            Labels::Values(rows) => rows.push(f32::NAN),
        }
    }

    /// Whether it is missing of a row.
    pub fn is_gap(&self, row: usize) -> bool {
        match self {
            Labels::Numbers(rows) | Labels::Names { rows, .. } => rows[row] == GAP,
            Labels::Values(rows) => rows[row].is_nan(),
        }
    }

    /// Whether of these names a later one than the first is a number.
    pub fn turn_to_numbers(&self) -> bool {
        let Labels::Names { numbers, .. } = self else {
            return false;
        };
        let is_number = |name: &str| number(name.as_bytes()).is_some_and(f64::is_finite);
        let mut names = numbers.iter();
        names.any(|(name, place)| *place > 0 && is_number(name))
    }

    /// Takes back all rows but the first `count`. Names that only they had may stay known.
    pub fn truncate(&mut self, count: usize) {
        match self {
            Labels::Numbers(rows) | Labels::Names { rows, .. } => rows.truncate(count),
            Labels::Values(rows) => rows.truncate(count),
        }
    }

    /// Keeps the rows of which `keep` is true.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut kept = keep.iter();
        let mut is_kept = || kept.next() == Some(&true);
        match self {
            Labels::Numbers(rows) | Labels::Names { rows, .. } => rows.retain(|_| is_kept()),
            Labels::Values(rows) => rows.retain(|_| is_kept()),
        }
    }

    /// Makes all classes above 0 class 1.
    pub fn make_binary(&mut self) -> Result<(), String> {
        match self {
            Labels::Numbers(rows) => rows.iter_mut().for_each(|row| *row = (*row).min(1)),
            Labels::Names { .. } => {
                return Err("its classes are names; binary=yes takes numbers".to_owned());
            }
            Labels::Values(_) => {
                return Err("its targets are real values; binary=yes takes classes".to_owned());
            }
        }
        Ok(())
    }
}
