//! What the features of some data are like, over all nodes: exact sums, so that it does not matter who held which rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::desk::Desk;
use super::nodes::hosts::Hosting;
use super::runs::rows::{check_names, open_source};
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
    let (moments, shards) = match plan::is_private(&plan.data.spec) {
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

/// Of private rows: each shard is added up by a node that hosts it, or by another one where that fails.
fn of_nodes(desk: &Desk, plan: &Plan) -> Result<(Moments, usize), Fault> {
    desk.hosts.settle();
    let mut hosts = hosts(desk).map_err(|reason| fault(FaultCode::FAILED, reason))?;
    if hosts.is_empty() {
        let message = "no node that is up hosts private rows";
        return Err(Fault {
            hint: Some("start nodes with `compute_node PORT LOAD --data FILE`".to_owned()),
            retryable: Some(true),
            ..fault(FaultCode::FAILED, message)
        });
    }
    let shards = hosts.len();
    let mut moments = Moments::default();
    while !hosts.is_empty() {
        let turn = by_node(&hosts);
        for some in turn.chunks(AT_ONCE) {
            for ((address, shards), answer) in some.iter().zip(ask_all(some, plan)) {
                match answer {
                    Ok(found) => {
                        let merged = moments.merge(found);
                        merged.map_err(|reason| fault(FaultCode::FAILED, reason))?;
                        shards.iter().for_each(|shard| drop(hosts.remove(shard)));
                    }
                    Err(fault) => strike(&mut hosts, address).map_err(|()| fault)?,
                }
            }
        }
    }
    Ok((moments, shards))
}

/// Shards, each with the addresses of nodes that host it.
type Hosts = BTreeMap<String, Vec<String>>;

/// Shards that are hosted by nodes that are up; an error where they do not fit together.
fn hosts(desk: &Desk) -> Result<Hosts, String> {
    let federation = desk.lock();
    let nodes = federation.cluster().roster().iter();
    let up: Vec<(String, Hosting)> = nodes
        .filter(|(_, node)| node.health == Health::Up)
        .map(|(id, node)| (node.address.clone(), desk.hosts.of(id)))
        .collect();
    drop(federation);
    check_names(up.iter().map(|(_, hosting)| hosting))?;
    let mut hosts = Hosts::new();
    for (address, hosting) in up {
        for shard in hosting.shards {
            hosts.entry(shard.name).or_default().push(address.clone());
        }
    }
    Ok(hosts)
}

/// Nodes with the shards they are asked for: every shard once, at the first of its hosts.
fn by_node(hosts: &Hosts) -> Vec<(String, Vec<String>)> {
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (shard, addresses) in hosts {
        if let Some(first) = addresses.first() {
            nodes.entry(first.clone()).or_default().push(shard.clone());
        }
    }
    nodes.into_iter().collect()
}

/// Takes a node from the hosts; an error where a shard is left without one.
fn strike(hosts: &mut Hosts, failed: &str) -> Result<(), ()> {
    for addresses in hosts.values_mut() {
        addresses.retain(|address| address != failed);
        if addresses.is_empty() {
            return Err(());
        }
    }
    Ok(())
}

/// Asks these nodes at once; their answers in the same order.
fn ask_all(nodes: &[(String, Vec<String>)], plan: &Plan) -> Vec<Result<Moments, Fault>> {
    thread::scope(|scope| {
        let asked: Vec<_> = nodes
            .iter()
            .map(|(address, shards)| scope.spawn(|| ask(address, shards, plan)))
            .collect();
        let gone = || fault(FaultCode::INTERNAL, "a thread ended without an answer");
        let answers = asked.into_iter();
        answers
            .map(|thread| thread.join().unwrap_or_else(|_| Err(gone())))
            .collect()
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_a_node_that_failed_go_to_their_next_host() {
        let hosts = [("x", &["a", "b"][..]), ("y", &["b"]), ("z", &["a", "c"])];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut hosts: Hosts = hosts
            .map(|(shard, at)| (shard.to_owned(), owned(at)))
            .into();
        let asked = |hosts: &Hosts| {
            let nodes = by_node(hosts).into_iter();
            let named = nodes.map(|(node, shards)| format!("{node}: {}", shards.join(" ")));
            named.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(asked(&hosts), "a: x z, b: y");
        assert_eq!(strike(&mut hosts, "a"), Ok(()));
        assert_eq!(asked(&hosts), "b: x y, c: z");
        assert_eq!(strike(&mut hosts, "b"), Err(()));
    }
}
