//! What a node says of itself: hello and heartbeats.

use std::collections::BTreeSet;

use super::bench::{self, Bench};
use super::check::{Check, Checked, NotPassed, failed};
use crate::wire::convert::{foreign, small};
use crate::wire::stubs::compute_node::{HelloReply, HostedShard};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "hello",
        rule: "it names the protocol's version, an incarnation, and its own rows, each shard by another name",
        idl: "compute_node.thrift HelloReply",
        section: "hello",
        run: hello,
    },
    Check {
        name: "hello: same incarnation",
        rule: "the incarnation changes when the node is restarted, and only then",
        idl: "compute_node.thrift HelloReply.incarnation",
        section: "hello",
        run: incarnation,
    },
    Check {
        name: "heartbeat",
        rule: "it has the hello's incarnation, and a load from 0 to 1",
        idl: "compute_node.thrift HeartbeatReply",
        section: "heartbeat",
        run: heartbeat,
    },
];

fn hello(bench: &mut Bench) -> Checked {
    let reply = &bench.hello;
    foreign::greeting(reply)?;
    if let Some(slots) = reply.slots
        && slots < 1
    {
        return failed(format!(
            "it has {slots} slots; nothing could ever be asked of it"
        ));
    }
    let hosted = reply.hosted.as_deref().unwrap_or_default();
    let mut names = BTreeSet::new();
    for shard in hosted {
        if shard.name.is_empty() || shard.rows < 1 {
            return failed(format!(
                "it hosts {} rows by the name `{}`",
                shard.rows, shard.name
            ));
        }
        if !names.insert(shard.name.as_str()) {
            return failed(format!("two shards it hosts are called `{}`", shard.name));
        }
    }
    check_columns(reply, hosted)?;
    let hello = &reply.hello;
    let software = hello.software.as_deref().unwrap_or("no name of a program");
    let abilities: Vec<&str> = hello
        .abilities
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let abilities = match abilities[..] {
        [] => "none".to_owned(),
        _ => abilities.join(", "),
    };
    let version = (hello.protocol_major, hello.protocol_minor);
    Ok(format!(
        "{software}, protocol {}.{}; abilities: {abilities}; shards of its own: {}",
        version.0,
        version.1,
        hosted.len()
    ))
}

/// Whether there are as many names of features as features, and of classes at least as many as classes.
fn check_columns(reply: &HelloReply, hosted: &[HostedShard]) -> Result<(), NotPassed> {
    let count = |names: Option<&Vec<String>>| names.map(|names| small(names.len()));
    let columns = reply.columns.as_ref();
    let features = count(columns.and_then(|columns| columns.features.as_ref()));
    let classes = count(columns.and_then(|columns| columns.classes.as_ref()));
    for shard in hosted {
        let name = &shard.name;
        if let (Some(named), Some(there)) = (features, shard.features)
            && named != there
        {
            return failed(format!("it names {named} features; `{name}` has {there}"));
        }
        if let (Some(named), Some(there)) = (classes, shard.classes)
            && named < there
        {
            return failed(format!("it names {named} classes; `{name}` has {there}"));
        }
    }
    Ok(())
}

fn incarnation(bench: &mut Bench) -> Checked {
    let known = bench.hello.incarnation;
    let again = bench::hello(&mut bench.open()?, bench.deadline())?.incarnation;
    match again == known {
        true => Ok(format!("{known} twice")),
        false => failed(format!("{known} at first, {again} when asked again")),
    }
}

fn heartbeat(bench: &mut Bench) -> Checked {
    let reply = bench.beat()?;
    if reply.incarnation != bench.hello.incarnation {
        return failed(format!(
            "its incarnation is {}, that of its hello {}: it would be taken for restarted at every beat",
            reply.incarnation, bench.hello.incarnation
        ));
    }
    match reply.load {
        Some(load) if !(0.0..=1.0).contains(&load) => {
            failed(format!("its load is {load}, which is not between 0 and 1"))
        }
        Some(load) => Ok(format!("load {load:.2}")),
        None => Ok("it tells no load, which is taken for 0".to_owned()),
    }
}
