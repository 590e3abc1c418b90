//! What a node does when it is asked to evaluate.

use std::sync::Arc;

use super::service::{Worker, deadline, fitting, interrupted, untrained};
use super::shards::Evaluating;
use crate::ml::data::TargetKind;
use crate::ml::metrics::{Depth, Metrics};
use crate::seed::Seed;
use crate::wire::convert::report;
use crate::wire::request::{self, invalid};
use crate::wire::stubs::compute_node::{EvaluateReply, EvaluateRequest};
use crate::wire::stubs::types::Fault;

impl Worker {
    /// Evaluates parameters on what is held out of the shards of a request.
    pub(super) fn evaluate_shards(
        &self,
        request: &EvaluateRequest,
    ) -> Result<EvaluateReply, Fault> {
        let model = request::model(&request.model)?;
        let length = request::parameters(&*model, &request.layout, &request.parameters)?;
        let shards = request::shards(&request.shards)?;
        let bytes = self.bytes_of(&request.parameters, length)?;
        let attempt = self
            .desk
            .begin(request.attempt, deadline(request.budget_ms));
        let _slot = attempt.slot().map_err(interrupted)?;
        let parameters = self.parameters(&*model, &bytes)?;
        let place = self.place(&request.data, Seed(request.seed.cast_unsigned()))?;
        let depth = match request.full {
            Some(true) => Depth::Part,
            _ => Depth::Round,
        };
        let mut merged: Option<Metrics> = None;
        for (index, shard) in shards {
            attempt.go_on().map_err(interrupted)?;
            let (rows, evaluating) = self.rows(&place, index, shard)?;
            let rows = fitting(&*model, rows)?;
            let rows = match evaluating {
                Evaluating::All => Some(rows),
                Evaluating::Held(held) => Some(Arc::new(held)),
                Evaluating::Nothing => None,
            };
            let found = match rows {
                Some(rows) => model
                    .examine(&parameters, &rows, depth, 1)
                    .map_err(|error| untrained(&attempt, &error))?,
                None => Metrics {
                    correct: (model.kind() == TargetKind::Class).then_some(0),
                    ..Metrics::default()
                },
            };
            merged = Some(match merged {
                Some(sum) => sum.merge(&found),
                None => found,
            });
        }
        let metrics = merged.ok_or_else(|| invalid("shards", "there are none", ""))?;
        Ok(EvaluateReply {
            metrics: report::metrics(&metrics),
        })
    }
}
