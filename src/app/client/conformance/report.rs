//! What is told of the checks, to people or programs.

use serde_json::json;

use super::check::{Check, Checked, NotPassed};
use crate::app::client::failure::Failure;
use crate::app::client::foreign::plain;
use crate::app::client::view::{print, print_json, written};
use crate::net::Address;

/// Where nodes are described.
const PAGE: &str = "docs/nodes-in-any-language.md";

/// Tells of checks one by one, and counts them.
pub(super) struct Report {
    json: bool,
    /// Of checks, only those that failed are told.
    quiet: bool,
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

impl Report {
    pub(super) fn new(json: bool, quiet: bool) -> Report {
        Report {
            json,
            quiet,
            passed: 0,
            failed: 0,
            not_applicable: 0,
        }
    }

    /// Tells of a check that was done.
    pub(super) fn tell(&mut self, check: &Check, found: &Checked) -> Result<(), Failure> {
        let (outcome, text, count) = match found {
            Ok(seen) => ("pass", seen, &mut self.passed),
            Err(NotPassed::Failed(found)) => ("fail", found, &mut self.failed),
            Err(NotPassed::NotApplicable(why)) => ("n/a", why, &mut self.not_applicable),
        };
        *count += 1;
        if self.quiet && outcome != "fail" {
            return Ok(());
        }
        written(match self.json {
            true => print_json(&json!({
                "event": "check",
                "check": check.name,
                "outcome": outcome,
                "found": text,
                "rule": check.rule,
                "idl": check.idl,
                "docs": format!("{PAGE}#{}", check.section),
            })),
            false => print(&line(check, outcome, text)),
        })
    }

    /// Tells how many passed. An error unless all did that apply.
    pub(super) fn end(&self, node: &Address) -> Result<(), Failure> {
        let Report {
            passed,
            failed,
            not_applicable,
            ..
        } = self;
        written(match self.json {
            true => print_json(&json!({
                "event": "summary",
                "node": node.to_string(),
                "passed": passed,
                "failed": failed,
                "not_applicable": not_applicable,
            })),
            false => print(&format!(
                "{passed} passed, {failed} failed, {not_applicable} not applicable"
            )),
        })?;
        match failed {
            0 => Ok(()),
            _ => Err(Failure::failed(format!(
                "{node} does not do all that the protocol asks of a node"
            ))),
        }
    }
}

fn line(check: &Check, outcome: &str, text: &str) -> String {
    let (name, text) = (check.name, plain(text));
    let mut line = format!("{outcome:4}  {name:36}  {text}");
    if outcome == "fail" {
        let (rule, idl, section) = (check.rule, check.idl, check.section);
        line += &format!("\n      the protocol: {rule}\n      see idl/{idl}; {PAGE}#{section}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::client::conformance::checks;

    #[test]
    fn a_failure_says_what_is_right_and_where_that_is_written() {
        let check = checks().next().unwrap();
        let text = line(check, "fail", "incarnation missing");
        assert!(text.starts_with("fail  hello "), "{text}");
        assert!(text.contains("incarnation missing\n      the protocol: "));
        assert!(
            text.contains(
                "idl/compute_node.thrift HelloReply; docs/nodes-in-any-language.md#hello"
            )
        );
    }

    #[test]
    fn what_does_not_apply_is_no_failure() {
        let check = checks().next().unwrap();
        let mut report = Report::new(true, false);
        let node: Address = "127.0.0.1:5106".parse().unwrap();
        let absent = Err(NotPassed::NotApplicable("no ability".to_owned()));
        report.tell(check, &absent).unwrap();
        report.tell(check, &Ok(String::new())).unwrap();
        assert!(report.end(&node).is_ok());
        let wrong = Err(NotPassed::Failed("wrong".to_owned()));
        report.tell(check, &wrong).unwrap();
        assert!(report.end(&node).is_err());
    }
}
