//! Model files, handed out to whoever asks: from the disk where runs are kept, made of the newest parameters where not.

use bytes::Bytes;

use super::workshop::{Workshop, lock};
use crate::app::coordinator::keeping::keeper::{Found, Which};
use crate::app::coordinator::keeping::model_file;
use crate::app::held::Held;
use crate::app::transfer;
use crate::fed::{RoundReport, RunId};

/// The parameters after a round, as a file.
pub struct ModelFile {
    pub round: u32,
    /// The model's spec.
    pub model: String,
    pub bytes: Held,
    /// SHA-256 of the bytes.
    pub digest: Bytes,
}

/// Model files kept.
const FILES: usize = 4;

impl Workshop {
    /// A run's parameters as a file, which can be fetched in chunks for a while. `last` is the newest round.
    pub fn model_file(
        &self,
        run: &RunId,
        which: Which,
        last: Option<&RoundReport>,
    ) -> Option<Result<ModelFile, String>> {
        let found = match &self.keeper {
            Some(keeper) if last.is_some() => keeper.model_file(run, which)?,
            _ => self.newest_model(run, which, last)?,
        };
        Some(found.and_then(|(bytes, round, model)| {
            let digest = transfer::digest_of(&bytes).map_err(|error| error.to_string())?;
            let mut files = lock(&self.files);
            // One that is asked for again is the newest.
            files.retain(|(name, _)| *name != digest);
            files.push_back((digest.clone(), bytes.clone()));
            if files.len() > FILES {
                files.pop_front();
            }
            drop(files);
            Ok(ModelFile {
                round,
                model,
                bytes,
                digest,
            })
        }))
    }

    /// The newest parameters of a run that is not on the disk.
    fn newest_model(&self, run: &RunId, which: Which, last: Option<&RoundReport>) -> Option<Found> {
        let bench = lock(&self.runs).get(run).cloned()?;
        let current = bench.current()?;
        let round = current.round;
        if which != Which::Newest && which != Which::Round(round) {
            let reason = format!(
                "only the newest parameters, those after round {round}, are kept; start the coordinator with --state DIR to keep more"
            );
            return Some(Err(reason));
        }
        let offer = lock(&bench.offer);
        let model = offer.model_spec.clone();
        let metrics = last.filter(|last| last.round == round);
        let metrics = metrics.and_then(|last| last.metrics.as_ref());
        let about = model_file::about(run, &model, &offer.plan, &current, metrics);
        drop(offer);
        let written = model_file::write(&current, &about);
        Some(written.map(|bytes| (bytes, round, model)))
    }

    /// The bytes of a file made lately, by their digest.
    pub fn blob(&self, digest: &Bytes) -> Option<Held> {
        let files = lock(&self.files);
        let found = files.iter().find(|(name, _)| name == digest);
        found.map(|(_, bytes)| bytes.clone())
    }
}
