//! What nodes say their columns are called.

use std::sync::Arc;

use crate::ml::data::Names;
use crate::wire::stubs::compute_node::Columns;

/// Most names of features, or of classes, of a node.
const MOST_NAMES: usize = 1024;
/// Most bytes that they take together.
const MOST_BYTES: usize = 32 << 10;

/// What is told of them; nothing where there are no names, or too many.
pub fn write(names: &Names) -> Option<Columns> {
    let told = |names: &Option<Arc<[String]>>| {
        let few = names.as_deref().filter(|names| are_few(names));
        few.map(<[String]>::to_vec)
    };
    let (features, classes) = (told(&names.features), told(&names.classes));
    (features.is_some() || classes.is_some()).then_some(Columns { features, classes })
}

/// What a node says of them; too many are not taken into account.
pub fn read(columns: Option<&Columns>) -> Names {
    let known = |names: Option<&Vec<String>>| {
        let few = names.filter(|names| are_few(names));
        few.map(|names| Arc::from(names.as_slice()))
    };
    Names {
        features: known(columns.and_then(|columns| columns.features.as_ref())),
        classes: known(columns.and_then(|columns| columns.classes.as_ref())),
    }
}

fn are_few(names: &[String]) -> bool {
    names.len() <= MOST_NAMES && names.iter().map(String::len).sum::<usize>() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_unless_there_are_too_many() {
        let names = |count: usize, bytes: usize| Some(vec!["x".repeat(bytes); count].into());
        let said = |features, classes| Names { features, classes };
        let some = said(names(3, 5), names(2, 5));
        assert_eq!(read(write(&some).as_ref()), some);
        assert_eq!(write(&Names::default()), None);
        for many in [names(MOST_NAMES + 1, 1), names(MOST_NAMES, 33)] {
            let told = write(&said(many.clone(), names(2, 5))).unwrap();
            assert_eq!(told.features, None);
            let sent = Columns {
                features: many.map(|many: Arc<[String]>| many.to_vec()),
                ..told
            };
            assert_eq!(read(Some(&sent)), said(None, names(2, 5)));
        }
    }
}
