//! Rows that come column by column.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fault, Table, scaled};
use crate::ml::data::files::input::MAX_FILE;
use crate::ml::data::files::role::Role;

/// Of a feature without a value where there has to be one.
const MISSING: &str = "is missing; missing=mean fills it in, missing=drop drops its row";

/// Columns of the same rows.
#[derive(Default)]
pub(in crate::ml::data::files) struct Columns {
    /// Each feature; NaN where it is missing.
    pub features: Vec<Vec<f32>>,
    pub targets: Fields,
    /// Empty where rows name none.
    pub shards: Fields,
}

/// A value of a column.
pub(in crate::ml::data::files) enum Cell<'a> {
    Missing,
    Number(f64),
    /// Of 64 bits, of which a floating-point number would not hold all.
    Signed(i64),
    Unsigned(u64),
    Text(&'a [u8]),
}

/// The fields of a column; each text is kept once, however many rows have it.
#[derive(Default)]
pub(in crate::ml::data::files) struct Fields {
    rows: Vec<Field>,
    texts: Vec<Arc<[u8]>>,
    numbers: BTreeMap<Arc<[u8]>, u32>,
    /// Of all texts.
    bytes: u64,
}

enum Field {
    Missing,
    Number(f64),
    Signed(i64),
    Unsigned(u64),
    /// The number of a text.
    Text(u32),
}

impl Fields {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds the field of another row.
    pub fn push(&mut self, cell: Cell<'_>) -> Result<(), String> {
        let field = match cell {
            Cell::Missing => Field::Missing,
            Cell::Number(number) => Field::Number(number),
            Cell::Signed(number) => Field::Signed(number),
            Cell::Unsigned(number) => Field::Unsigned(number),
            Cell::Text(text) => Field::Text(self.number(text)?),
        };
        self.rows.push(field);
        Ok(())
    }

    fn number(&mut self, text: &[u8]) -> Result<u32, String> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        self.bytes += text.len() as u64;
        if self.bytes > MAX_FILE {
            return Err(format!(
                "has more than the {MAX_FILE} bytes of texts that are read"
            ));
        }
        let (text, number) = (Arc::<[u8]>::from(text), self.texts.len() as u32);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Ok(number)
    }

    /// A field as a text file would have it, empty where it is missing.
    pub fn text(&self, row: usize) -> Cow<'_, [u8]> {
        match &self.rows[row] {
            Field::Missing => Cow::Borrowed(&[]),
            Field::Number(number) => Cow::Owned(number.to_string().into_bytes()),
            Field::Signed(number) => Cow::Owned(number.to_string().into_bytes()),
            Field::Unsigned(number) => Cow::Owned(number.to_string().into_bytes()),
            Field::Text(number) => Cow::Borrowed(&self.texts[*number as usize]),
        }
    }
}

impl Table {
    /// Adds rows. An error comes with the number of the row among these, from 0.
    pub fn push_columns(&mut self, columns: &Columns) -> Result<(), (usize, Fault)> {
        let rows = columns.targets.len();
        self.features.reserve(columns.features.len() * rows);
        for row in 0..rows {
            for (number, column) in columns.features.iter().enumerate() {
                let value = column[row];
                let value = match value.is_nan() {
                    true if self.has_gaps() => value,
                    true => return Err((row, self.fault(Role::Feature, number, b"", MISSING))),
                    false => scaled(value, self.scale).map_err(|reason| {
                        let value = value.to_string();
                        let fault = self.fault(Role::Feature, number, value.as_bytes(), &reason);
                        (row, fault)
                    })?,
                };
                self.features.push(value);
            }
            let mut fields = vec![(Role::Target, columns.targets.text(row))];
            if columns.shards.len() > 0 {
                fields.push((Role::Shard, columns.shards.text(row)));
            }
            for (role, field) in fields {
                let pushed = self.push_field(role, &field);
                pushed.map_err(|reason| (row, self.fault(role, 0, &field, &reason)))?;
            }
        }
        Ok(())
    }

    /// What is wrong with the field that is the so many-th of a role, from 0.
    fn fault(&self, role: Role, number: usize, value: &[u8], reason: &str) -> Fault {
        let mut columns = (1..)
            .zip(self.roles.iter())
            .filter(|(_, other)| **other == role);
        let value = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
        Fault {
            cell: columns.nth(number).map(|(column, _)| (column, value)),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_once_and_whole_numbers_are_exact() {
        let mut fields = Fields::default();
        for _ in 0..1_000 {
            fields.push(Cell::Text(&[b'x'; 1_000])).unwrap();
        }
        assert_eq!(
            (fields.len(), fields.texts.len(), fields.bytes),
            (1_000, 1, 1_000)
        );
        let mut fields = Fields::default();
        let most = u64::MAX;
        for cell in [
            Cell::Signed(9_007_199_254_740_993),
            Cell::Unsigned(most),
            Cell::Number(2.5),
            Cell::Number(3.0),
            Cell::Missing,
        ] {
            fields.push(cell).unwrap();
        }
        let texts: Vec<_> = (0..5).map(|row| fields.text(row).into_owned()).collect();
        let expected = ["9007199254740993", "18446744073709551615", "2.5", "3", ""];
        assert_eq!(texts, expected.map(|text| text.as_bytes().to_vec()));
        fields.bytes = MAX_FILE;
        assert!(fields.push(Cell::Text(b"one more")).is_err());
    }
}
