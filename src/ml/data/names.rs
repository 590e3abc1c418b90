//! What columns and classes are called: by it rows of different places are seen not to fit together.

use std::sync::Arc;

/// The names of the features and classes of rows, as far as their files say them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the features, in their order.
    pub features: Option<Arc<[String]>>,
    /// Of the classes, in theirs: class 0 is the first.
    pub classes: Option<Arc<[String]>>,
}

impl Names {
    /// Where the names that several places say differ, with the names of the places; none where all agree. A place that
    /// says none agrees with every other.
    pub fn disagreement<'a>(
        all: impl Iterator<Item = (&'a str, &'a Names)> + Clone,
    ) -> Option<String> {
        let features = all.clone().map(|(place, names)| (place, &names.features));
        let classes = all.map(|(place, names)| (place, &names.classes));
        differing(features, |place| format!("feature {}", place + 1))
            .or_else(|| differing(classes, |place| format!("class {place}")))
    }
}

/// Where one of these lists is unlike the first.
fn differing<'a>(
    lists: impl Iterator<Item = (&'a str, &'a Option<Arc<[String]>>)>,
    what: impl Fn(usize) -> String,
) -> Option<String> {
    let mut said = lists.filter_map(|(place, list)| Some((place, list.as_deref()?)));
    let (first, expected) = said.next()?;
    said.find_map(|(other, found)| {
        let most = expected.len().max(found.len());
        let at = (0..most).find(|&at| expected.get(at) != found.get(at))?;
        let name = |list: &[String]| match list.get(at) {
            Some(name) => format!("`{name}`"),
            None => "missing".to_owned(),
        };
        Some(format!(
            "{} is {} in {first} and {} in {other}",
            what(at),
            name(expected),
            name(found)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &str) -> Option<Arc<[String]>> {
        (!names.is_empty()).then(|| names.split(' ').map(str::to_owned).collect())
    }

    fn disagreement(all: &[(&str, &str)]) -> Option<String> {
        let read = |&(features, classes)| Names {
            features: list(features),
            classes: list(classes),
        };
        let all: Vec<Names> = all.iter().map(read).collect();
        Names::disagreement(["a", "b", "c"].into_iter().zip(&all))
    }

    #[test]
    fn only_what_is_said_can_differ() {
        assert_eq!(disagreement(&[]), None);
        assert_eq!(
            disagreement(&[("", ""), ("x y", "no yes"), ("x y", "")]),
            None
        );
        let said = |all: &[(&str, &str)]| disagreement(all).unwrap();
        assert_eq!(
            said(&[("x y", ""), ("", ""), ("y x", "")]),
            "feature 1 is `x` in a and `y` in c"
        );
        assert_eq!(
            said(&[("x y", ""), ("x y z", "")]),
            "feature 3 is missing in a and `z` in b"
        );
        assert_eq!(
            said(&[("x", "no yes"), ("x", "yes no")]),
            "class 0 is `no` in a and `yes` in b"
        );
    }
}
