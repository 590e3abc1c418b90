//! What rows are to be taken for: classes, or real values.

use std::fmt;

/// Which of the two a data set has, an objective compares, and a model gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// One of several classes: classification.
    #[default]
    Class,
    /// A real value: regression.
    Value,
}

impl TargetKind {
    /// By a number of classes, which is 0 where targets are real values.
    pub fn of(classes: usize) -> TargetKind {
        match classes {
            0 => TargetKind::Value,
            _ => TargetKind::Class,
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            TargetKind::Class => "classes",
            TargetKind::Value => "real values",
        })
    }
}

/// The target of each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Classes, each below their number.
    Classes {
        /// Class of each row.
        labels: Vec<u32>,
        /// How many there may be; at least 1.
        classes: usize,
    },
    /// Finite real values.
    Values(Vec<f32>),
}

impl Targets {
    /// Which of the two they are.
    pub fn kind(&self) -> TargetKind {
        match self {
            Targets::Classes { .. } => TargetKind::Class,
            Targets::Values(_) => TargetKind::Value,
        }
    }

    /// Those of all rows.
    pub fn view(&self) -> TargetsView<'_> {
        match self {
            Targets::Classes { labels, .. } => TargetsView::Classes(labels),
            Targets::Values(values) => TargetsView::Values(values),
        }
    }

    /// Of how many rows.
    pub(super) fn len(&self) -> usize {
        self.view().len()
    }

    /// Those of these rows, of which there must be so many.
    pub(super) fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Classes { labels, classes } => Targets::Classes {
                labels: rows.iter().map(|row| labels[*row]).collect(),
                classes: *classes,
            },
            Targets::Values(values) => {
                Targets::Values(rows.iter().map(|row| values[*row]).collect())
            }
        }
    }

    /// Those of all parts, in order; none where there are no parts, or classes in some and values in others.
    pub(super) fn concatenate(parts: &[&Targets]) -> Option<Targets> {
        let mut parts = parts.iter();
        let mut all = (**parts.next()?).clone();
        for part in parts {
            match (&mut all, part) {
                (
                    Targets::Classes { labels, classes },
                    Targets::Classes {
                        labels: more,
                        classes: others,
                    },
                ) => {
                    labels.extend(more);
                    *classes = (*classes).max(*others);
                }
                (Targets::Values(values), Targets::Values(more)) => values.extend(more),
                _ => return None,
            }
        }
        Some(all)
    }
}

/// The targets of some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetsView<'a> {
    /// Classes.
    Classes(&'a [u32]),
    /// Real values.
    Values(&'a [f32]),
}

impl TargetsView<'_> {
    /// Of how many rows.
    pub fn len(&self) -> usize {
        match self {
            TargetsView::Classes(labels) => labels.len(),
            TargetsView::Values(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
