//! Values that are missing: whether they are refused, filled in or dropped with their rows.

use super::table::Table;
use crate::ml::data::DataError;

/// What becomes of missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Missing {
    /// A missing value is an error.
    #[default]
    Refused,
    /// The mean of the column over the training rows that have it; 0 in a column that none has.
    Mean,
    /// Rows without a gap are kept.
    Drop,
}

/// Whether a field says that its value is missing.
pub(super) fn is_gap(field: &[u8]) -> bool {
    field.is_empty()
        || field == b"?"
        || field.eq_ignore_ascii_case(b"na")
        || field.eq_ignore_ascii_case(b"nan")
}

impl Missing {
    /// Sees to the gaps of all tables, each with whether it is trained on.
    pub fn see_to(self, mut tables: Vec<(&mut Table, bool)>) -> Result<(), DataError> {
        match self {
            Missing::Refused => Ok(()),
            Missing::Drop => tables
                .iter_mut()
                .try_for_each(|(table, _)| table.drop_gaps()),
            Missing::Mean => {
                let training = tables.iter().filter(|(_, trains)| *trains);
                let means = means(training.map(|(table, _)| &**table));
                tables
                    .iter_mut()
                    .for_each(|(table, _)| table.fill_gaps(&means));
                Ok(())
            }
        }
    }
}

/// Mean of what is there of each column, added up in the order of the rows, so that every program that reads the same
/// rows finds the same.
fn means<'a>(tables: impl Iterator<Item = &'a Table>) -> Vec<f32> {
    let mut sums: Vec<(f64, u64)> = Vec::new();
    for table in tables {
        sums.resize(sums.len().max(table.width()), (0.0, 0));
        for row in table.features().chunks_exact(table.width()) {
            for ((sum, count), value) in sums.iter_mut().zip(row) {
                if !value.is_nan() {
                    *sum += f64::from(*value);
                    *count += 1;
                }
            }
        }
    }
    let mean = |(sum, count): &(f64, u64)| match count {
        0 => 0.0,
        count => (sum / *count as f64) as f32,
    };
    sums.iter().map(mean).collect()
}
