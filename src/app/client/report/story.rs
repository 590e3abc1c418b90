//! All that a coordinator tells of a run, and what it adds up to.

use std::collections::BTreeMap;

use crate::app::client::failure::Failure;
use crate::app::client::follow::told;
use crate::app::client::session::Session;
use crate::wire::stubs::coordinator::{Contribution, RoundReport, RunStatus, StatusRequest};
use crate::wire::stubs::types::Metrics;

/// A run so far.
pub(super) struct Story {
    pub(super) status: RunStatus,
    /// The finished rounds that the coordinator still tells, in order.
    pub(super) rounds: Vec<RoundReport>,
    /// What was said in between: after which round, and what.
    pub(super) notices: Vec<(i32, String)>,
}

/// What all rounds add up to.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) seconds: f64,
    pub(super) rows: i64,
    pub(super) retries: i64,
    pub(super) refusals: i64,
    pub(super) audited: i64,
    /// Updates of shards that did not count.
    pub(super) omitted: usize,
    /// By address.
    pub(super) nodes: Vec<Contribution>,
}

impl Story {
    /// Reads what is there now; a run under way is not waited for.
    pub(super) fn read(session: &mut Session, run: &str) -> Result<Story, Failure> {
        let request = StatusRequest {
            run: run.to_owned(),
        };
        let status = session.call("status", |to| to.status(&request))?;
        let mut story = Story {
            status,
            rounds: Vec::new(),
            notices: Vec::new(),
        };
        told(session, run, |event| {
            if let Some(message) = event.message {
                let after = story.rounds.last().map_or(0, |round| round.round);
                story.notices.push((after, message));
            }
            story.rounds.extend(event.round);
        })?;
        Ok(story)
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut nodes: BTreeMap<&str, Contribution> = BTreeMap::new();
        for round in &self.rounds {
            totals.seconds += round.seconds.unwrap_or(0.0);
            totals.rows += round.rows.unwrap_or(0);
            totals.retries += i64::from(round.retries.unwrap_or(0));
            totals.refusals += i64::from(round.refusals.unwrap_or(0));
            totals.audited += i64::from(round.audited.unwrap_or(0));
            totals.omitted += round.omitted.as_ref().map_or(0, Vec::len);
            for did in round.nodes.iter().flatten() {
                add(nodes.entry(&did.node).or_default(), did);
            }
        }
        totals.nodes = nodes.into_values().collect();
        totals
    }

    /// The newest metrics.
    pub(super) fn metrics(&self) -> Option<&Metrics> {
        let ended = self.status.report.as_ref();
        let ended = ended.and_then(|report| report.metrics.as_ref());
        ended.or_else(|| {
            self.rounds
                .iter()
                .rev()
                .find_map(|round| round.metrics.as_ref())
        })
    }

    /// The digest of the newest parameters.
    pub(super) fn digest(&self) -> Option<&[u8]> {
        let ended = self.status.report.as_ref();
        let ended = ended.and_then(|report| report.digest.as_deref());
        ended.or_else(|| self.rounds.last()?.digest.as_deref())
    }

    /// A line about rounds that the coordinator tells no longer.
    pub(super) fn missing(&self) -> Option<String> {
        let first = self.rounds.first()?.round;
        let missing = first - 1;
        (missing > 0).then(|| format!("The first {missing} rounds are no longer told."))
    }
}

fn add(sum: &mut Contribution, did: &Contribution) {
    let more = |sum: &mut Option<i32>, did: Option<i32>| {
        *sum = Some(sum.unwrap_or(0).saturating_add(did.unwrap_or(0)));
    };
    sum.node.clone_from(&did.node);
    more(&mut sum.shards, did.shards);
    more(&mut sum.failures, did.failures);
    more(&mut sum.refusals, did.refusals);
    sum.rows = Some(sum.rows.unwrap_or(0).saturating_add(did.rows.unwrap_or(0)));
    sum.seconds = Some(sum.seconds.unwrap_or(0.0) + did.seconds.unwrap_or(0.0));
}
