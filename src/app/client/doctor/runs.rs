//! Runs: which of them wait, and what for.

use super::finding::Finding;
use crate::net::Address;
use crate::wire::stubs::coordinator::{RunState, RunStatus};

const CHECK: &str = "run";

/// A finding for each run that is under way or could go on.
pub(super) fn look(runs: &[RunStatus], at: &Address) -> Vec<Finding> {
    let mut found: Vec<Finding> = runs.iter().filter_map(|run| one(run, at)).collect();
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "none is under way"));
    }
    found
}

fn one(run: &RunStatus, at: &Address) -> Option<Finding> {
    let activity = run
        .activity
        .as_deref()
        .unwrap_or("what it does is not told");
    let finding = match run.state {
        RunState::RUNNING => under_way(activity),
        RunState::STOPPED => {
            let error = run.error.as_deref().unwrap_or(activity);
            let (host, port, id) = (&at.host, at.port, &run.run);
            Finding::warning(
                CHECK,
                format!("stopped: {error}"),
                format!("when nodes are up again: client {host} {port} resume {id}"),
            )
        }
        _ => return None,
    };
    Some(finding.about(&run.run))
}

/// What a run waits for is in its own words.
fn under_way(activity: &str) -> Finding {
    let says = |text: &str| activity.contains(text);
    let waits = |hint: &str| Finding::warning(CHECK, activity, hint);
    if says("cannot be recorded") {
        let hint =
            "see `state` above: make room where runs are kept, and the run goes on by itself";
        Finding::problem(CHECK, activity, hint)
    } else if says("waiting for a node") {
        waits(
            "start nodes, or see above why they are down; after some attempts the run stops, and can be resumed",
        )
    } else if says("refused; asking again") {
        waits(
            "the nodes are busy, or were started with a high LOAD_PROBABILITY: add nodes, or another policy than one that lets them refuse",
        )
    } else if says("waiting for the nodes that host") {
        waits("start the nodes that host these private shards; nobody else has their rows")
    } else if says("waiting for another node") {
        waits("audited work is compared between nodes: start another one")
    } else {
        Finding::ok(CHECK, activity)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::cluster::Waiting;

    fn level(state: RunState, activity: &str) -> Option<Level> {
        let run = RunStatus {
            run: "ab12".to_owned(),
            state,
            activity: Some(activity.to_owned()),
            ..RunStatus::default()
        };
        let at: Address = "127.0.0.1:5105".parse().unwrap();
        one(&run, &at).map(|finding| finding.level)
    }

    #[test]
    fn runs_that_wait_are_told_as_the_core_says_it() {
        let waits = |waiting: Waiting| {
            let activity = format!("round 3: 4 of 10 shards; {waiting}");
            level(RunState::RUNNING, &activity) == Some(Level::Warning)
        };
        assert!(waits(Waiting::NoNodes));
        assert!(waits(Waiting::NoNodeUp {
            known: 2,
            attempt: 1,
            of: 3,
            failure: None
        }));
        assert!(waits(Waiting::Refused { up: 2 }));
        assert!(waits(Waiting::Hosts { queued: 1 }));
        assert!(waits(Waiting::Another { queued: 1 }));
        assert!(!waits(Waiting::Busy { up: 1, queued: 1 }));
        assert!(!waits(Waiting::Nothing));
        assert!(!waits(Waiting::Working {
            out: 1,
            queued: 2,
            oldest: None
        }));
    }

    #[test]
    fn runs_that_ended_well_or_failed_are_no_matter() {
        assert_eq!(level(RunState::SUCCEEDED, ""), None);
        assert_eq!(level(RunState::FAILED, ""), None);
        assert_eq!(level(RunState::STOPPED, ""), Some(Level::Warning));
        let full = "what is finished cannot be recorded, and the run waits: no space";
        assert_eq!(level(RunState::RUNNING, full), Some(Level::Problem));
    }
}
