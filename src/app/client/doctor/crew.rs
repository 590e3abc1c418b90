//! Nodes compared with one another: those that fail, refuse, lag or lack what the others do not.

use std::collections::{BTreeMap, BTreeSet};

use super::coordinator::{apart, differs};
use super::finding::Finding;
use super::said::names;
use crate::wire::stubs::coordinator::{NodeState, NodeStatus};

/// Fewer attempts than this say nothing.
const SOME: i64 = 10;
/// A share of this many times that of the others is out of proportion.
const TIMES: f64 = 3.0;
/// Shares below this are no matter.
const SHARE: f64 = 0.1;
/// This many times slower than the one in the middle is slow.
const SLOW: f64 = 4.0;

/// All comparisons; one finding if there is nothing to say.
pub(super) fn look(nodes: &[NodeStatus]) -> Vec<Finding> {
    let up: Vec<&NodeStatus> = nodes
        .iter()
        .filter(|node| node.state == NodeState::UP)
        .collect();
    let mut found = Vec::new();
    found.extend(up.iter().filter_map(|node| failures(node, &up)));
    found.extend(up.iter().filter_map(|node| refusals(node, &up)));
    found.extend(up.iter().filter_map(|node| load(node)));
    found.extend(slow(&up));
    found.extend(abilities(&up));
    found.extend(releases(&up));
    found.extend(up.iter().filter_map(|node| clock(node)));
    if found.is_empty() && !up.is_empty() {
        let said = "nothing is out of proportion: failures, refusals, load, speed, abilities, releases, clocks";
        found.push(Finding::ok("compared", said));
    }
    found
}

/// Completed, failed and refused attempts.
fn attempts(node: &NodeStatus) -> [i64; 3] {
    [node.completed, node.failed, node.refused].map(|count| count.unwrap_or(0).max(0))
}

/// The share of a node's attempts that went so, and whether it is out of proportion to that of the others.
fn stands_out(node: &NodeStatus, up: &[&NodeStatus], which: usize) -> Option<f64> {
    let share = |some: &[[i64; 3]]| {
        let sum =
            |of: &dyn Fn(&[i64; 3]) -> i64| -> f64 { some.iter().map(|one| of(one) as f64).sum() };
        let all = sum(&|one| {
            one.iter()
                .fold(0, |sum: i64, count| sum.saturating_add(*count))
        });
        (all >= SOME as f64).then(|| sum(&|one| one[which]) / all)
    };
    let own = share(&[attempts(node)])?;
    let others = up.iter().filter(|other| other.address != node.address);
    let others: Vec<[i64; 3]> = others.map(|other| attempts(other)).collect();
    let limit = share(&others).map_or(0.5, |others| (TIMES * others).max(SHARE));
    (own > limit).then_some(own)
}

fn failures(node: &NodeStatus, up: &[&NodeStatus]) -> Option<Finding> {
    let share = stands_out(node, up, 1)?;
    let last = node.failure.as_deref();
    let last = last.map_or(String::new(), |last| format!("; the last: {last}"));
    let found = format!(
        "{:.0} % of its attempts failed, far more than elsewhere{last}",
        share * 100.0
    );
    let hint = "see its log, which names the same attempts, and whether it has the data and memory that the tasks need";
    Some(Finding::warning("failures", found, hint).about(&node.address))
}

fn refusals(node: &NodeStatus, up: &[&NodeStatus]) -> Option<Finding> {
    let share = stands_out(node, up, 2)?;
    let found = format!(
        "it refused {:.0} % of what it was asked, far more than others",
        share * 100.0
    );
    let hint = "it is busy, or was started with a high LOAD_PROBABILITY; `auto` measures instead";
    Some(Finding::warning("refusals", found, hint).about(&node.address))
}

fn load(node: &NodeStatus) -> Option<Finding> {
    let load = node.load.unwrap_or(0.0);
    if load < 0.95 || node.busy.unwrap_or(0) > 0 {
        return None;
    }
    let found = format!("load {load:.2}, with nothing in hand for this coordinator");
    let hint = "something else keeps that machine busy, or the node was started with that LOAD_PROBABILITY";
    Some(Finding::warning("load", found, hint).about(&node.address))
}

fn slow(up: &[&NodeStatus]) -> Vec<Finding> {
    let speed = |node: &&NodeStatus| node.rows_per_second.filter(|speed| *speed > 0.0);
    let mut speeds: Vec<f64> = up.iter().filter_map(&speed).collect();
    speeds.sort_by(f64::total_cmp);
    let Some(&middle) = speeds.get(speeds.len() / 2) else {
        return Vec::new();
    };
    let finding = |node: &&NodeStatus| {
        let own = speed(node).filter(|own| own * SLOW < middle)?;
        let found = format!("{own:.0} rows/s, where the one in the middle has {middle:.0}");
        let hint = "was it built with --release? Policy `fastest` gives it less to do";
        Some(Finding::warning("speed", found, hint).about(&node.address))
    };
    up.iter().filter_map(finding).collect()
}

fn abilities(up: &[&NodeStatus]) -> Vec<Finding> {
    let told = up.iter().filter_map(|node| node.abilities.as_ref());
    let all: BTreeSet<&String> = told.flatten().collect();
    let finding = |node: &&NodeStatus| {
        let own = node.abilities.as_ref()?;
        let lacking: Vec<&str> = all
            .iter()
            .filter(|one| !own.contains(**one))
            .map(|one| one.as_str())
            .collect();
        let found = format!(
            "it cannot do what others can: {}",
            names(lacking.iter().copied())
        );
        let hint = "tasks that need one of these go elsewhere; a node of the coordinator's release knows them all";
        (!lacking.is_empty())
            .then(|| Finding::warning("abilities", found, hint).about(&node.address))
    };
    up.iter().filter_map(finding).collect()
}

/// Nodes of ours that are of different releases; programs of others have numbers of their own.
fn releases(up: &[&NodeStatus]) -> Option<Finding> {
    let mut releases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in up {
        let ours = node
            .software
            .as_deref()
            .filter(|name| name.starts_with("roundtable/"));
        if let Some(release) = ours {
            releases.entry(release).or_default().push(&node.address);
        }
    }
    if releases.len() < 2 {
        return None;
    }
    let each = |(release, nodes): (&&str, &Vec<&str>)| {
        format!("{release} at {}", names(nodes.iter().copied()))
    };
    let each: Vec<String> = releases.iter().map(each).collect();
    let found = format!("nodes are of different releases: {}", each.join("; "));
    let hint = "install the same release everywhere: different ones need not give the same bits";
    Some(Finding::warning("release", found, hint))
}

fn clock(node: &NodeStatus) -> Option<Finding> {
    let (ahead, error) = (node.clock_ahead_ms?, node.clock_error_ms.unwrap_or(0));
    differs(ahead, error).then(|| {
        let found = format!("its clock is {} the coordinator's", apart(ahead, error));
        let hint = "set the clocks, with NTP for example; runs do not depend on them, but logs do not fit together";
        Finding::warning("clock", found, hint).about(&node.address)
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn node(port: u16, attempts: [i64; 3]) -> NodeStatus {
        NodeStatus {
            address: format!("10.0.0.7:{port}"),
            state: NodeState::UP,
            completed: Some(attempts[0]),
            failed: Some(attempts[1]),
            refused: Some(attempts[2]),
            rows_per_second: Some(1000.0),
            software: Some("roundtable/0.1.0".to_owned()),
            abilities: Some(["fold", "blobs"].map(str::to_owned).into()),
            clock_ahead_ms: Some(0),
            ..NodeStatus::default()
        }
    }

    fn checks(nodes: &[NodeStatus]) -> Vec<(&'static str, Option<String>)> {
        let found = look(nodes);
        found
            .into_iter()
            .map(|one| (one.check, one.about))
            .collect()
    }

    #[test]
    fn nodes_that_are_alike_are_ok() {
        let alike = [node(1, [90, 1, 0]), node(2, [80, 2, 3]), node(3, [0, 0, 0])];
        let found = look(&alike);
        assert_eq!((found.len(), found[0].level), (1, Level::Ok));
        assert!(look(&[]).is_empty());
    }

    #[test]
    fn what_is_out_of_proportion_is_told_of_the_node_that_is() {
        let about = |check, port| (check, Some(format!("10.0.0.7:{port}")));
        let healthy = [node(1, [90, 0, 0]), node(2, [90, 1, 1])];
        let with = |odd: NodeStatus| checks(&[healthy[0].clone(), healthy[1].clone(), odd]);
        assert_eq!(with(node(3, [20, 9, 0])), [about("failures", 3)]);
        assert_eq!(with(node(3, [20, 0, 9])), [about("refusals", 3)]);
        let compared = vec![("compared", None)];
        assert_eq!(with(node(3, [2, 3, 0])), compared, "too few to say");
        let busy = NodeStatus {
            load: Some(1.0),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(busy), [about("load", 3)]);
        let slow = NodeStatus {
            rows_per_second: Some(200.0),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(slow), [about("speed", 3)]);
        let lacks = NodeStatus {
            abilities: Some(BTreeSet::new()),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(lacks), [about("abilities", 3)]);
        let late = NodeStatus {
            clock_ahead_ms: Some(-60_000),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(late), [about("clock", 3)]);
        let old = NodeStatus {
            software: Some("roundtable/0.0.9".to_owned()),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(old), [("release", None)]);
        let foreign = NodeStatus {
            software: Some("SklearnNode".to_owned()),
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(foreign), compared);
        let silent = NodeStatus {
            software: None,
            abilities: None,
            clock_ahead_ms: None,
            ..node(3, [9, 0, 0])
        };
        assert_eq!(with(silent), compared, "of an older release");
    }

    #[test]
    fn numbers_that_make_no_sense_do_no_harm() {
        let mut odd = node(3, [i64::MAX, i64::MAX, -7]);
        odd.rows_per_second = Some(f64::NAN);
        odd.load = Some(f64::NAN);
        odd.clock_ahead_ms = Some(i64::MIN);
        odd.clock_error_ms = Some(i64::MIN);
        assert!(!look(&[node(1, [20, 0, 0]), odd]).is_empty());
    }
}
