//! What is told of the findings, to people or programs.

use serde_json::json;

use super::finding::{Finding, Level};
use crate::app::client::failure::Failure;
use crate::app::client::foreign::plain;
use crate::app::client::view::{print, print_json, written};
use crate::net::Address;

/// Tells of findings one by one, and counts them.
pub(super) struct Report {
    json: bool,
    /// What is well is not told.
    quiet: bool,
    ok: usize,
    warnings: usize,
    problems: usize,
}

impl Report {
    pub(super) fn new(json: bool, quiet: bool) -> Report {
        Report {
            json,
            quiet,
            ok: 0,
            warnings: 0,
            problems: 0,
        }
    }

    /// Tells of a finding.
    pub(super) fn tell(&mut self, finding: &Finding) -> Result<(), Failure> {
        *match finding.level {
            Level::Ok => &mut self.ok,
            Level::Warning => &mut self.warnings,
            Level::Problem => &mut self.problems,
        } += 1;
        if self.quiet && finding.level == Level::Ok {
            return Ok(());
        }
        written(match self.json {
            true => print_json(&json!({
                "event": "check",
                "check": finding.check,
                "about": finding.about,
                "outcome": finding.level.name(),
                "found": finding.found,
                "hint": finding.hint,
            })),
            false => print(&text(finding)),
        })
    }

    /// Tells how many there were. An error if there is a problem.
    pub(super) fn end(&self, at: &Address) -> Result<(), Failure> {
        let Report {
            ok,
            warnings,
            problems,
            ..
        } = self;
        written(match self.json {
            true => print_json(&json!({
                "event": "summary",
                "coordinator": at.to_string(),
                "ok": ok,
                "warnings": warnings,
                "problems": problems,
            })),
            false => print(&format!(
                "{ok} ok, {}, {}",
                counted(*warnings, "warning"),
                counted(*problems, "problem")
            )),
        })?;
        match problems {
            0 => Ok(()),
            _ => Err(Failure::failed(format!(
                "{} with {at}",
                counted(*problems, "problem")
            ))),
        }
    }
}

fn counted(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

fn text(finding: &Finding) -> String {
    let (level, check, found) = (finding.level.name(), finding.check, plain(&finding.found));
    let about = finding.about.as_ref();
    let about = about.map_or(String::new(), |about| format!("{}: ", plain(about)));
    let mut line = format!("{level:7}  {check:9}  {about}{found}");
    if let Some(hint) = &finding.hint {
        line += &format!("\n                    hint: {}", plain(hint));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_comes_with_what_to_do() {
        let finding = Finding::problem("node", "it is down", "start it").about("10.0.0.7:5106");
        let lines = text(&finding);
        assert!(lines.starts_with("problem  node       10.0.0.7:5106: it is down\n"));
        assert!(lines.ends_with("hint: start it"), "{lines}");
    }

    #[test]
    fn warnings_are_no_failure() {
        let at: Address = "127.0.0.1:5105".parse().unwrap();
        let mut report = Report::new(true, false);
        report
            .tell(&Finding::warning("node", "slow", "wait"))
            .unwrap();
        assert!(report.end(&at).is_ok());
        report
            .tell(&Finding::problem("node", "down", "start it"))
            .unwrap();
        assert!(report.end(&at).is_err());
    }
}
