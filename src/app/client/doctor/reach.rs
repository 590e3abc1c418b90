//! Whether a coordinator is there, told apart from everything else that may be.

use std::time::Duration;

use super::finding::Finding;
use crate::app::dial::{self, CallFailed, Coordinator, Dialled};
use crate::clock;
use crate::net::{Address, NetError, NetErrorKind};
use crate::wire::convert::{self, check_hello};
use crate::wire::stubs::compute_node;
use crate::wire::stubs::coordinator::{HelloReply, HelloRequest, NodeStatus, NodesRequest};
use crate::wire::stubs::types::FaultCode;

const CHECK: &str = "reach";
const NOT_ONE: &str = "is that the coordinator's port, which it prints as `listening on`? Nodes and dashboards have others";

/// A coordinator that answers.
pub(super) struct Reached {
    pub(super) open: Dialled<Coordinator>,
    pub(super) hello: HelloReply,
    pub(super) nodes: Vec<NodeStatus>,
    /// How far its clock is ahead of the one here, and how far that may be wrong, in milliseconds.
    pub(super) clock: Option<(i64, i64)>,
    pub(super) finding: Finding,
}

/// Connects, greets, and asks for the nodes: other services have a `hello` too.
pub(super) fn reach(at: &Address, limit: Duration) -> Result<Reached, Finding> {
    let began = clock::now();
    let mut open = dial::coordinator(at, limit).map_err(|error| unreached(at, &error))?;
    let connecting = clock::now() - began;

    let request = HelloRequest {
        hello: convert::hello(),
    };
    let (began, wall) = (clock::now(), clock::wall_ms());
    let hello = open.call("hello", began + limit, |to| to.hello(&request));
    let hello = hello.map_err(|failed| match failed {
        CallFailed::Net(error) if error.kind == NetErrorKind::Garbled && is_node(at, limit) => {
            let found = format!("a compute node listens at {at}, no coordinator");
            Finding::problem(CHECK, found, NOT_ONE)
        }
        failed => no_coordinator(at, &failed),
    })?;
    let (round_trip, ended) = (clock::now() - began, clock::wall_ms());
    check_hello(&hello.hello).map_err(|wrong| wrong_release(&wrong.to_string()))?;
    let nodes = open.call("nodes", clock::now() + limit, |to| {
        to.nodes(&NodesRequest {})
    });
    let nodes = nodes.map_err(|failed| no_coordinator(at, &failed))?.nodes;

    // Its clock was read somewhere between question and answer.
    let error = (ended - wall).max(0) / 2;
    let ahead = |told: i64| (told.saturating_sub(wall + error), error);
    let found = format!(
        "a coordinator at {at}; connecting took {}, a call {}",
        millis(connecting),
        millis(round_trip)
    );
    Ok(Reached {
        open,
        nodes,
        clock: hello.wall_ms.map(ahead),
        hello,
        finding: Finding::ok(CHECK, found),
    })
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

/// Why there is no connection.
fn unreached(at: &Address, error: &NetError) -> Finding {
    let hint = match error.kind {
        NetErrorKind::Refused => format!(
            "start it there with `coordinator {} 2`; it listens on its own machine alone unless it is given --bind",
            at.port
        ),
        NetErrorKind::TimedOut => {
            "is that machine up? A firewall on the way, or there, may drop what is sent".to_owned()
        }
        NetErrorKind::Unreachable => {
            "there is no route: is the address right, and is this machine in that network?"
                .to_owned()
        }
        NetErrorKind::UnknownHost => {
            "is the name right? An address in numbers needs no name".to_owned()
        }
        _ => NOT_ONE.to_owned(),
    };
    Finding::problem(CHECK, error.to_string(), hint)
}

/// Whether what listens there greets as a node does.
fn is_node(at: &Address, limit: Duration) -> bool {
    let request = compute_node::HelloRequest {
        hello: convert::hello(),
    };
    let deadline = clock::now() + limit;
    let node = dial::node(at, limit).map_err(CallFailed::Net);
    node.and_then(|mut node| node.call("hello", deadline, |to| to.hello(&request)))
        .is_ok()
}

/// Why what listens there is of no use.
fn no_coordinator(at: &Address, failed: &CallFailed) -> Finding {
    match failed {
        CallFailed::Fault(fault) if fault.code == FaultCode::VERSION => {
            wrong_release(&fault.message)
        }
        CallFailed::Fault(fault) => {
            let hint = fault.hint.clone();
            let hint = hint.unwrap_or("see the coordinator's log".to_owned());
            Finding::problem(CHECK, format!("{at} answered: {}", fault.message), hint)
        }
        CallFailed::Declined(reason) => {
            let found = format!("what listens at {at} is no coordinator: {reason}");
            Finding::problem(CHECK, found, NOT_ONE)
        }
        CallFailed::Net(error) if error.kind == NetErrorKind::TimedOut => {
            let found = format!("{at} takes connections but does not answer: {error}");
            Finding::problem(
                CHECK,
                found,
                format!(
                    "{NOT_ONE}. A coordinator that hangs is to be restarted; runs that it keeps go on"
                ),
            )
        }
        CallFailed::Net(error) => {
            let found = format!("what listens at {at} is no coordinator: {error}");
            Finding::problem(CHECK, found, NOT_ONE)
        }
    }
}

fn wrong_release(message: &str) -> Finding {
    Finding::problem(
        "release",
        message.to_owned(),
        "install the same release here and there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::convert::fault;

    fn failed(kind: NetErrorKind) -> NetError {
        NetError {
            kind,
            peer: "10.0.0.7:5105".to_owned(),
            action: "connecting".to_owned(),
            after: Duration::from_secs(2),
            detail: None,
        }
    }

    #[test]
    fn each_way_of_not_being_there_has_a_hint_of_its_own() {
        let at: Address = "10.0.0.7:5105".parse().unwrap();
        let hint = |kind| unreached(&at, &failed(kind)).hint.unwrap();
        assert!(hint(NetErrorKind::Refused).contains("coordinator 5105 2"));
        assert!(hint(NetErrorKind::TimedOut).contains("firewall"));
        assert!(hint(NetErrorKind::Unreachable).contains("route"));
        assert!(hint(NetErrorKind::UnknownHost).contains("name"));
    }

    #[test]
    fn each_way_of_being_something_else_is_told() {
        let at: Address = "10.0.0.7:5105".parse().unwrap();
        let told = |failed| no_coordinator(&at, &failed);
        let silent = told(CallFailed::Net(failed(NetErrorKind::TimedOut)));
        assert!(silent.found.contains("does not answer"), "{silent:?}");
        let page = told(CallFailed::Net(failed(NetErrorKind::Garbled)));
        assert!(page.found.contains("no coordinator"), "{page:?}");
        let node = told(CallFailed::Declined("unknown method nodes".to_owned()));
        assert!(node.found.contains("no coordinator"), "{node:?}");
        let other = fault(FaultCode::VERSION, "it speaks version 2.0");
        let other = told(CallFailed::Fault(other));
        assert_eq!(other.check, "release");
    }
}
