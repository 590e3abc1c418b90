//! Updates and first parameters from nodes: length, finiteness and range are checked here.

use std::sync::Arc;

use super::Invalid;
use super::foreign::payload_length;
use crate::fed::aggregate::Scale;
use crate::ml::layout::Layout;
use crate::ml::parameters::Parameters;
use crate::wire::stubs::types::Payload;

/// What an acceptable update of a round looks like.
#[derive(Clone, Copy, Debug)]
pub struct UpdateBounds {
    scale: Scale,
    length: usize,
}

impl UpdateBounds {
    /// Updates of `length` bytes whose values the scale accepts.
    pub fn new(scale: Scale, length: usize) -> UpdateBounds {
        UpdateBounds { scale, length }
    }

    /// The length of an update's bytes, if its header is acceptable.
    ///
    /// # Errors
    /// When it announces another codec or length.
    pub fn accept(&self, payload: &Payload) -> Result<usize, Invalid> {
        payload_length(payload, self.length)
    }

    /// Whether the bytes can be summed.
    ///
    /// # Errors
    /// When the length differs, or a value is not finite or out of range.
    pub fn check(&self, update: &[u8]) -> Result<(), Invalid> {
        if update.len() != self.length {
            return Err(Invalid(format!(
                "an update of {} bytes; the layout takes {}",
                update.len(),
                self.length
            )));
        }
        self.scale
            .check(update)
            .map_err(|error| Invalid(error.to_string()))
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
