//! What a node answers to requests that it cannot do: a typed fault, on a connection that goes on.

use super::bench::{Bench, beat};
use super::check::{Check, Checked, a_fault, failed, said};
use crate::app::dial::CallFailed;
use crate::wire::convert::{self, INITIALISES, RAW};
use crate::wire::stubs::compute_node::{InitialiseRequest, TrainRequest};
use crate::wire::stubs::types::FaultCode;

/// A name that nobody has.
const NOBODY: &str = "conformance-nobody";

/// What says that a request cannot be done as it is.
const NOT_SO: &[FaultCode] = &[
    FaultCode::INVALID,
    FaultCode::NOT_FOUND,
    FaultCode::UNSUPPORTED,
    FaultCode::CORRUPT,
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "fault: unknown model",
        rule: "a model that it does not know is a `Fault`, never an update of another one; the connection goes on",
        idl: "types.thrift Fault",
        section: "faults",
        run: model,
    },
    Check {
        name: "fault: other layout",
        rule: "a layout that is not the model's is a `Fault`; the connection goes on",
        idl: "compute_node.thrift TrainRequest.layout",
        section: "faults",
        run: layout,
    },
    Check {
        name: "fault: parameters cut short",
        rule: "fewer bytes than the layout takes are a `Fault`; the connection goes on",
        idl: "types.thrift Payload.length",
        section: "faults",
        run: length,
    },
    Check {
        name: "fault: parameters in an unknown codec",
        rule: "parameters in a codec that it does not know are a `Fault`; the connection goes on",
        idl: "types.thrift Payload.codec",
        section: "faults",
        run: parameters,
    },
    Check {
        name: "fault: unknown shard",
        rule: "rows that it does not have are a `Fault` NOT_FOUND or INVALID; the connection goes on",
        idl: "compute_node.thrift ComputeNode.train",
        section: "faults",
        run: shard,
    },
    Check {
        name: "train: update in an unknown codec",
        rule: "where it does not know the codec asked for, it answers `raw`, or with a `Fault`",
        idl: "compute_node.thrift TrainRequest.codec",
        section: "codecs",
        run: codec,
    },
];

/// Has a request answered that is wrong in one place.
fn wrong(bench: &mut Bench, change: impl FnOnce(&mut TrainRequest)) -> Checked {
    let attempt = bench.attempt();
    let mut request = bench.work()?.train(attempt);
    change(&mut request);
    let mut node = bench.open()?;
    let answer = node.call("train", bench.deadline(), |node| node.train(&request));
    let found = a_fault(answer, NOT_SO)?;
    match beat(&mut node, bench.deadline()) {
        Ok(_) => Ok(found),
        Err(after) => failed(format!(
            "{found}; but then a heartbeat on that connection: {after}"
        )),
    }
}

fn model(bench: &mut Bench) -> Checked {
    wrong(bench, |request| request.model = format!("{NOBODY}:3-2"))
}

fn layout(bench: &mut Bench) -> Checked {
    wrong(bench, |request| {
        for tensor in &mut request.layout {
            tensor.name = format!("{NOBODY}.{}", tensor.name);
            // The same values, but in one row.
            tensor.shape = vec![tensor.shape.iter().product()];
        }
    })
}

fn length(bench: &mut Bench) -> Checked {
    wrong(bench, |request| {
        let bytes = request.parameters.inline_data.take().unwrap_or_default();
        let short = bytes.slice(..bytes.len() - bytes.len() / 3);
        request.parameters = convert::inline(RAW, &short);
    })
}

fn parameters(bench: &mut Bench) -> Checked {
    wrong(bench, |request| {
        request.parameters.codec = NOBODY.to_owned()
    })
}

fn shard(bench: &mut Bench) -> Checked {
    let private = bench.work()?.is_private();
    wrong(bench, |request| {
        let shard = &mut request.shards[0];
        shard.name = NOBODY.to_owned();
        if !private {
            shard.index = 1_000_000;
        }
    })
}

fn codec(bench: &mut Bench) -> Checked {
    let attempt = bench.attempt();
    let mut request = bench.work()?.train(attempt);
    bench.work()?.first()?;
    request.codec = Some(NOBODY.to_owned());
    let answer = bench.call("train", |node| node.train(&request));
    match answer {
        Ok(reply) if reply.update.codec == RAW => Ok("`raw`".to_owned()),
        Ok(reply) => failed(format!("it answered in the codec `{}`", reply.update.codec)),
        Err(CallFailed::Fault(fault)) if fault.code == FaultCode::INTERNAL => {
            failed(said(&CallFailed::Fault(fault)))
        }
        answer @ Err(CallFailed::Fault(_)) => a_fault(answer, NOT_SO),
        Err(other) => failed(said(&other)),
    }
}

/// First parameters of a model that nobody knows; told with the other checks of `initialise`.
pub(super) fn initialise(bench: &mut Bench) -> Checked {
    bench.needs(INITIALISES)?;
    let request = InitialiseRequest {
        model: format!("{NOBODY}:3-2"),
        seed: 1,
    };
    a_fault(
        bench.call("initialise", |node| node.initialise(&request)),
        NOT_SO,
    )
}
