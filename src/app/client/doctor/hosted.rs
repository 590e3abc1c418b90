//! Private shards that nodes host: whether they fit together.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::said::names;
use crate::ml::data::Names;
use crate::wire::convert::columns;
use crate::wire::stubs::compute_node::HostedShard;
use crate::wire::stubs::coordinator::NodeStatus;

const CHECK: &str = "private";

/// A hosted shard and the address of its node.
type Hosted<'a> = (&'a HostedShard, &'a str);

/// Every disagreement, or that there is none; nothing where no node hosts anything.
pub(super) fn look(nodes: &[NodeStatus]) -> Vec<Finding> {
    let mut hosted: Vec<Hosted> = Vec::new();
    for node in nodes {
        let own = node.hosted.iter().flatten();
        hosted.extend(own.map(|shard| (shard, node.address.as_str())));
    }
    if hosted.is_empty() {
        return Vec::new();
    }
    let mut found = same_name(&hosted);
    found.extend(features(&hosted));
    found.extend(columns_of(nodes));
    found.extend(targets(&hosted));
    if found.is_empty() {
        let rows = hosted
            .iter()
            .fold(0i64, |sum, (shard, _)| sum.saturating_add(shard.rows));
        let said = format!(
            "{} private shards of {rows} rows, which fit together",
            hosted.len()
        );
        found.push(Finding::ok(CHECK, said));
    }
    found
}

/// A name stands for the same rows wherever it is: whichever node is free trains them.
fn same_name(hosted: &[Hosted]) -> Vec<Finding> {
    let mut by_name: BTreeMap<&str, Vec<&Hosted>> = BTreeMap::new();
    for one in hosted {
        by_name.entry(&one.0.name).or_default().push(one);
    }
    let shared = by_name.into_iter().filter(|(_, of)| of.len() > 1);
    let finding = |(name, of): (&str, Vec<&Hosted>)| {
        let at = names(of.iter().map(|(_, node)| *node));
        let found = format!("`{name}` is hosted by {at}");
        let first = of[0].0;
        let alike = |(shard, _): &&Hosted| shard == &first;
        match of.iter().all(alike) {
            true => Finding::warning(
                CHECK,
                found,
                "one of them trains it, whichever is free. If their rows are not the same, name their files differently",
            ),
            false => Finding::problem(
                CHECK,
                format!("{found}, with different rows"),
                "the result depends on which of them is asked: name the files differently, so that each is a shard",
            ),
        }
    };
    shared.map(finding).collect()
}

/// One model takes one number of features.
fn features(hosted: &[Hosted]) -> Option<Finding> {
    let groups = grouped(hosted, |shard| {
        shard.features.map(|features| features.to_string())
    });
    (groups.len() > 1).then(|| {
        Finding::problem(
            CHECK,
            format!("shards differ in their features: {}", said(&groups)),
            "one model cannot take both: give the files the same columns, or run on nodes that have the same",
        )
    })
}

/// Values are put together by their places alone, so these have to mean the same everywhere.
fn columns_of(nodes: &[NodeStatus]) -> Option<Finding> {
    let names: Vec<Names> = nodes
        .iter()
        .map(|node| columns::read(node.columns.as_ref()))
        .collect();
    let addresses = nodes.iter().map(|node| node.address.as_str());
    let found = Names::disagreement(addresses.zip(&names))?;
    let next = "one model cannot take both: give all files the same columns and classes= in the same order";
    Some(Finding::problem(CHECK, found, next))
}

/// Classes and real values cannot be mixed; a shard may lack rows of some classes.
fn targets(hosted: &[Hosted]) -> Option<Finding> {
    let groups = grouped(hosted, |shard| {
        shard.classes.map(|classes| classes.to_string())
    });
    if groups.len() < 2 {
        return None;
    }
    let found = format!("shards differ in their classes: {}", said(&groups));
    Some(match groups.contains_key("0") {
        true => Finding::problem(
            CHECK,
            format!("{found}; 0 stands for real values"),
            "one model cannot learn both: say `target=` where values are meant, or leave it out where classes are",
        ),
        false => Finding::warning(
            CHECK,
            found,
            "a run takes the largest number. That is right if some shards have no rows of the last classes",
        ),
    })
}

/// Nodes by what their shards have.
fn grouped<'a>(
    hosted: &[Hosted<'a>],
    by: impl Fn(&HostedShard) -> Option<String>,
) -> BTreeMap<String, Vec<&'a str>> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (shard, node) in hosted {
        let Some(key) = by(shard) else { continue };
        let nodes = groups.entry(key).or_default();
        if nodes.last() != Some(node) {
            nodes.push(node);
        }
    }
    groups
}

fn said(groups: &BTreeMap<String, Vec<&str>>) -> String {
    let each = groups
        .iter()
        .map(|(key, nodes)| format!("{key} at {}", names(nodes.iter().copied())));
    each.collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn node(address: &str, shards: &[(&str, i64, i32, i32)]) -> NodeStatus {
        let shard = |&(name, rows, features, classes): &(&str, i64, i32, i32)| HostedShard {
            name: name.to_owned(),
            rows,
            features: Some(features),
            classes: Some(classes),
        };
        NodeStatus {
            address: address.to_owned(),
            hosted: Some(shards.iter().map(shard).collect()),
            ..NodeStatus::default()
        }
    }

    fn levels(nodes: &[NodeStatus]) -> Vec<Level> {
        look(nodes).iter().map(|one| one.level).collect()
    }

    #[test]
    fn shards_that_fit_are_ok() {
        let fit = [
            node("a:1", &[("x", 5, 3, 2)]),
            node("b:1", &[("y", 6, 3, 2)]),
        ];
        assert_eq!(levels(&fit), [Level::Ok]);
        assert!(look(&fit)[0].found.contains("2 private shards of 11 rows"));
        assert!(look(&[node("a:1", &[])]).is_empty());
    }

    #[test]
    fn one_name_at_two_nodes_is_worse_with_other_rows() {
        let same = [
            node("a:1", &[("x", 5, 3, 2)]),
            node("b:1", &[("x", 5, 3, 2)]),
        ];
        assert_eq!(levels(&same), [Level::Warning]);
        let other = [
            node("a:1", &[("x", 5, 3, 2)]),
            node("b:1", &[("x", 7, 3, 2)]),
        ];
        assert_eq!(levels(&other), [Level::Problem]);
        assert!(look(&other)[0].found.contains("a:1, b:1"));
    }

    #[test]
    fn features_and_targets_must_fit() {
        let with = |second| levels(&[node("a:1", &[("x", 5, 3, 2)]), node("b:1", &[second])]);
        assert_eq!(with(("y", 5, 4, 2)), [Level::Problem]);
        assert_eq!(with(("y", 5, 3, 0)), [Level::Problem]);
        assert_eq!(with(("y", 5, 3, 3)), [Level::Warning]);
    }
}
