//! Why the client did not do what was asked, for the terminal.

use std::io::{self, Write};
use std::process::ExitCode;

use super::foreign::plain;
use crate::app::dial::CallFailed;
use crate::app::program::{FAILED, WRONG_USAGE};
use crate::net::{Address, NetErrorKind};
use crate::wire::stubs::types::{Fault, FaultCode};

/// What went wrong, what to do about it, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    message: String,
    details: Vec<String>,
    hint: Option<String>,
    code: u8,
    /// The coordinator had no room for it now.
    busy: bool,
}

impl Failure {
    /// It was tried and did not work.
    pub(super) fn failed(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            details: Vec::new(),
            hint: None,
            code: FAILED,
            busy: false,
        }
    }

    /// It cannot be done as it was asked.
    pub(super) fn usage(message: impl Into<String>) -> Failure {
        Failure {
            code: WRONG_USAGE,
            ..Failure::failed(message)
        }
    }

    /// With this to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// With this line below the message.
    pub(super) fn detail(mut self, line: impl Into<String>) -> Failure {
        self.details.push(line.into());
        self
    }

    /// A call to a coordinator that failed.
    pub(super) fn call(at: &Address, failed: &CallFailed) -> Failure {
        match failed {
            CallFailed::Fault(fault) => Failure::fault(fault),
            CallFailed::Declined(reason) => {
                let failure = Failure::failed(format!("{at} declined the call: {reason}"));
                failure.hint("is that a coordinator, and of the same release?")
            }
            CallFailed::Net(error) => {
                let failure = Failure::failed(format!("no coordinator at {at}: {error}"));
                match error.kind {
                    NetErrorKind::Garbled => failure.hint("is that a coordinator?"),
                    _ => failure.hint(format!("start one with `coordinator {} 2`", at.port)),
                }
            }
        }
    }

    fn fault(fault: &Fault) -> Failure {
        let problems = fault.problems.iter().flatten();
        let details: Vec<String> = problems
            .map(|problem| format!("{}: {}", problem.field, problem.message))
            .collect();
        let message = match details[..] {
            [] => fault.message.clone(),
            _ => "the plan cannot be run".to_owned(),
        };
        let code = match fault.code {
            FaultCode::INVALID => WRONG_USAGE,
            _ => FAILED,
        };
        Failure {
            message,
            details,
            hint: fault.hint.clone(),
            code,
            busy: fault.code == FaultCode::BUSY && fault.retryable == Some(true),
        }
    }

    /// Whether what was asked can be done by nobody, so that asking for something else may well succeed.
    pub(super) fn is_usage(&self) -> bool {
        self.code == WRONG_USAGE
    }

    /// Whether there was no room for what was asked, so that it may be done later.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// What went wrong, on one line.
    pub(super) fn reason(&self) -> String {
        let mut lines = vec![self.message.as_str()];
        lines.extend(self.details.iter().map(String::as_str));
        lines.join("; ")
    }

    /// Tells the user and gives the exit code.
    pub(super) fn show(&self) -> ExitCode {
        let mut stderr = io::stderr().lock();
        // Nobody is left to be told when this fails.
        let _ = stderr.write_all(self.text().as_bytes());
        ExitCode::from(self.code)
    }

    fn text(&self) -> String {
        let mut text = format!("error: {}\n", plain(&self.message));
        for detail in &self.details {
            text += &format!("  {}\n", plain(detail));
        }
        if let Some(hint) = &self.hint {
            text += &format!("hint: {}\n", plain(hint));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::convert::fault;
    use crate::wire::stubs::types::Problem;

    #[test]
    fn every_problem_has_its_line() {
        let problem = |field: &str, message: &str| Problem {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let found = Fault {
            problems: Some(vec![
                problem("plan.rounds", "-3 is negative"),
                problem("plan.model", "unknown"),
            ]),
            ..fault(FaultCode::INVALID, "two things")
        };
        let failure = Failure::fault(&found);
        assert_eq!(
            failure.text(),
            "error: the plan cannot be run\n  plan.rounds: -3 is negative\n  plan.model: unknown\n"
        );
        assert_eq!(failure.code, WRONG_USAGE);
    }

    #[test]
    fn hints_follow() {
        let failure = Failure::usage("`watch` needs an address").hint("try IP PORT");
        assert_eq!(
            failure.text(),
            "error: `watch` needs an address\nhint: try IP PORT\n"
        );
        let forged = Failure::failed("run r1: lost\nhint: \u{1b}[2Jrm -r");
        assert_eq!(
            forged.text(),
            "error: run r1: lost hint: \u{fffd}[2Jrm -r\n"
        );
    }
}
