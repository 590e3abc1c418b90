//! Updates and first parameters from nodes: length, finiteness and range are checked here.

use std::fmt;
use std::sync::Arc;

use super::foreign::payload_length;
use super::{EXACT, Invalid, RAW};
use crate::fed::Trained;
use crate::fed::aggregate::{ExactSum, Scale};
use crate::fed::strategy::{Mean, Strategy};
use crate::ml::layout::Layout;
use crate::ml::parameters::{Parameters, Values};
use crate::wire::codec::{self, Codec};
use crate::wire::stubs::compute_node::Fold;
use crate::wire::stubs::types::Payload;

/// What an acceptable update of a round looks like, and what such updates weigh.
#[derive(Clone, Debug)]
pub struct UpdateBounds {
    scale: Scale,
    layout: Arc<Layout>,
    values: usize,
    length: usize,
    strategy: Strategy,
    codec: Arc<dyn Codec>,
}

impl UpdateBounds {
    /// Updates of this layout whose values the scale accepts.
    pub fn new(
        scale: Scale,
        layout: &Arc<Layout>,
        strategy: Strategy,
        codec: Arc<dyn Codec>,
    ) -> UpdateBounds {
        UpdateBounds {
            scale,
            layout: Arc::clone(layout),
            values: layout.elements(),
            length: layout.byte_length(),
            strategy,
            codec,
        }
    }

    /// How a node is told to add updates up.
    pub fn fold(&self) -> Fold {
        Fold {
            bits: self.scale.bits(),
            by_rows: self.strategy.mean == Mean::Weighted,
        }
    }

    /// What the updates of these shards weigh together.
    ///
    /// # Errors
    /// When that is more than all shards of the round can weigh.
    pub fn weight(&self, trained: &[Trained]) -> Result<u64, Invalid> {
        let mut weights = trained.iter().map(|one| self.strategy.weight(one.rows));
        weights
            .try_fold(0u64, u64::checked_add)
            .filter(|&weight| weight <= self.scale.weight_limit())
            .ok_or_else(|| Invalid("it claims more rows than the round has".to_owned()))
    }

    /// An empty sum for such updates.
    pub fn empty_sum(&self) -> ExactSum {
        ExactSum::new(self.scale, self.values)
    }

    /// A sum that is not needed any more, emptied for such updates.
    pub fn emptied(&self, sum: ExactSum) -> ExactSum {
        if sum.len() == self.values && sum.scale().dtype() == self.scale.dtype() {
            sum.emptied(self.scale)
        } else {
            self.empty_sum()
        }
    }

    /// The length of a sum's bytes, if its header is acceptable.
    ///
    /// # Errors
    /// When it announces another codec or length.
    pub fn accept_sum(&self, payload: &Payload) -> Result<usize, Invalid> {
        payload_length(payload, EXACT, 2 * self.length)
    }

    /// Whether these bytes, or some of them, can be the sum of updates that weigh so much.
    ///
    /// # Errors
    /// When a value is too large.
    pub fn check_sum(&self, sum: &[u8], weight: u64) -> Result<(), Invalid> {
        let found = self.scale.check_partial(sum, weight);
        found.map_err(|error| Invalid(error.to_string()))
    }

    /// The length of an update's bytes, if its header is acceptable: in the codec asked for, or as it is.
    ///
    /// # Errors
    /// When it announces another codec or length.
    pub fn accept(&self, payload: &Payload) -> Result<usize, Invalid> {
        if payload.codec == RAW {
            payload_length(payload, RAW, self.length)
        } else {
            let length = self.codec.encoded_len(self.values);
            payload_length(payload, self.codec.name(), length)
        }
    }

    /// Whether updates are summed as they come.
    pub fn is_raw(&self) -> bool {
        self.codec.name() == RAW
    }

    /// The update that these bytes stand for. One that came as it is goes through the codec here, so that it does not
    /// matter which node it came from.
    ///
    /// # Errors
    /// When the bytes make no sense.
    pub fn decode(&self, sent_as: &str, bytes: &[u8]) -> Result<Parameters, Invalid> {
        let invalid = |error: &dyn fmt::Display| Invalid(error.to_string());
        if sent_as == RAW {
            let update = Parameters::from_bytes(Arc::clone(&self.layout), bytes);
            let mut update = update.map_err(|error| invalid(&error))?;
            // Of a sparse codec nothing is left out that nobody remembers.
            if self.codec.block().is_some() {
                codec::through(&*self.codec, &mut update).map_err(|error| invalid(&error))?;
            }
            return Ok(update);
        }
        let mut values = vec![0.0; self.values];
        let decoded = self.codec.decode(bytes, &mut values);
        decoded.map_err(|error| invalid(&error))?;
        let update = Parameters::new(Arc::clone(&self.layout), Values::F32(values));
        update.map_err(|error| invalid(&error))
    }

    /// Whether these bytes of an update, from `offset` on, can be summed.
    ///
    /// # Errors
    /// When a value is not finite or out of range.
    pub fn check(&self, offset: usize, update: &[u8]) -> Result<(), Invalid> {
        self.scale.check(update).map_err(|mut error| {
            error.position += offset * self.values / self.length;
            Invalid(error.to_string())
        })
    }
}

/// First parameters that a client or node brought for a model the coordinator does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Initial {
    /// Their values, with the layout.
    pub parameters: Parameters,
}

impl Initial {
    /// Parameters of this layout from their bytes.
    ///
    /// # Errors
    /// When the length differs or a value is not finite.
    pub fn new(layout: Layout, bytes: &[u8]) -> Result<Initial, Invalid> {
        let parameters = Parameters::from_bytes(Arc::new(layout), bytes)
            .map_err(|error| Invalid(format!("first parameters: {error}")))?;
        Ok(Initial { parameters })
    }
}
