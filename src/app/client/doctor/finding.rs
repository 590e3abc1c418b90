//! What a look at something found: how bad it is, and what to do about it.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be, or not told.
    Ok,
    /// Runs work, but perhaps not as somebody expects.
    Warning,
    /// Runs fail, or do without something, because of it.
    Problem,
}

impl Level {
    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        }
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Name of the check.
    pub(super) check: &'static str,
    /// What it is about, where there are several: a node, a run.
    pub(super) about: Option<String>,
    /// How bad it is.
    pub(super) level: Level,
    /// What was found.
    pub(super) found: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Finding {
    fn new(check: &'static str, level: Level, found: impl Into<String>) -> Finding {
        Finding {
            check,
            about: None,
            level,
            found: found.into(),
            hint: None,
        }
    }

    /// All is well.
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(check, Level::Ok, found)
    }

    /// Nobody said.
    pub(super) fn not_told(check: &'static str) -> Finding {
        Finding::ok(check, "not told: the other side is of an older release")
    }

    /// Perhaps not as it should be.
    pub(super) fn warning(
        check: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding {
            hint: Some(hint.into()),
            ..Finding::new(check, Level::Warning, found)
        }
    }

    /// Not as it should be.
    pub(super) fn problem(
        check: &'static str,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Finding {
            hint: Some(hint.into()),
            ..Finding::new(check, Level::Problem, found)
        }
    }

    /// Of this one.
    pub(super) fn about(self, what: impl Into<String>) -> Finding {
        Finding {
            about: Some(what.into()),
            ..self
        }
    }
}
