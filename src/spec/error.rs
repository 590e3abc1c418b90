//! What can be wrong with a spec, said with the name, the value and what is allowed.

use std::fmt;

/// Why a text does not name anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// The text does not follow `name:value,key=value`.
    Malformed {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The table has no row of this name.
    UnknownName {
        /// What the table holds, for example `policy`.
        kind: &'static str,
        /// The name as written.
        name: String,
        /// The names that would have been right.
        known: Vec<&'static str>,
        /// The known name nearest to it, if any is near.
        near: Option<&'static str>,
    },
    /// The row takes no option of this key.
    UnknownOption {
        /// Kind and name, for example `model mlp`.
        what: String,
        /// The key as written.
        key: String,
        /// The keys that would have been right.
        known: Vec<&'static str>,
        /// The known key nearest to it, if any is near.
        near: Option<&'static str>,
    },
    /// The value, or the value of an option, is not allowed.
    BadValue {
        /// Kind and name, for example `model mlp`.
        what: String,
        /// The key of the option; none for the value behind the name.
        key: Option<String>,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The row needs a value behind its name, or an option.
    Missing {
        /// Kind and name, for example `model mlp`.
        what: String,
        /// The key of the option; none for the value behind the name.
        key: Option<String>,
        /// What is to be given.
        allowed: String,
    },
    /// A value or option was given that has no meaning here.
    Unused {
        /// Kind and name, for example `model mlp`.
        what: String,
        /// The key of the option; none for the value behind the name.
        key: Option<String>,
        /// The value as written.
        value: String,
    },
    /// The parts are right by themselves and do not go together.
    Invalid {
        /// Kind and name, for example `model mlp`.
        what: String,
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::Malformed { text, reason } => {
                write!(
                    formatter,
                    "`{text}` is not of the form `name:value,key=value`: {reason}"
                )
            }
            SpecError::UnknownName {
                kind,
                name,
                known,
                near,
            } => {
                write!(formatter, "unknown {kind} `{name}`; ")?;
                write_known(formatter, known, *near)
            }
            SpecError::UnknownOption {
                what,
                key,
                known,
                near,
            } => {
                write!(formatter, "{what}: unknown option `{key}`; ")?;
                write_known(formatter, known, *near)
            }
            SpecError::BadValue {
                what,
                key,
                value,
                allowed,
            } => match key {
                Some(key) => write!(
                    formatter,
                    "{what}: `{key}={value}` is not allowed; give {allowed}"
                ),
                None => write!(
                    formatter,
                    "{what}: `{value}` is not allowed; give {allowed}"
                ),
            },
            SpecError::Missing { what, key, allowed } => match key {
                Some(key) => write!(
                    formatter,
                    "{what}: option `{key}` is missing; give {allowed}"
                ),
                None => write!(
                    formatter,
                    "{what}: nothing follows the name; give {allowed}"
                ),
            },
            SpecError::Unused { what, key, value } => match key {
                Some(key) => write!(
                    formatter,
                    "{what}: option `{key}={value}` has no effect here"
                ),
                None => write!(formatter, "{what} takes no value, but `{value}` was given"),
            },
            SpecError::Invalid { what, reason } => write!(formatter, "{what}: {reason}"),
        }
    }
}

/// Writes the known names, and first the one that was probably meant.
fn write_known(
    formatter: &mut fmt::Formatter<'_>,
    known: &[&str],
    near: Option<&str>,
) -> fmt::Result {
    if let Some(near) = near {
        write!(formatter, "did you mean `{near}`? ")?;
    }
    match known {
        [] => write!(formatter, "none is known"),
        known => write!(formatter, "known: {}", known.join(", ")),
    }
}

impl std::error::Error for SpecError {}

/// The candidate nearest to `word`, if it is near enough to have been meant: at most one edit in
/// three characters, or one is the start of the other.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let (distance, best) = candidates
        .iter()
        .map(|candidate| (edits(&word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let longest = word.chars().count().max(best.chars().count());
    if distance * 3 <= longest {
        return Some(best);
    }
    let starts = |candidate: &&&str| word.len() >= 3 && candidate.starts_with(&word);
    candidates.iter().find(starts).copied()
}

/// Insertions, deletions and replacements that turn one word into the other (Levenshtein, 1966).
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (position, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = position + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["random", "load-balancing", "round-robin"];
        assert_eq!(nearest("rando", &known), Some("random"));
        assert_eq!(nearest("Random", &known), Some("random"));
        assert_eq!(nearest("load", &known), Some("load-balancing"));
        assert_eq!(nearest("fastest", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
