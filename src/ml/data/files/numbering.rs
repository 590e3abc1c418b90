//! How classes that are texts get their numbers.

use std::sync::Arc;

use crate::spec::{Arguments, SpecError};

/// By what classes that are texts are numbered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Numbering {
    /// By the sorted order of all that are read together.
    #[default]
    Sorted,
    /// By their places in this list; there are no others.
    Known(Arc<[String]>),
    /// They are not: classes are numbers. So it has to be where others read rows of the same run, which may have other
    /// texts among theirs.
    Refused,
}

impl Numbering {
    /// What the option says.
    pub fn read(arguments: &mut Arguments) -> Result<Numbering, SpecError> {
        let Some(text) = arguments.text("classes").map(str::to_owned) else {
            return Ok(Numbering::Sorted);
        };
        if text == "numbers" {
            return Ok(Numbering::Refused);
        }
        let names: Vec<String> = text.split('/').map(|name| name.trim().to_owned()).collect();
        let is_new =
            |(place, name): (usize, &String)| !name.is_empty() && !names[..place].contains(name);
        if names.len() < 2 || !names.iter().enumerate().all(is_new) {
            let allowed = "numbers, or two classes or more in their order, as in benign/malignant";
            return Err(arguments.bad_option("classes", &text, allowed));
        }
        Ok(Numbering::Known(names.into()))
    }

    /// The classes, where they are known.
    pub fn known(&self) -> Option<&[String]> {
        match self {
            Numbering::Known(names) => Some(names),
            Numbering::Sorted | Numbering::Refused => None,
        }
    }

    /// The number of a class that is known.
    pub fn number(&self, field: &[u8]) -> Option<u32> {
        let place = self
            .known()?
            .iter()
            .position(|name| name.as_bytes() == field)?;
        Some(place as u32)
    }
}
