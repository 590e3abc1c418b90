//! Where each node stands, and what to do about it.

use super::finding::Finding;
use super::said::span;
use crate::wire::stubs::coordinator::{NodeState, NodeStatus};

const CHECK: &str = "node";

/// A finding for each node, and one if none is up.
pub(super) fn look(nodes: &[NodeStatus]) -> Vec<Finding> {
    let mut found: Vec<Finding> = nodes.iter().map(node).collect();
    let up = nodes.iter().filter(|node| node.state == NodeState::UP);
    let up = up.count();
    found.push(match (nodes.len(), up) {
        (0, _) => Finding::problem(
            "nodes",
            "no node is known",
            "list nodes in compute_nodes.txt, `host,port` a line, or start them with `compute_node PORT 0 --join HOST:PORT`",
        ),
        (known, 0) => Finding::problem(
            "nodes",
            format!("none of {known} nodes is up"),
            "see above; nodes are reached from the coordinator's machine, which may see another network than this one",
        ),
        (known, up) => Finding::ok("nodes", format!("{up} of {known} up")),
    });
    found
}

fn node(node: &NodeStatus) -> Finding {
    let failure = node.failure.as_deref();
    let reason = failure.map_or(String::new(), |failure| format!(": {failure}"));
    match node.state {
        NodeState::UP => Finding::ok(CHECK, healthy(node)),
        NodeState::NEW => Finding::warning(CHECK, "not asked yet", "look again in a few seconds"),
        NodeState::LEAVING => Finding::warning(
            CHECK,
            "it takes its leave: it finishes what it has and gets nothing new",
            "nothing needs to be done, unless it was to stay; then start it again",
        ),
        NodeState::BARRED => Finding::problem(
            CHECK,
            format!("it is barred{reason}"),
            "its work differed from that of others. See that its release and its data are those of the others, and test its \
             memory; a node that is restarted gets work again",
        ),
        NodeState::DOWN => Finding::problem(CHECK, format!("it is down{}{reason}", since(node)), remedy(failure)),
        other => Finding::warning(
            CHECK,
            format!("in a state that this client does not know: {other:?}"),
            "use a client of the coordinator's release",
        ),
    }
    .about(&node.address)
}

fn healthy(node: &NodeStatus) -> String {
    let speed = node.rows_per_second;
    let speed = speed.map_or(String::new(), |speed| format!(", {speed:.0} rows/s"));
    let software = node.software.as_deref();
    format!(
        "up; load {:.2}, {} of {} slots in use{speed}; {} done, {} failed, {} refused; {}",
        node.load.unwrap_or(0.0),
        node.busy.unwrap_or(0),
        node.slots.unwrap_or(0),
        node.completed.unwrap_or(0),
        node.failed.unwrap_or(0),
        node.refused.unwrap_or(0),
        software.unwrap_or("release not told")
    )
}

fn since(node: &NodeStatus) -> String {
    let ago = |millis: Option<i64>| millis.map(|millis| span(millis.max(0)));
    let last_up = match (ago(node.last_up_ms), node.completed) {
        (Some(ago), _) => format!(", last seen {ago} ago"),
        (None, None | Some(0)) => ", never seen up".to_owned(),
        (None, _) => String::new(),
    };
    match ago(node.failure_age_ms) {
        Some(ago) => format!("{last_up}, last tried {ago} ago"),
        None => last_up,
    }
}

/// What to do about a node that is down. The words are those of the coordinator's network errors; any others get
/// advice that fits them all.
fn remedy(failure: Option<&str>) -> &'static str {
    let says = |text: &str| failure.is_some_and(|failure| failure.contains(text));
    if says("refused") {
        "nothing listens there: start the node, with --bind if the coordinator is on another machine, or take it off the list"
    } else if says("no address for that name") {
        "the coordinator's machine does not know that name: write the address in numbers in the list of nodes"
    } else if says("no way there") {
        "the coordinator's machine has no route to it: see that both are in one network, or that the list is right"
    } else if says("timed out") {
        "is its machine up, and not stopped or overloaded? A firewall between it and the coordinator may drop what is sent"
    } else if says("version") {
        "install the same release there"
    } else {
        "see that a compute node runs there, and its log; the coordinator asks again by itself"
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn in_state(state: NodeState, failure: Option<&str>) -> NodeStatus {
        NodeStatus {
            address: "10.0.0.7:5106".to_owned(),
            state,
            failure: failure.map(str::to_owned),
            ..NodeStatus::default()
        }
    }

    #[test]
    fn every_state_has_a_finding() {
        let level = |state| node(&in_state(state, None)).level;
        assert_eq!(level(NodeState::UP), Level::Ok);
        assert_eq!(level(NodeState::NEW), Level::Warning);
        assert_eq!(level(NodeState::LEAVING), Level::Warning);
        assert_eq!(level(NodeState::DOWN), Level::Problem);
        assert_eq!(level(NodeState::BARRED), Level::Problem);
        assert_eq!(level(NodeState(77)), Level::Warning);
    }

    #[test]
    fn a_node_that_is_down_says_why_since_when_and_what_to_do() {
        let mut down = in_state(
            NodeState::DOWN,
            Some("connecting to 10.0.0.7:5106 was refused"),
        );
        down.last_up_ms = Some(90_000);
        down.failure_age_ms = Some(1_500);
        let found = node(&down);
        let said = "it is down, last seen 90 s ago, last tried 1 s ago: connecting to 10.0.0.7:5106 was refused";
        assert_eq!(found.found, said);
        assert!(found.hint.unwrap().starts_with("nothing listens there"));
        let never = node(&in_state(NodeState::DOWN, None));
        assert!(never.found.contains("never seen up"), "{never:?}");
    }

    #[test]
    fn without_nodes_nothing_can_be_trained() {
        let last = |nodes: &[NodeStatus]| look(nodes).pop().unwrap();
        assert!(last(&[]).found.contains("no node is known"));
        let down = in_state(NodeState::DOWN, None);
        assert_eq!(last(std::slice::from_ref(&down)).level, Level::Problem);
        let up = in_state(NodeState::UP, None);
        assert_eq!(last(&[down, up]).found, "1 of 2 up");
    }
}
