//! The value and options of a spec, as the builder of a row reads them.

use std::fmt::Display;
use std::ops::RangeBounds;
use std::str::FromStr;

use super::{Spec, SpecError};

/// Value and options of a spec. What the builder does not read is an error afterwards, so no
/// option is ever silently without effect.
#[derive(Debug)]
pub struct Arguments {
    what: String,
    value: Option<String>,
    value_read: bool,
    /// Key, value, whether read.
    options: Vec<(String, String, bool)>,
}

impl Arguments {
    /// The arguments of `spec` for a row of a table of `kind`.
    pub(super) fn new(kind: &str, row: &str, spec: &Spec) -> Self {
        Arguments {
            what: format!("{kind} {row}"),
            value: spec.value().map(str::to_owned),
            value_read: false,
            options: spec
                .options()
                .map(|(key, value)| (key.to_owned(), value.to_owned(), false))
                .collect(),
        }
    }

    /// The value behind the name, as it is.
    pub fn value(&mut self) -> Option<&str> {
        self.value_read = true;
        self.value.as_deref()
    }

    /// The value behind the name, which must be there; `allowed` says what it may be.
    ///
    /// # Errors
    /// When there is none.
    pub fn required_value(&mut self, allowed: &str) -> Result<&str, SpecError> {
        self.value_read = true;
        self.value.as_deref().ok_or_else(|| SpecError::Missing {
            what: self.what.clone(),
            key: None,
            allowed: allowed.to_owned(),
        })
    }

    /// The value of an option, as it is.
    pub fn text(&mut self, key: &str) -> Option<&str> {
        let option = self.options.iter_mut().find(|(known, ..)| known == key)?;
        option.2 = true;
        Some(&option.1)
    }

    /// The value of an option as a `T`; `allowed` says what it may be, for the error.
    ///
    /// # Errors
    /// When it is there and no `T`.
    pub fn option<T: FromStr>(&mut self, key: &str, allowed: &str) -> Result<Option<T>, SpecError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                let text = text.to_owned();
                Err(self.bad_option(key, &text, allowed))
            }
        }
    }

    /// The number an option gives, which must lie in `range`; `default` when it is not given.
    ///
    /// # Errors
    /// When it is no number or outside (NaN is outside every range).
    pub fn number<T>(
        &mut self,
        key: &str,
        default: T,
        range: impl RangeBounds<T>,
        allowed: &str,
    ) -> Result<T, SpecError>
    where
        T: FromStr + PartialOrd + Display,
    {
        match self.option::<T>(key, allowed)? {
            None => Ok(default),
            Some(number) if range.contains(&number) => Ok(number),
            Some(_) => {
                let text = self.text(key).unwrap_or_default().to_owned();
                Err(self.bad_option(key, &text, allowed))
            }
        }
    }

    /// The one of `choices` that an option names; the first of them when it is not given.
    ///
    /// # Errors
    /// When it names another.
    pub fn choice<T: Clone>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<T, SpecError> {
        let Some(text) = self.text(key) else {
            return Ok(choices[0].1.clone());
        };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(choice.clone());
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let text = text.to_owned();
        Err(self.bad_option(key, &text, &names.join(" or ")))
    }

    /// The error for a value behind the name that is not allowed.
    pub fn bad_value(&self, allowed: &str) -> SpecError {
        SpecError::BadValue {
            what: self.what.clone(),
            key: None,
            value: self.value.clone().unwrap_or_default(),
            allowed: allowed.to_owned(),
        }
    }

    /// The error for a value of an option that is not allowed.
    pub fn bad_option(&self, key: &str, value: &str, allowed: &str) -> SpecError {
        SpecError::BadValue {
            what: self.what.clone(),
            key: Some(key.to_owned()),
            value: value.to_owned(),
            allowed: allowed.to_owned(),
        }
    }

    /// The error for parts that do not go together.
    pub fn invalid(&self, reason: impl Into<String>) -> SpecError {
        SpecError::Invalid {
            what: self.what.clone(),
            reason: reason.into(),
        }
    }

    /// The error for whatever has not been read.
    pub(super) fn finish(self) -> Result<(), SpecError> {
        if let (Some(value), false) = (self.value, self.value_read) {
            let what = self.what;
            return Err(SpecError::Unused {
                what,
                key: None,
                value,
            });
        }
        match self.options.into_iter().find(|(.., read)| !read) {
            None => Ok(()),
            Some((key, value, _)) => Err(SpecError::Unused {
                what: self.what,
                key: Some(key),
                value,
            }),
        }
    }
}
