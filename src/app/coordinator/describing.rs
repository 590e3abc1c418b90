//! What the features of some data are like, over all nodes: exact sums, so that it does not matter who held which rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::desk::Desk;
use super::rows::{is_private, open_source};
use crate::app::dial;
use crate::clock;
use crate::cluster::Health;
use crate::fed::{Plan, Standardise};
use crate::ml::data::{MOST_DESCRIBED, Moments, Standard};
use crate::net::Address;
use crate::wire::convert::{self, fault, plan, small};
use crate::wire::stubs::compute_node::DescribeRequest;
use crate::wire::stubs::types::{Fault, FaultCode, ShardRef};

/// Longest time that a node may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nodes that are asked at once.
const AT_ONCE: usize = 16;

/// Sums over all rows that a run of this plan trains on, and the number of shards.
pub(super) fn describe(desk: &Desk, plan: &Plan) -> Result<(Moments, usize), Fault> {
    let (moments, shards) = match is_private(&plan.data.spec) {
        true => of_nodes(desk, plan)?,
        false => here(desk, plan)?,
    };
    let features = moments.columns.len();
    if features > MOST_DESCRIBED {
        let message = format!("{features} features; at most {MOST_DESCRIBED} are described");
        return Err(fault(FaultCode::INVALID, message));
    }
    Ok((moments, shards))
}

/// Finds means and deviations where a plan asks for them.
pub(super) fn fit(desk: &Desk, mut plan: Plan) -> Result<Plan, Fault> {
    if plan.data.standardise == Standardise::Fit {
        let (moments, _) = describe(desk, &plan)?;
        let standard = Standard::of(&moments);
        plan.data.standardise = Standardise::By(Arc::new(standard));
    }
    Ok(plan)
}

/// Of data that the coordinator can open.
fn here(desk: &Desk, plan: &Plan) -> Result<(Moments, usize), Fault> {
    let wrong = |reason: String| fault(FaultCode::INVALID, reason);
    let source = open_source(plan, desk.workshop.root()).map_err(wrong)?;
    let moments = Moments::of_source(&source).map_err(wrong)?;
    Ok((moments, source.shards()))
}

/// Of private rows: each shard is added up by a node that hosts it.
fn of_nodes(desk: &Desk, plan: &Plan) -> Result<(Moments, usize), Fault> {
    desk.hosts.settle();
    let hosts = hosts(desk);
    if hosts.is_empty() {
        let message = "no node that is up hosts private rows";
        return Err(Fault {
            hint: Some("start nodes with `compute_node PORT LOAD --data FILE`".to_owned()),
            retryable: Some(true),
            ..fault(FaultCode::FAILED, message)
        });
    }
    let shards = hosts.values().map(Vec::len).sum();
    let hosts: Vec<(String, Vec<String>)> = hosts.into_iter().collect();
    let mut moments = Moments::default();
    for some in hosts.chunks(AT_ONCE) {
        let answers: Vec<Result<Moments, Fault>> = thread::scope(|scope| {
            let asked: Vec<_> = some
                .iter()
                .map(|(address, shards)| scope.spawn(|| ask(address, shards, plan)))
                .collect();
            let gone = || fault(FaultCode::INTERNAL, "a thread ended without an answer");
            asked
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(gone())))
                .collect()
        });
        for answer in answers {
            let merged = moments.merge(answer?);
            merged.map_err(|reason| fault(FaultCode::INVALID, reason))?;
        }
    }
    Ok((moments, shards))
}

/// Nodes that are up, each with the shards it is asked for: every shard once, at the first node that hosts it.
fn hosts(desk: &Desk) -> BTreeMap<String, Vec<String>> {
    let federation = desk.lock();
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (id, node) in federation.cluster().roster().iter() {
        if node.health == Health::Up {
            for hosted in desk.hosts.of(id) {
                first.entry(hosted.name).or_insert(node.address.clone());
            }
        }
    }
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (shard, address) in first {
        hosts.entry(address).or_default().push(shard);
    }
    hosts
}

/// Asks one node for the sums of some shards.
fn ask(address: &str, shards: &[String], plan: &Plan) -> Result<Moments, Fault> {
    let failed = |reason: String| {
        let message = format!("{address} did not describe its rows: {reason}");
        fault(FaultCode::FAILED, message)
    };
    let at: Address = address
        .parse()
        .map_err(|error| failed(format!("{error}")))?;
    let mut node = dial::node(&at, PATIENCE).map_err(|error| failed(error.to_string()))?;
    let shards = shards.iter().enumerate().map(|(index, name)| ShardRef {
        index: small(index),
        name: name.clone(),
        ..ShardRef::default()
    });
    let request = DescribeRequest {
        data: plan::data_ref(&plan.data, plan.seed),
        shards: shards.collect(),
        seed: plan.seed.0.cast_signed(),
    };
    let deadline = clock::now() + PATIENCE;
    let reply = node.call("describe", deadline, |node| node.describe(&request));
    let reply = reply.map_err(|error| failed(error.to_string()))?;
    convert::moments::read(&reply).map_err(failed)
}
