//! Trainings at a node: of one shard, or of several, which come back as one exact sum.

use std::time::Instant;

use bytes::Bytes;

use super::payload::bytes_of;
use super::trouble::Trouble;
use crate::app::coordinator::reporter::Parcel;
use crate::app::dial::{CallFailed, Dialled, Node};
use crate::app::held::{self, Held, PIECE};
use crate::fed::Trained;
use crate::wire::convert::{Invalid, UpdateBounds, foreign};
use crate::wire::stubs::compute_node::{TrainReply, TrainRequest};
use crate::wire::stubs::types::Payload;

/// Has the shards of a request trained. A node that does not fold is asked for one after the other, and the sum
/// is made here; its bits are the same.
pub fn train(
    node: &mut Dialled<Node>,
    request: &TrainRequest,
    bounds: &UpdateBounds,
    folds: bool,
    deadline: Instant,
) -> Result<(Vec<Trained>, Parcel), Trouble> {
    if request.shards.len() == 1 {
        let (trained, update) = one(node, request, bounds, deadline)?;
        return Ok((vec![trained], Parcel::Update(update)));
    }
    if folds {
        return together(node, request, bounds, deadline);
    }
    let mut all = Vec::with_capacity(request.shards.len());
    let mut sum = bounds.empty_sum();
    for shard in &request.shards {
        let request = TrainRequest {
            shards: vec![shard.clone()],
            fold: None,
            ..request.clone()
        };
        let (trained, update) = one(node, &request, bounds, deadline)?;
        all.push(trained);
        bounds.weight(&all)?;
        let update = update.whole();
        let update = update.map_err(|error| Invalid(error.to_string()))?;
        sum.fold(&update, bounds.weight(&[trained])?);
    }
    let mut bytes = Vec::with_capacity(sum.byte_length());
    sum.to_bytes(&mut bytes);
    Ok((all, Parcel::Sum(Bytes::from(bytes).into())))
}

fn one(
    node: &mut Dialled<Node>,
    request: &TrainRequest,
    bounds: &UpdateBounds,
    deadline: Instant,
) -> Result<(Trained, Held), Trouble> {
    let reply: TrainReply = node.call("train", deadline, |node| node.train(request))?;
    let trained = foreign::trained(&reply, 1)?[0];
    let length = bounds.accept(&reply.update)?;
    let check = |offset, part: &[u8]| bounds.check(offset, part);
    if bounds.is_raw() {
        let update = checked(node, &reply.update, length, deadline, check)?;
        return Ok((trained, update));
    }
    let sent = bytes_of(node, &reply.update, length, deadline, |_| ())?;
    let sent = sent.whole().map_err(|error| Invalid(error.to_string()))?;
    let update = bounds.decode(&reply.update.codec, &sent)?;
    let update = held::encode(&update).map_err(|error| Invalid(error.to_string()))?;
    for number in 0..update.pieces() {
        let piece = update.piece(number);
        let piece = piece.map_err(|error| Invalid(error.to_string()))?;
        check(number * PIECE, &piece)?;
    }
    Ok((trained, update))
}

fn together(
    node: &mut Dialled<Node>,
    request: &TrainRequest,
    bounds: &UpdateBounds,
    deadline: Instant,
) -> Result<(Vec<Trained>, Parcel), Trouble> {
    let reply: Result<TrainReply, CallFailed> =
        node.call("train", deadline, |node| node.train(request));
    let reply = reply?;
    let trained = foreign::trained(&reply, request.shards.len())?;
    let weight = bounds.weight(&trained)?;
    let length = bounds.accept_sum(&reply.update)?;
    let check = |_, part: &[u8]| bounds.check_sum(part, weight);
    let sum = checked(node, &reply.update, length, deadline, check)?;
    Ok((trained, Parcel::Sum(sum)))
}

/// The bytes of a payload, each part of which was looked at as it came, while it is in the processor's cache.
fn checked(
    node: &mut Dialled<Node>,
    payload: &Payload,
    length: usize,
    deadline: Instant,
    check: impl Fn(usize, &[u8]) -> Result<(), Invalid>,
) -> Result<Held, Trouble> {
    let mut found = Ok(());
    let mut seen = 0;
    let held = bytes_of(node, payload, length, deadline, |part| {
        if found.is_ok() {
            found = check(seen, part);
        }
        seen += part.len();
    })?;
    found?;
    Ok(held)
}
