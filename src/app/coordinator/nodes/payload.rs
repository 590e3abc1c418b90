//! The bytes of payloads that nodes answer with.

use std::time::Instant;

use bytes::Bytes;

use crate::app::dial::{CallFailed, Dialled, Node};
use crate::app::held::Held;
use crate::app::transfer;
use crate::wire::stubs::types::Payload;

/// The bytes of a payload: those in the message, or a blob fetched from the node. Each part is shown as it comes.
pub fn bytes_of(
    node: &mut Dialled<Node>,
    payload: &Payload,
    length: usize,
    deadline: Instant,
    mut see: impl FnMut(&[u8]),
) -> Result<Held, CallFailed> {
    match (&payload.inline_data, &payload.digest) {
        (Some(bytes), _) => {
            see(bytes);
            Ok(bytes.clone().into())
        }
        (None, Some(name)) => node.call("fetching a blob", deadline, |node| {
            transfer::fetch(node, name, length, &mut see)
        }),
        (None, None) => Ok(Bytes::new().into()),
    }
}
