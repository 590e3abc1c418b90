//! Whether the first record of a text holds the names of its columns.

use csv::ByteRecord;

use crate::ml::data::files::labels::number;

/// Whether none of the fields is a number.
pub(super) fn is_header(record: &ByteRecord) -> bool {
    record.iter().all(|field| number(field).is_none())
}

/// Whether a first record is the names that pandas gives to columns without any, 0, 1, 2 and so on; the target may have
/// a name.
pub(super) fn counts_up(record: &ByteRecord, target: usize) -> bool {
    let is_place = |(place, field): (usize, &[u8])| {
        field == place.to_string().as_bytes() || (place == target && number(field).is_none())
    };
    record.len() > 2 && record.iter().enumerate().all(is_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pandas_gives_are_seen() {
        let counts_up = |fields: &[&str]| counts_up(&ByteRecord::from(fields), fields.len() - 1);
        assert!(counts_up(&["0", "1", "2", "target"]));
        assert!(counts_up(&["0", "1", "2", "3"]));
        assert!(!counts_up(&["0", "1", "2", "1"]));
        assert!(!counts_up(&["0", "2", "1", "target"]));
        assert!(!counts_up(&["0", "pear"]), "a row as well as any");
    }
}
