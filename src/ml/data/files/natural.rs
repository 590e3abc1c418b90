//! Order of names as people count: `train2` before `train10`.

use std::cmp::Ordering;

/// Order in which numbers inside names count as numbers.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    while let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (first, second) = (take_digits(&mut a), take_digits(&mut b));
            let (first, second) = (
                first.trim_start_matches('0'),
                second.trim_start_matches('0'),
            );
            first
                .len()
                .cmp(&second.len())
                .then_with(|| first.cmp(second))
        } else {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // Names that differ in leading zeros only, or of which one starts the other.
    a.len().cmp(&b.len()).then_with(|| left.cmp(right))
}

/// Takes the digits off the front of a text.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["a10", "a9b", "a", "a09", "b1", "a9", "10", "9"];
        names.sort_by(|left, right| natural(left, right));
        assert_eq!(names, ["9", "10", "a", "a09", "a9", "a9b", "a10", "b1"]);
    }
}
