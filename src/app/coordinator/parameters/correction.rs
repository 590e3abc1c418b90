//! What is added to the gradients of a shard, made when it is sent ([`Memory`](crate::fed::shard_memory::Memory)).

use std::io;

use bytes::Bytes;

use super::values::{each, narrow};
use crate::app::held::{Collector, Held};
use crate::app::transfer;
use crate::fed::shard_memory::Memory;
use crate::ml::layout::DType;
use crate::wire::convert::{self, RAW};
use crate::wire::stubs::types::{INLINE_LIMIT, Payload};

/// How a node is told of it, and the name and bytes of a blob where it is one.
pub type Sent = (Payload, Option<(Bytes, Held)>);

/// What it is made of.
#[derive(Clone, Debug)]
pub struct Correction {
    pub memory: Memory,
    pub dtype: DType,
    /// What the server remembers, and what is remembered of the shard, if there is anything.
    pub server: Option<Held>,
    pub own: Option<Held>,
}

impl Correction {
    /// How the node is told of it, and the blob it needs for that if it is long. None while it is all zeros.
    pub fn payload(&self) -> io::Result<Option<Sent>> {
        let Some(any) = self.server.as_ref().or(self.own.as_ref()) else {
            return Ok(None);
        };
        let mut made = Collector::new(any.len())?;
        for number in 0..any.pieces() {
            let mut pairs = vec![(0.0, 0.0); any.piece(number)?.len() / self.dtype.size()];
            if let Some(server) = &self.server {
                each(self.dtype, &server.piece(number)?, &mut pairs, |to, v| {
                    to.0 = v
                });
            }
            if let Some(own) = &self.own {
                each(self.dtype, &own.piece(number)?, &mut pairs, |to, v| {
                    to.1 = v
                });
            }
            let values = pairs
                .iter()
                .map(|(server, own)| self.memory.correction(*server, *own));
            let values: Vec<f64> = values.collect();
            let infinite = || io::Error::other("the correction of a gradient is no longer finite");
            made.push(narrow(self.dtype, &values).ok_or_else(infinite)?)?;
        }
        let made = made.finish();
        if made.len() <= usize::try_from(INLINE_LIMIT).unwrap_or(0) {
            let inline = convert::inline(RAW, &made.whole()?);
            return Ok(Some((inline, None)));
        }
        let name = transfer::digest_of(&made)?;
        let payload = convert::blob(RAW, made.len(), &name);
        Ok(Some((payload, Some((name, made)))))
    }
}
