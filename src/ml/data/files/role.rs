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
    let is_index = |column| {
        header
            .and_then(|header| header.get(column))
            .is_some_and(is_index)
    };
    let usual = |column| match is_index(column) {
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

/// Whether a column of this name is the index of a pandas table, which says nothing of its rows.
fn is_index(name: &[u8]) -> bool {
    let number = name
        .strip_prefix(b"__index_level_")
        .and_then(|rest| rest.strip_suffix(b"__"));
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
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
            let named = |column: &usize| header.and_then(|header| header.get(*column));
            let mut columns = (0..fields).rev();
            let last = columns.find(|column| !named(column).is_some_and(is_index));
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
    fn the_index_of_pandas_is_no_feature_and_no_class() {
        let header = ByteRecord::from(vec!["a", "y", "__index_level_0__"]);
        let of = |target| {
            let format = Format {
                target,
                ..Format::default()
            };
            roles("a.parquet", &format, Some(&header), 3).unwrap()
        };
        let usual = [Role::Feature, Role::Target, Role::Nothing];
        assert_eq!(of(Column::Last), usual);
        assert_eq!(of(Column::Named("y".to_owned())), usual);
        let asked = [Role::Feature, Role::Feature, Role::Target];
        assert_eq!(of(Column::Position(3)), asked, "who asks gets it");
        assert!(!is_index(b"__index_level_") && !is_index(b"__index_level_x__"));
    }
}
