//! Everything a run does before its first task, without a cluster: opens the data and makes the first parameters.

use super::materials::{Kept, Materials};
use crate::fed::Plan;
use crate::ml::data::Root;

/// What a run would begin with.
pub(in crate::app) struct Rehearsal {
    /// The model's spec with its sizes.
    pub(in crate::app) model: String,
    /// Values of the model; none if the coordinator does not know it.
    pub(in crate::app) values: Option<usize>,
    pub(in crate::app) shards: usize,
    /// Rows that are trained on.
    pub(in crate::app) rows: u64,
}

/// Prepares a run as the coordinator does.
///
/// # Errors
/// What the run would end with.
pub(in crate::app) fn rehearse(plan: Plan, root: &Root) -> Result<Rehearsal, String> {
    let (offer, _) = Materials::prepare(plan, root, None, None, Kept::default())?;
    Ok(Rehearsal {
        values: offer.current.map(|current| current.layout.elements()),
        model: offer.model_spec,
        shards: offer.shards.len(),
        rows: offer.shards.iter().map(|shard| shard.rows).sum(),
    })
}
