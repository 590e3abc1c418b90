//! The rows of a request: where they are, made comparable where that is asked.

use std::sync::Arc;

use super::blobs::unkept;
use super::service::{Worker, missing_blob};
use super::shards::Evaluating;
use super::sources::OpenSource;
use crate::ml::data::{Dataset, Standard};
use crate::seed::Seed;
use crate::wire::request::{self, Place, invalid};
use crate::wire::stubs::types::{DataRef, Fault, ShardRef};

impl Worker {
    /// Where the rows of a request are, opened if they are to be opened.
    pub(super) fn place(&self, data: &DataRef, seed: Seed) -> Result<Opened, Fault> {
        let by = data
            .standard
            .as_deref()
            .map(Standard::from_bytes)
            .transpose();
        let by = by.map_err(|reason| invalid("data.standard", reason, ""))?;
        let rows = match request::place(data, seed)? {
            Place::Open(request) => Where::Source(self.shards.open(&request)?),
            Place::Private { held_out } => Where::Private { held_out, seed },
            Place::Shipped => Where::Shipped,
        };
        Ok(Opened { rows, by })
    }

    /// The rows of a shard, and those of it that it is evaluated with here.
    pub(super) fn rows(
        &self,
        place: &Opened,
        index: usize,
        shard: &ShardRef,
    ) -> Result<(Arc<Dataset>, Evaluating), Fault> {
        let (rows, evaluating) = self.as_they_are(&place.rows, index, shard)?;
        let Some(by) = &place.by else {
            return Ok((rows, evaluating));
        };
        let wrong = |reason| invalid("data.standard", reason, "");
        let rows = by.apply(Arc::unwrap_or_clone(rows)).map_err(wrong)?;
        let evaluating = match evaluating {
            Evaluating::Held(held) => Evaluating::Held(by.apply(held).map_err(wrong)?),
            other => other,
        };
        Ok((Arc::new(rows), evaluating))
    }

    fn as_they_are(
        &self,
        place: &Where,
        index: usize,
        shard: &ShardRef,
    ) -> Result<(Arc<Dataset>, Evaluating), Fault> {
        match place {
            Where::Source(source) => Ok((self.shards.rows(source, index)?, Evaluating::All)),
            Where::Private { held_out, seed } => self.shards.private(&shard.name, *held_out, *seed),
            Where::Shipped => {
                let name = shard.digest.as_ref().ok_or_else(missing_blob)?;
                let bytes = || {
                    let blob = self.blob(name).ok_or_else(missing_blob)?;
                    blob.whole().map_err(|error| unkept(&error))
                };
                Ok((self.shards.shipped(name, bytes)?, Evaluating::All))
            }
        }
    }
}

/// The rows of a request.
pub(super) struct Opened {
    rows: Where,
    /// By which their features are made comparable.
    by: Option<Standard>,
}

/// Where rows are.
enum Where {
    /// Here, by the same request as everywhere.
    Source(Arc<OpenSource>),
    /// Among the rows this node was started with.
    Private {
        /// Share of them held out.
        held_out: f64,
        /// Which ones are held out depends on it.
        seed: Seed,
    },
    /// In blobs that the coordinator sent.
    Shipped,
}
