//! The data sets of several tables, which have their classes in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array2;

use super::Table;
use crate::ml::data::files::labels::Labels;
use crate::ml::data::{DataError, Dataset};
use crate::ml::data::{Names, Targets};

/// The data sets of several files, with the same classes for all, if they have classes: names count in sorted order
/// unless they are known, numbers up to the largest.
pub(in crate::ml::data::files) fn assemble(tables: Vec<Table>) -> Result<Vec<Dataset>, DataError> {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let mut largest = 0;
    for table in &tables {
        table.check_like(&tables[0])?;
        match &table.targets {
            Labels::Names { numbers, .. } => {
                names.extend(numbers.keys().map(|name| (name.clone(), 0)))
            }
            Labels::Numbers(rows) => {
                largest = rows.iter().fold(largest, |most, label| most.max(*label))
            }
            Labels::Values(_) => {}
        }
    }
    for (place, class) in names.values_mut().enumerate() {
        *class = place as u32;
    }
    let known = tables.first().and_then(|table| table.numbering.known());
    let classes = match (known, names.len()) {
        (Some(known), _) => known.len(),
        (None, 0) => largest as usize + 1,
        (None, count) => count,
    };
    let class_names = match (known, names.is_empty()) {
        (Some(known), _) => Some(known.into()),
        (None, true) => None,
        (None, false) => Some(names.keys().cloned().collect()),
    };
    let called = Names {
        features: tables.iter().find_map(Table::feature_names),
        classes: class_names,
    };
    tables
        .into_iter()
        .map(|table| {
            let rows = table.into_dataset(&names, classes)?;
            Ok(rows.with_names(called.clone()))
        })
        .collect()
}

impl Table {
    /// Whether this can be put together with another.
    fn check_like(&self, first: &Table) -> Result<(), DataError> {
        if self.width != first.width {
            let reason = format!(
                "{} features, but {} has {}",
                self.width, first.path, first.width
            );
            return Err(DataError::file(&self.path, reason));
        }
        self.check_names(first)?;
        let what = match (&self.targets, &first.targets) {
            (Labels::Names { .. }, Labels::Names { .. })
            | (Labels::Numbers(_), Labels::Numbers(_))
            | (Labels::Values(_), Labels::Values(_)) => return Ok(()),
            (Labels::Values(_), _) | (_, Labels::Values(_)) => "real values",
            _ => "numbers",
        };
        let reason = format!(
            "either its targets or those of {} are {what}, not both",
            first.path
        );
        Err(DataError::file(&self.path, reason))
    }

    /// Whether columns have the same names as those of another, where both say them: values are put together by their
    /// places alone.
    fn check_names(&self, first: &Table) -> Result<(), DataError> {
        let (Some(own), Some(others)) = (&self.names, &first.names) else {
            return Ok(());
        };
        let mut pairs = own.iter().zip(others.iter());
        let Some((own, other)) = pairs.find(|(own, other)| own != other) else {
            return Ok(());
        };
        let reason = format!(
            "it has the column `{own}` where {} has `{other}`; give all files the same columns in the same order",
            first.path
        );
        Err(DataError::file(&self.path, reason))
    }

    fn feature_names(&self) -> Option<Arc<[String]>> {
        let names = self.names.as_ref()?;
        names.get(..self.width).map(Arc::from)
    }

    fn into_dataset(
        self,
        names: &BTreeMap<String, u32>,
        classes: usize,
    ) -> Result<Dataset, DataError> {
        let targets = match self.targets {
            Labels::Values(values) => Targets::Values(values),
            Labels::Numbers(labels) => Targets::Classes { labels, classes },
            Labels::Names { numbers, mut rows } => {
                let mut class_of = vec![0; numbers.len()];
                for (name, number) in &numbers {
                    class_of[*number as usize] = names[name];
                }
                rows.iter_mut()
                    .for_each(|row| *row = class_of[*row as usize]);
                Targets::Classes {
                    labels: rows,
                    classes,
                }
            }
        };
        let features = Array2::from_shape_vec((targets.len(), self.width), self.features)
            .map_err(|error| DataError::file(&self.path, error))?;
        Dataset::with_targets(features, targets).map_err(|error| DataError::file(&self.path, error))
    }
}
