//! The rows of files put together: as a pool, as shards, and those held out.

use std::iter;
use std::sync::Arc;

use super::file::Rows;
use super::table::{Table, assemble};
use crate::ml::data::Standard;
use crate::ml::data::{DataError, Dataset, Opened};

/// Rows of a file that are all trained on, or all held out.
pub(super) struct Part {
    pub name: String,
    pub trains: bool,
    pub table: Table,
}

impl Part {
    /// Those of a file; `trains` says whether its name is that of one to train on.
    pub fn of(name: &str, rows: Rows, trains: bool) -> Vec<Part> {
        let part = |table, trains| Part {
            name: name.to_owned(),
            trains,
            table,
        };
        let own = part(rows.rows, trains);
        let held_out = rows.held_out.map(|table| part(table, false));
        iter::once(own).chain(held_out).collect()
    }
}

/// Data sets with the names of their files.
type Named = Vec<(String, Dataset)>;

/// Data sets by what they are for.
pub(super) struct Sets {
    train: Named,
    held_out: Named,
}

impl Sets {
    /// Of all parts together, because only together they say how many classes there are.
    pub fn of(parts: Vec<Part>) -> Result<Sets, DataError> {
        let (names, tables): (Vec<_>, Vec<Table>) = parts
            .into_iter()
            .map(|part| ((part.name, part.trains), part.table))
            .unzip();
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for ((name, trains), data) in names.into_iter().zip(assemble(tables)?) {
            let list = if trains { &mut train } else { &mut held_out };
            list.push((name, data));
        }
        Ok(Sets { train, held_out })
    }

    /// Whether there is anything to train on.
    pub fn can_train(&self) -> bool {
        !self.train.is_empty()
    }

    /// The same with the means and deviations of the rows that are trained on. `path` is for errors.
    pub fn standardised(self, path: &str) -> Result<Sets, DataError> {
        let wrong = |reason: String| DataError::file(path, reason);
        let standard = Standard::fit(self.train.iter().map(|(_, data)| data)).map_err(wrong)?;
        let apply = |parts: Named| -> Result<Named, DataError> {
            let each = parts.into_iter();
            each.map(|(name, data)| Ok((name, standard.apply(data).map_err(wrong)?)))
                .collect()
        };
        Ok(Sets {
            train: apply(self.train)?,
            held_out: apply(self.held_out)?,
        })
    }

    /// What is trained on: the rows of each of these names, where rows bring their shards; otherwise one pool, or a
    /// shard each.
    pub fn opened(
        self,
        named: Option<Vec<(String, Vec<u32>)>>,
        pool: bool,
    ) -> Result<Opened, DataError> {
        let held_out = match self.held_out.len() {
            0 => None,
            _ => Some(joined(self.held_out)?),
        };
        if let Some(named) = named {
            let rows = &self.train[0].1;
            let shard =
                |(name, own): (String, Vec<u32>)| Some((name, Arc::new(rows.select(&own)?)));
            let shards = named.into_iter().filter_map(shard).collect();
            return Ok(Opened::Parts { shards, held_out });
        }
        if pool {
            let pool = Box::new(joined(self.train)?);
            return Ok(Opened::Pool { pool, held_out });
        }
        let shard = |(name, data)| (name, Arc::new(data));
        let shards = self.train.into_iter().map(shard).collect();
        Ok(Opened::Parts { shards, held_out })
    }
}

/// All rows together. One data set alone is not copied.
fn joined(mut all: Named) -> Result<Dataset, DataError> {
    if all.len() == 1 {
        return Ok(all.swap_remove(0).1);
    }
    let all: Vec<&Dataset> = all.iter().map(|(_, data)| data).collect();
    Ok(Dataset::concatenate(&all)?)
}
