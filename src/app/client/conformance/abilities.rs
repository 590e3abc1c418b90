//! Abilities that a node names: whether it has them.

use super::bench::Bench;
use super::check::{Check, Checked, NotPassed, failed, not_applicable};
use crate::app::dial::CallFailed;
use crate::fed::aggregate::{ExactSum, Scale};
use crate::ml::data::{Moments, Standard, TargetKind};
use crate::ml::parameters::{Parameters, Values};
use crate::wire::convert::{
    self, CORRECTION, DESCRIBES, EXACT, FLIPS, FOLDS, MOMENTUM, PROXIMAL, WEIGHT_DECAY, foreign,
};
use crate::wire::stubs::compute_node::{DescribeRequest, Fold, TrainRequest};
use crate::wire::stubs::types::{FaultCode, Payload};

use super::work::{How, LARGEST, SEED};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "abilities of training",
        rule: "what a hello names changes the update: momentum, weight-decay, proximal, correction, flip-labels",
        idl: "compute_node.thrift Training",
        section: "abilities",
        run: steps,
    },
    Check {
        name: "fold",
        rule: "of several shards the answer is the exact sum of their updates, bit for bit as if each had been asked for alone",
        idl: "compute_node.thrift Fold",
        section: "fold",
        run: fold,
    },
    Check {
        name: "describe",
        rule: "exact sums that rows can have, of the rows that train, the same when asked again; by means and deviations made of them, \
               rows train otherwise",
        idl: "compute_node.thrift DescribeReply",
        section: "abilities",
        run: describe,
    },
];

/// What a request asks for by an ability.
type Ask = fn(&mut TrainRequest, &Payload, How);

const STEPS: [(&str, Ask); 5] = [
    (MOMENTUM, |request, _, _| {
        request.training.momentum = Some(0.9)
    }),
    (WEIGHT_DECAY, |request, _, how| {
        request.training.weight_decay = Some(how.as_strong_as(0.1));
    }),
    (PROXIMAL, |request, _, how| {
        request.training.proximal = Some(how.as_strong_as(1.0));
    }),
    (CORRECTION, |request, correction, _| {
        request.correction = Some(correction.clone());
    }),
    (FLIPS, |request, _, _| request.flip_labels = Some(true)),
];

fn steps(bench: &mut Bench) -> Checked {
    let how = bench.work()?.how;
    // Real values are no labels that could be flipped.
    let applies = |name: &str| name != FLIPS || how.kind == TargetKind::Class;
    let named = STEPS.iter();
    let named: Vec<&(&str, Ask)> = named
        .filter(|(name, _)| bench.can(name) && applies(name))
        .collect();
    if named.is_empty() {
        return not_applicable("its hello names none of them, so it is never asked for them");
    }
    let correction = correction(&bench.work()?.parameters, how.as_strong_as(0.25));
    let correction = bench.payload(&correction)?;
    for (name, ask) in &named {
        let attempt = bench.attempt();
        let work = bench.work()?;
        let plain = work.first()?;
        let mut request = work.train(attempt);
        ask(&mut request, &correction, how);
        if bench.train(&request)?.update == plain.update {
            return failed(format!(
                "its hello names `{name}`, but the update is the same with and without"
            ));
        }
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    Ok(names.join(", "))
}

/// What is added to every gradient: the same number everywhere.
fn correction(parameters: &Parameters, value: f64) -> Parameters {
    let mut all = parameters.clone();
    match all.values_mut() {
        Values::F32(values) => values.fill(value as f32),
        Values::F64(values) => values.fill(value),
    }
    all
}

fn describe(bench: &mut Bench) -> Checked {
    bench.needs(DESCRIBES)?;
    let (first, again) = (sums(bench)?, sums(bench)?);
    if first != again {
        return failed("the same request has another answer when it is asked again");
    }
    let attempt = bench.attempt();
    let work = bench.work()?;
    let there = work.rows[0].unsigned_abs();
    if first.rows > there || (first.rows < there && !work.is_private()) {
        return failed(format!(
            "it adds up {} rows; the shard has {there}",
            first.rows
        ));
    }
    let plain = work.first()?;
    let mut request = work.train(attempt);
    request.data.standard = Some(Standard::of(&first).to_bytes().into());
    if bench.train(&request)?.update == plain.update {
        return failed("the update is the same with and without `data.standard`");
    }
    Ok(format!(
        "{} rows, {} features",
        first.rows,
        first.columns.len()
    ))
}

/// Sums over the first shard.
fn sums(bench: &Bench) -> Result<Moments, NotPassed> {
    let work = bench.work()?;
    let request = DescribeRequest {
        data: work.data.clone(),
        shards: work.shards[..1].to_vec(),
        seed: SEED.0.cast_signed(),
    };
    match bench.call("describe", |node| node.describe(&request)) {
        Ok(reply) => convert::moments::read(&reply).or_else(failed),
        Err(CallFailed::Fault(fault)) if fault.code == FaultCode::DENIED => {
            not_applicable(format!("its shard has too few rows: {}", fault.message))
        }
        Err(other) => Err(other.into()),
    }
}

fn fold(bench: &mut Bench) -> Checked {
    bench.needs(FOLDS)?;
    let attempts = [bench.attempt(), bench.attempt(), bench.attempt()];
    let work = bench.work()?;
    work.first()?;
    if work.shards.len() < 2 {
        return not_applicable("it has one shard; a sum takes two");
    }
    let layout = work.parameters.layout();
    let rows: i64 = work.rows.iter().sum();
    let scale = Scale::new(layout.dtype(), LARGEST, rows.unsigned_abs());
    let mut sum = ExactSum::new(scale, layout.elements());
    for (shard, attempt) in work.shards.iter().zip(attempts) {
        let request = TrainRequest {
            shards: vec![shard.clone()],
            ..work.train(attempt)
        };
        let one = bench.train(&request)?;
        let weight = one.reply.rows.unsigned_abs();
        if weight > scale.weight_limit().saturating_sub(sum.weight()) {
            return failed(format!("it trained on {weight} rows; there are {rows}"));
        }
        sum.fold(&one.update.to_bytes(), weight);
    }
    let together = TrainRequest {
        shards: work.shards.clone(),
        fold: Some(Fold {
            bits: scale.bits(),
            by_rows: true,
        }),
        ..work.train(attempts[2])
    };
    let found = together_of(bench, &together, sum.byte_length())?;
    let mut expected = Vec::new();
    sum.to_bytes(&mut expected);
    match found == expected {
        true => Ok(format!(
            "{} bytes, as two single updates add up",
            found.len()
        )),
        false => failed("the sum is not the one of the single updates, weighed by their rows"),
    }
}

fn together_of(
    bench: &Bench,
    request: &TrainRequest,
    length: usize,
) -> Result<bytes::Bytes, NotPassed> {
    let mut node = bench.open()?;
    let reply = node.call("train", bench.deadline(), |node| node.train(request))?;
    foreign::trained(&reply, request.shards.len())?;
    let length = foreign::payload_length(&reply.update, EXACT, length)?;
    match (&reply.update.inline_data, &reply.update.digest) {
        (None, Some(name)) => bench.fetch(&mut node, name, length),
        (bytes, _) => Ok(bytes.clone().unwrap_or_default()),
    }
}
