//! Rows of a file as they are gathered.

mod assembly;
mod columns;

use std::sync::Arc;

use csv::ByteRecord;

use super::decimal::decimal;
use super::format::Format;
use super::labels::{Labels, number};
use super::missing::{self, Missing};
use super::natural::natural;
use super::numbering::Numbering;
use super::role::Role;
use crate::ml::data::DataError;
use crate::ml::data::TargetKind;
pub(super) use assembly::assemble;
pub(super) use columns::{Cell, Columns, Fields};

/// Of a target without a value.
const NO_TARGET: &str = "is no class or value but a gap; missing=drop drops its row";

/// What a file holds.
#[derive(Debug)]
pub(super) struct Table {
    path: String,
    width: usize,
    /// What each field of a row is.
    roles: Arc<[Role]>,
    /// Names of the features and of the target, where the file says them.
    names: Option<Arc<[String]>>,
    /// By what classes that are texts are numbered.
    numbering: Numbering,
    /// What features are divided by.
    scale: f32,
    /// What becomes of values that are missing.
    missing: Missing,
    /// Row after row; what is missing is NaN until it is seen to.
    features: Vec<f32>,
    targets: Labels,
    /// The shard of each row, where rows bring their shards.
    shards: Option<Labels>,
}

impl Table {
    /// No rows yet, of so many features. Of classes, whether that of the first row that has one is a number decides
    /// whether all are: a slip further down is then an error and not one more class.
    pub fn new(path: &str, roles: Vec<Role>, first_target: &[u8], format: &Format) -> Self {
        let has = |role| roles.iter().filter(|other| **other == role).count();
        let are_names = number(first_target).is_none() && format.numbering == Numbering::Sorted;
        let targets = match format.kind {
            TargetKind::Value => Labels::Values(Vec::new()),
            TargetKind::Class if are_names => Labels::names(),
            TargetKind::Class => Labels::Numbers(Vec::new()),
        };
        Table {
            path: path.to_owned(),
            width: has(Role::Feature),
            shards: (has(Role::Shard) > 0).then(Labels::names),
            roles: roles.into(),
            names: None,
            numbering: format.numbering.clone(),
            scale: format.scale.unwrap_or(1.0),
            missing: format.missing,
            features: Vec::new(),
            targets,
        }
    }

    /// The same with the names of its columns.
    pub fn with_names(mut self, header: &ByteRecord) -> Self {
        let of = |role| {
            let columns = header.iter().zip(self.roles.iter());
            columns.filter_map(move |(name, other)| (*other == role).then_some(name))
        };
        let names = of(Role::Feature).chain(of(Role::Target));
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        self.names = Some(names.collect());
        self
    }

    /// The rows of a file that needs no more reading: `width` features for each of `targets`.
    pub fn of(path: &str, width: usize, features: Vec<f32>, targets: Labels) -> Self {
        Table {
            path: path.to_owned(),
            width,
            roles: Arc::default(),
            names: None,
            numbering: Numbering::Sorted,
            scale: 1.0,
            missing: Missing::Refused,
            features,
            targets,
            shards: None,
        }
    }

    /// No rows yet, for another part of the same text.
    pub fn like(&self) -> Self {
        Table {
            path: self.path.clone(),
            features: Vec::new(),
            targets: self.targets.like(),
            roles: Arc::clone(&self.roles),
            names: self.names.clone(),
            numbering: self.numbering.clone(),
            shards: self.shards.as_ref().map(|_| Labels::names()),
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
        self.targets.append(part.targets);
        if let (Some(all), Some(more)) = (&mut self.shards, part.shards) {
            all.append(more);
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
            let rows = before / self.width;
            self.targets.truncate(rows);
            if let Some(shards) = &mut self.shards {
                shards.truncate(rows);
            }
        }
        length
    }

    fn push_fields(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for column in 0..self.roles.len() {
            if column > 0 {
                at += 1; // the comma
            }
            while text.get(at) == Some(&b' ') {
                at += 1;
            }
            let rest = &text[at..];
            let simple = decimal(rest).filter(|(_, length)| ends(rest.get(*length)));
            let length = simple.map_or_else(|| field_length(rest), |(_, length)| length);
            match (self.roles[column], simple) {
                (Role::Feature, Some((value, _))) => {
                    self.features.push(scaled(value, self.scale).ok()?);
                }
                (role, _) => self.push_field(role, rest[..length].trim_ascii()).ok()?,
            }
            at += length;
            let is_comma = text.get(at) == Some(&b',');
            if is_comma != (column + 1 < self.roles.len()) {
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
        let (found, expected) = (fields.clone().count(), self.roles.len());
        if found != expected {
            let reason = format!("{found} fields, but the first row has {expected}");
            return Err(Fault { cell: None, reason });
        }
        for (column, field) in fields.enumerate() {
            let done = self.push_field(self.roles[column], field);
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

    fn push_field(&mut self, role: Role, field: &[u8]) -> Result<(), String> {
        match role {
            Role::Feature if self.has_gaps() && missing::is_gap(field) => {
                self.features.push(f32::NAN);
            }
            Role::Feature => self.features.push(feature(field, self.scale)?),
            Role::Target => self.push_target(field)?,
            Role::Shard => match &mut self.shards {
                Some(shards) => shards
                    .push(field)
                    .map_err(|_| "names no shard".to_owned())?,
                None => unreachable!("there is a list of shards where a field names them"),
            },
            Role::Nothing => {}
        }
        Ok(())
    }

    fn push_target(&mut self, field: &[u8]) -> Result<(), String> {
        if let (Some(class), Labels::Numbers(rows)) =
            (self.numbering.number(field), &mut self.targets)
        {
            rows.push(class);
            return Ok(());
        }
        if missing::is_gap(field) {
            if self.missing != Missing::Drop {
                return Err(NO_TARGET.to_owned());
            }
            self.targets.push_gap();
            return Ok(());
        }
        match (&self.numbering, &self.targets) {
            (Numbering::Known(names), _) => {
                let names = names.join("/");
                Err(format!("is none of the classes that are named, {names}"))
            }
            (Numbering::Refused, Labels::Numbers(_)) if number(field).is_none() => Err(
                "is a text, to which other sites may give another number; name all classes in their order, the same at \
                 every site, as in classes=benign/malignant"
                    .to_owned(),
            ),
            _ => self.targets.push(field),
        }
    }

    /// Whether features may be missing.
    fn has_gaps(&self) -> bool {
        self.missing != Missing::Refused
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

impl Table {
    /// Features of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features, row after row; NaN where one is missing.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// Puts `values`, one a column, where values are missing.
    pub fn fill_gaps(&mut self, values: &[f32]) {
        for row in self.features.chunks_exact_mut(self.width) {
            for (value, filled) in row.iter_mut().zip(values) {
                if value.is_nan() {
                    *value = *filled;
                }
            }
        }
    }

    /// Drops the rows in which a value is missing.
    pub fn drop_gaps(&mut self) -> Result<(), DataError> {
        let rows = self.features.chunks_exact(self.width).enumerate();
        let has_gap = |values: &[f32]| values.iter().any(|value| value.is_nan());
        let whole: Vec<bool> = rows
            .map(|(row, values)| !has_gap(values) && !self.targets.is_gap(row))
            .collect();
        if !whole.contains(&true) {
            let reason =
                "no row is without a gap; leave out columns (without=) or fill in (missing=mean)";
            return Err(DataError::file(&self.path, reason));
        }
        let width = self.width;
        let mut place = 0;
        self.features.retain(|_| {
            place += 1;
            whole[(place - 1) / width]
        });
        self.targets.retain(&whole);
        if let Some(shards) = &mut self.shards {
            shards.retain(&whole);
        }
        Ok(())
    }

    /// Whether the class of the first row is a text, and that of a later one a number.
    pub fn turns_to_numbers(&self) -> bool {
        self.targets.turn_to_numbers()
    }

    /// Makes all classes above 0 class 1.
    pub fn make_binary(&mut self) -> Result<(), DataError> {
        let failed = |reason| DataError::file(&self.path, reason);
        self.targets.make_binary().map_err(failed)
    }

    /// The rows of each shard by its name, where rows bring their shards.
    pub fn shards(&self) -> Option<Vec<(String, Vec<u32>)>> {
        let Some(Labels::Names { numbers, rows }) = &self.shards else {
            return None;
        };
        let mut rows_of = vec![Vec::new(); numbers.len()];
        for (row, shard) in rows.iter().enumerate() {
            rows_of[*shard as usize].push(row as u32);
        }
        let take = |(name, number): (&String, &u32)| {
            (name.clone(), std::mem::take(&mut rows_of[*number as usize]))
        };
        let mut named: Vec<_> = numbers.iter().map(take).collect();
        // A name may be left of rows that were dropped.
        named.retain(|(_, rows)| !rows.is_empty());
        named.sort_by(|(left, _), (right, _)| natural(left, right));
        Some(named)
    }
}
