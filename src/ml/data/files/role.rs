//! What each field of a row of text is: a feature, the target, the name of a shard, or nothing.

use csv::ByteRecord;

use super::format::{Column, Format};
use crate::ml::data::{DataError, MAX_FEATURES, TargetKind};

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Feature,
    /// The class, or the real value.
    Target,
    /// Names the shard that the row is in.
    Shard,
    /// Left out.
    Nothing,
}

/// The roles of the fields of a row, of which there are so many.
pub(super) fn roles(
    path: &str,
    format: &Format,
    header: Option<&ByteRecord>,
    fields: usize,
) -> Result<Vec<Role>, DataError> {
    let failed = |reason: String| Err(DataError::file(path, reason));
    if !(2..=MAX_FEATURES + 1).contains(&fields) {
        return failed(format!(
            "it has {fields} columns; a row has 1 to {MAX_FEATURES} features and a target"
        ));
    }
    let usual = |column| match is_index(header, column) {
        true => Role::Nothing,
        false => Role::Feature,
    };
    let mut roles: Vec<Role> = (0..fields).map(usual).collect();
    for columns in &format.without {
        let (first, last) = (*columns.start(), *columns.end());
        if !(1..=fields).contains(&first) || last > fields {
            let column = if (1..=fields).contains(&first) {
                last
            } else {
                first
            };
            return failed(format!("there is no column {column}; there are {fields}"));
        }
        roles[first - 1..last].fill(Role::Nothing);
    }
    roles[position(path, &format.target, header, fields)?] = Role::Target;
    if let Some(shard) = &format.shard {
        let column = position(path, shard, header, fields)?;
        if roles[column] == Role::Target {
            let option = format.target_option();
            let what = match format.kind {
                TargetKind::Class => "class",
                TargetKind::Value => "target",
            };
            return failed(format!(
                "column {} is the {what} and names the shard; give {option}= or by= another column",
                column + 1
            ));
        }
        roles[column] = Role::Shard;
    }
    if !roles.contains(&Role::Feature) {
        return failed(format!("none of its {fields} columns is left as a feature"));
    }
    Ok(roles)
}

/// Whether a column holds the numbers or names of rows, which say nothing of them: the index of a pandas table in a Parquet
/// file, or the first column without a name, as pandas and R write it into a CSV file.
fn is_index(header: Option<&ByteRecord>, column: usize) -> bool {
    let Some(name) = header.and_then(|header| header.get(column)) else {
        return false;
    };
    let number = name
        .strip_prefix(b"__index_level_")
        .and_then(|rest| rest.strip_suffix(b"__"));
    let is_level =
        number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
    is_level || (column == 0 && name.is_empty())
}

/// Where a field is among those of a row, from 0.
fn position(
    path: &str,
    field: &Column,
    header: Option<&ByteRecord>,
    fields: usize,
) -> Result<usize, DataError> {
    let reason = match (field, header) {
        (Column::Last, header) => {
            let mut columns = (0..fields).rev();
            let last = columns.find(|&column| !is_index(header, column));
            return Ok(last.unwrap_or(fields - 1));
        }
        (Column::Position(position), _) if (1..=fields).contains(position) => {
            return Ok(position - 1);
        }
        (Column::Position(position), _) => {
            format!("there is no column {position}; there are {fields}")
        }
        (Column::Named(name), Some(header)) => {
            let found = header.iter().position(|field| field == name.as_bytes());
            match found {
                Some(position) => return Ok(position),
                None => format!("there is no column `{name}`"),
            }
        }
        (Column::Named(name), None) => {
            format!("column `{name}` cannot be found without a header")
        }
    };
    Err(DataError::file(path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_rows_are_no_feature_and_no_class() {
        let of = |header: [&str; 3], target| {
            let header = ByteRecord::from(header.to_vec());
            let format = Format {
                target,
                ..Format::default()
            };
            roles("a.parquet", &format, Some(&header), 3).unwrap()
        };
        let parquet = ["a", "y", "__index_level_0__"];
        let usual = [Role::Feature, Role::Target, Role::Nothing];
        assert_eq!(of(parquet, Column::Last), usual);
        assert_eq!(of(parquet, Column::Named("y".to_owned())), usual);
        let asked = [Role::Feature, Role::Feature, Role::Target];
        assert_eq!(of(parquet, Column::Position(3)), asked, "who asks gets it");
        let usual = [Role::Nothing, Role::Feature, Role::Target];
        assert_eq!(of(["", "a", "y"], Column::Last), usual);
        let asked = [Role::Target, Role::Feature, Role::Feature];
        assert_eq!(of(["", "a", "y"], Column::Position(1)), asked);
        let not = [Role::Feature, Role::Feature, Role::Target];
        for other in ["", "__index_level_", "__index_level_x__"] {
            assert_eq!(of(["a", other, "y"], Column::Last), not, "{other}");
        }
    }
}
