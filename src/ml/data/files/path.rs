//! Rows from files below the data root: one file, or a directory of shards or of IDX files.

use std::sync::Arc;

use super::directory::{Entry, entries};
use super::file::{self, Kind, Rows};
use super::format::{Format, format};
use super::parallel;
use super::parts::{Part, Sets};
use super::table::Table;
use crate::ml::data::{DataError, Opened, Origin, Root, TargetKind};
use crate::seed::Seed;
use crate::spec::{OptionHelp, Row};

pub(in crate::ml::data) const ROW: Row<Arc<dyn Origin>> = Row {
    name: "path",
    aliases: &[],
    value: "FILE|DIRECTORY",
    help: "a file (CSV, NPY, IDX, also .gz; NPZ, Parquet); or a directory: each train*.txt|csv|npy|npz|parquet is a \
           shard and validate* evaluates, or train-images-idx* are cut into shards and t10k-images-idx* evaluate",
    options: &[
        OptionHelp {
            key: "header",
            value: "auto|yes|no",
            help: "whether the first line holds names; auto: if none of it is a number",
        },
        OptionHelp {
            key: "label",
            value: "last|NUMBER|NAME",
            help: "column of the class, counted from 1 or named; last, or NAME-labels.npy beside NAME.npy",
        },
        OptionHelp {
            key: "target",
            value: "last|NUMBER|NAME",
            help: "for regression, in the place of label=: column of a real value; or NAME-targets.npy beside NAME.npy",
        },
        OptionHelp {
            key: "classes",
            value: "A/B/...|numbers",
            help: "CSV, Parquet: classes that are texts, all in their order, as benign/malignant; unless said, in sorted \
                   order; numbers refuses texts",
        },
        OptionHelp {
            key: "scale",
            value: "NUMBER",
            help: "what features are divided by; 1, for bytes of NPY and IDX 255",
        },
        OptionHelp {
            key: "standardise",
            value: "no|yes",
            help: "features get mean 0 and deviation 1 over the rows of the files that train; --standardise leaves out those \
                   that are held out of them",
        },
        OptionHelp {
            key: "binary",
            value: "no|yes",
            help: "classes above 0 become 1",
        },
        OptionHelp {
            key: "missing",
            value: "refused|mean|drop",
            help: "CSV, Parquet: what becomes of values that are ?, NA, NaN or empty: an error, the mean of the column over \
                   the rows of the files that train, or the row is dropped; a row without its class or target is dropped or \
                   an error",
        },
        OptionHelp {
            key: "without",
            value: "COLUMNS",
            help: "CSV, Parquet: columns that are left out, counted from 1: 3 or 3+11-13",
        },
        OptionHelp {
            key: "by",
            value: "NUMBER|NAME",
            help: "CSV, Parquet: a column that is no feature but names the shard of each row, as a hospital",
        },
        OptionHelp {
            key: "files",
            value: "PATTERN",
            help: "of a directory: each file of such a name is a shard, * for anything: site-*.csv",
        },
        OptionHelp {
            key: "channels",
            value: "auto|first|last",
            help: "NPY, NPZ: where the channels of rows of images lie, which are read channel after channel; auto: last \
                   where only the last dimension is of 1 to 4",
        },
    ],
    build: |arguments| {
        let path = arguments
            .required_value("a file or directory below the data root")?
            .to_owned();
        Ok(Arc::new(Files {
            path,
            format: format(arguments)?,
            pattern: arguments.text("files").map(str::to_owned),
            standardise: arguments.choice("standardise", &[("no", false), ("yes", true)])?,
        }))
    },
};

struct Files {
    path: String,
    format: Format,
    /// Names of the files of a directory that are shards, unless as usual.
    pattern: Option<String>,
    standardise: bool,
}

impl Origin for Files {
    fn kind(&self) -> Option<TargetKind> {
        // Real values may also lie beside an NPY file, which nobody has looked for yet.
        (self.format.kind == TargetKind::Value).then_some(TargetKind::Value)
    }

    fn open(&self, root: &Root, _: Seed) -> Result<Opened, DataError> {
        if root.resolve(&self.path)?.is_dir() {
            let parts = self.directory(root)?;
            let are_images = parts.iter().any(|part| Kind::of(&part.name) == Kind::Idx);
            return self.arrange(parts, are_images);
        }
        if self.pattern.is_some() {
            let reason = "it is one file; files= is for a directory";
            return Err(DataError::file(&self.path, reason));
        }
        let rows = file::read(root, &self.path, &self.format)?;
        self.arrange(Part::of(&self.path, rows, true), true)
    }
}

impl Files {
    /// All files are read at once, because only together they say how many classes there are.
    fn directory(&self, root: &Root) -> Result<Vec<Part>, DataError> {
        if self.format.shard.is_some() {
            let reason = "its files are the shards; by= is for one file";
            return Err(DataError::file(&self.path, reason));
        }
        let entries = entries(root, &self.path, self.pattern.as_deref())?;
        let is_idx = |entry: &Entry| Kind::of(&entry.name) == Kind::Idx;
        if entries.iter().any(is_idx) && !entries.iter().all(is_idx) {
            let reason = "it holds both IDX files and other files of rows; keep them apart";
            return Err(DataError::file(&self.path, reason));
        }
        let folder = self.path.trim_end_matches('/');
        let below = |entry: &Entry| {
            let path = format!("{folder}/{}", entry.name);
            file::read(root, &path, &self.format)
        };
        let all: Result<Vec<Rows>, DataError> =
            parallel::map(&entries, below).into_iter().collect();
        let all = entries.iter().zip(all?);
        Ok(all
            .flat_map(|(entry, rows)| Part::of(&entry.name, rows, entry.trains))
            .collect())
    }

    /// Makes data sets of all parts; those to train on are one pool, or a shard each.
    fn arrange(&self, mut parts: Vec<Part>, pool: bool) -> Result<Opened, DataError> {
        self.prepare(&mut parts)?;
        let named = parts.first().and_then(|part| part.table.shards());
        let mut sets = Sets::of(parts)?;
        if !sets.can_train() {
            let reason = match &self.pattern {
                Some(pattern) => format!("no file of it is named {pattern}"),
                None => "no file of it is named train*.txt, train*.csv, train*.npy, train*.npz, train*.parquet or \
                         train-images-idx3-ubyte; files= names others"
                    .to_owned(),
            };
            return Err(DataError::file(&self.path, reason));
        }
        if self.standardise {
            sets = sets.standardised(&self.path)?;
        }
        sets.opened(named, pool)
    }

    /// What is done to rows once all are there, before their classes are numbered.
    fn prepare(&self, parts: &mut [Part]) -> Result<(), DataError> {
        let tables = parts.iter_mut().map(|part| (&mut part.table, part.trains));
        self.format.missing.see_to(tables.collect())?;
        if self.format.binary {
            let mut tables = parts.iter_mut().map(|part| &mut part.table);
            tables.try_for_each(Table::make_binary)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(in crate::ml::data) mod tests;
