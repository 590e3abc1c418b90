//! Rows of features with the target of each: a class or a real value.

use std::fmt;

use ndarray::{Array2, ArrayView2, Axis};

use super::names::Names;
use super::targets::{TargetKind, Targets};

/// Most rows of a data set.
pub const MAX_ROWS: usize = 1 << 31;
/// Most features of a row.
pub const MAX_FEATURES: usize = 1 << 20;
/// Most classes.
pub const MAX_CLASSES: usize = 1 << 16;

/// Rows of finite features, each with a target. Has at least one row and one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Rows x features, row-major without gaps.
    features: Array2<f32>,
    targets: Targets,
    names: Names,
}

impl Dataset {
    /// A data set of `features` (rows x features) and the class of each row.
    ///
    /// # Errors
    /// When there are no rows or features, or too many; a feature is not finite; or a label is not
    /// below `classes`.
    pub fn new(
        features: Array2<f32>,
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Self, DatasetError> {
        Dataset::with_targets(features, Targets::Classes { labels, classes })
    }

    /// A data set of `features` (rows x features) and the target of each row.
    ///
    /// # Errors
    /// When there are no rows or features, or too many; a feature or value is not finite; or a label is not below the
    /// number of classes.
    pub fn with_targets(features: Array2<f32>, targets: Targets) -> Result<Self, DatasetError> {
        let (rows, width) = features.dim();
        if rows == 0 || rows > MAX_ROWS || width == 0 || width > MAX_FEATURES {
            return Err(DatasetError::Size { rows, width });
        }
        if targets.len() != rows {
            return Err(DatasetError::Targets {
                rows,
                targets: targets.len(),
            });
        }
        check(&targets)?;
        let features = match features.is_standard_layout() {
            true => features,
            false => features.as_standard_layout().into_owned(),
        };
        let values = features.as_slice().unwrap_or(&[]);
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (place / width, place % width);
            let value = features[[row, column]];
            return Err(DatasetError::NotFinite { row, column, value });
        }
        Ok(Dataset {
            features,
            targets,
            names: Names::default(),
        })
    }

    /// The same rows with names for their features and classes.
    #[must_use]
    pub fn with_names(self, names: Names) -> Dataset {
        Dataset { names, ..self }
    }

    /// What their features and classes are called, as far as it is known.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.nrows()
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.features.ncols()
    }

    /// What rows are to be taken for.
    pub fn kind(&self) -> TargetKind {
        self.targets.kind()
    }

    /// The target of each row.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Number of classes, and every label is below it; 0 where targets are real values.
    pub fn classes(&self) -> usize {
        match &self.targets {
            Targets::Classes { classes, .. } => *classes,
            Targets::Values(_) => 0,
        }
    }

    /// Features (rows x features), row-major without gaps.
    pub fn features(&self) -> ArrayView2<'_, f32> {
        self.features.view()
    }

    /// Class of each row; empty where targets are real values.
    pub fn labels(&self) -> &[u32] {
        match &self.targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Values(_) => &[],
        }
    }

    /// Features of one row.
    ///
    /// # Panics
    /// When there are not so many rows.
    #[inline]
    pub fn row(&self, row: usize) -> &[f32] {
        let width = self.features.ncols();
        let values = self.features.as_slice().unwrap_or(&[]);
        &values[row * width..(row + 1) * width]
    }

    /// These rows, in this order; none when there are none to choose.
    ///
    /// # Panics
    /// When there are not so many rows.
    pub fn select(&self, rows: &[u32]) -> Option<Dataset> {
        if rows.is_empty() {
            return None;
        }
        let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
        Some(Dataset {
            features: self.features.select(Axis(0), &rows),
            targets: self.targets.select(&rows),
            names: self.names.clone(),
        })
    }

    /// The rows of all parts, in order, with the most classes of any and the names of the first.
    ///
    /// # Errors
    /// When there are no parts, or they differ in features or kind of targets, or are too large together.
    pub fn concatenate(parts: &[&Dataset]) -> Result<Dataset, DatasetError> {
        let views: Vec<_> = parts.iter().map(|part| part.features()).collect();
        let rows = parts.iter().map(|part| part.rows()).sum();
        let width = parts.first().map_or(0, |part| part.width());
        let features = ndarray::concatenate(Axis(0), &views)
            .map_err(|_| DatasetError::Size { rows, width })?;
        let targets: Vec<_> = parts.iter().map(|part| part.targets()).collect();
        let targets = Targets::concatenate(&targets).ok_or(DatasetError::Kinds)?;
        let all = Dataset::with_targets(features, targets)?;
        Ok(match parts.first() {
            Some(first) => all.with_names(first.names.clone()),
            None => all,
        })
    }

    /// The same rows with every feature replaced, by its column and value.
    #[must_use]
    pub(super) fn map_columns(mut self, replace: impl Fn(usize, f32) -> f32) -> Dataset {
        for mut row in self.features.rows_mut() {
            for (column, value) in row.iter_mut().enumerate() {
                *value = replace(column, *value);
            }
        }
        self
    }

    /// The same rows with false labels, as an attacker has them: class c of n becomes n - 1 - c. There may be more classes
    /// than these rows have; where there are fewer, and of real values, there is no such opposite.
    pub fn with_flipped_labels(&self, of: usize) -> Option<Dataset> {
        let mut flipped = self.clone();
        match &mut flipped.targets {
            Targets::Classes { labels, classes } if *classes <= of => {
                let last = of as u32 - 1;
                labels.iter_mut().for_each(|label| *label = last - *label);
                *classes = of;
            }
            _ => return None,
        }
        Some(flipped)
    }
}

/// Whether targets are what they may be.
fn check(targets: &Targets) -> Result<(), DatasetError> {
    match targets {
        Targets::Classes { classes, .. } if *classes == 0 || *classes > MAX_CLASSES => {
            Err(DatasetError::Classes(*classes))
        }
        Targets::Classes { labels, classes } => {
            match labels.iter().position(|label| *label as usize >= *classes) {
                Some(row) => Err(DatasetError::Label {
                    row,
                    label: labels[row],
                    classes: *classes,
                }),
                None => Ok(()),
            }
        }
        Targets::Values(values) => match values.iter().position(|value| !value.is_finite()) {
            Some(row) => Err(DatasetError::Value {
                row,
                value: values[row],
            }),
            None => Ok(()),
        },
    }
}

/// Why features and targets make no data set. Rows and columns count from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum DatasetError {
    /// There are no rows or features, or too many.
    Size {
        /// Rows there are.
        rows: usize,
        /// Features there are.
        width: usize,
    },
    /// There are not as many targets as rows.
    Targets {
        /// Rows there are.
        rows: usize,
        /// Targets there are.
        targets: usize,
    },
    /// Some parts have classes, others real values.
    Kinds,
    /// So many classes are not allowed.
    Classes(usize),
    /// A label is not below the number of classes.
    Label {
        /// Its row.
        row: usize,
        /// What it is.
        label: u32,
        /// The number of classes.
        classes: usize,
    },
    /// The value of a row is infinite or NaN.
    Value {
        /// Its row.
        row: usize,
        /// What it is.
        value: f32,
    },
    /// A feature is infinite or NaN.
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// What it is.
        value: f32,
    },
}

impl fmt::Display for DatasetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatasetError::Size { rows, width } => write!(
                formatter,
                "{rows} rows of {width} features: a data set has 1 to {MAX_ROWS} rows of 1 to \
                 {MAX_FEATURES} features"
            ),
            DatasetError::Targets { rows, targets } => {
                write!(formatter, "{rows} rows have {targets} targets")
            }
            DatasetError::Kinds => {
                write!(formatter, "some rows have classes, others real values")
            }
            DatasetError::Classes(classes) => {
                write!(
                    formatter,
                    "a data set has 1 to {MAX_CLASSES} classes, not {classes}"
                )
            }
            DatasetError::Label {
                row,
                label,
                classes,
            } => {
                write!(
                    formatter,
                    "row {row} has label {label}, which is not below {classes}"
                )
            }
            DatasetError::Value { row, value } => {
                write!(formatter, "row {row} has the value {value}")
            }
            DatasetError::NotFinite { row, column, value } => {
                write!(formatter, "row {row} has {value} in column {column}")
            }
        }
    }
}

impl std::error::Error for DatasetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_are_chosen_and_joined() {
        let data = Dataset::new(array![[1., 2.], [3., 4.], [5., 6.]], vec![0, 1, 2], 3).unwrap();
        assert_eq!(data.row(1), [3.0, 4.0]);
        let chosen = data.select(&[2, 0]).unwrap();
        assert_eq!(
            (chosen.labels(), chosen.row(0)),
            (&[2, 0][..], &[5.0, 6.0][..])
        );
        assert_eq!(data.select(&[]), None);
        let joined = Dataset::concatenate(&[&chosen, &data.select(&[1]).unwrap()]).unwrap();
        assert_eq!(
            (joined.rows(), joined.classes(), joined.row(2)),
            (3, 3, &[3.0, 4.0][..])
        );
        assert!(Dataset::concatenate(&[]).is_err());
    }

    #[test]
    fn labels_are_flipped_among_all_classes_of_the_model() {
        let data = Dataset::new(array![[1.], [2.]], vec![0, 1], 2).unwrap();
        let flipped = data.with_flipped_labels(3).unwrap();
        assert_eq!((flipped.labels(), flipped.classes()), (&[2, 1][..], 3));
        assert_eq!(data.with_flipped_labels(2).unwrap().labels(), [1, 0]);
        assert_eq!(data.with_flipped_labels(1), None);
    }

    #[test]
    fn columns_may_lie_first_in_memory() {
        let data = Dataset::new(array![[1., 2.], [3., 4.]].reversed_axes(), vec![0, 0], 1).unwrap();
        assert_eq!(data.row(0), [1.0, 3.0]);
    }

    #[test]
    fn impossible_data_are_refused() {
        let error = |features, labels, classes| {
            Dataset::new(features, labels, classes)
                .unwrap_err()
                .to_string()
        };
        assert!(error(Array2::zeros((0, 2)), vec![], 1).starts_with("0 rows of 2 features"));
        assert!(error(Array2::zeros((2, 0)), vec![0, 0], 1).starts_with("2 rows of 0 features"));
        assert_eq!(
            error(Array2::zeros((2, 1)), vec![0], 1),
            "2 rows have 1 targets"
        );
        assert!(error(Array2::zeros((1, 1)), vec![0], 0).contains("not 0"));
        let text = "row 1 has label 2, which is not below 2";
        assert_eq!(error(Array2::zeros((2, 1)), vec![0, 2], 2), text);
        let text = "row 0 has NaN in column 1";
        assert_eq!(error(array![[0., f32::NAN]], vec![0], 1), text);
    }

    #[test]
    fn real_values_are_chosen_and_joined_and_never_mixed_with_classes() {
        let features = array![[1.], [2.], [3.]];
        let values = |values: &[f32]| Targets::Values(values.to_vec());
        let data = Dataset::with_targets(features.clone(), values(&[0.5, -1., 7.])).unwrap();
        assert_eq!((data.kind(), data.classes()), (TargetKind::Value, 0));
        assert!(data.labels().is_empty() && data.with_flipped_labels(2).is_none());
        let chosen = data.select(&[2, 0]).unwrap();
        assert_eq!(chosen.targets(), &values(&[7., 0.5]));
        let joined = Dataset::concatenate(&[&chosen, &data]).unwrap();
        assert_eq!(joined.targets(), &values(&[7., 0.5, 0.5, -1., 7.]));
        let classes = Dataset::new(features.clone(), vec![0, 1, 0], 2).unwrap();
        let mixed = Dataset::concatenate(&[&data, &classes]);
        assert_eq!(mixed, Err(DatasetError::Kinds));
        let error = Dataset::with_targets(features, values(&[0., f32::INFINITY, 1.]));
        assert_eq!(error.unwrap_err().to_string(), "row 1 has the value inf");
    }
}
