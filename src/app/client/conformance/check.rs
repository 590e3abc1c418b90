//! What a check is, and what comes of it.

use super::bench::Bench;
use crate::app::dial::CallFailed;
use crate::net::NetErrorKind;
use crate::wire::convert::Invalid;
use crate::wire::stubs::types::FaultCode;

/// One thing that the protocol asks of a node.
pub(super) struct Check {
    /// What is looked at.
    pub(super) name: &'static str,
    /// What the protocol says of it.
    pub(super) rule: &'static str,
    /// Where it says so: a struct or method of the IDL.
    pub(super) idl: &'static str,
    /// The section of `docs/nodes-in-any-language.md` about it.
    pub(super) section: &'static str,
    /// Looks.
    pub(super) run: fn(&mut Bench) -> Checked,
}

/// What was seen of a node that does as it should, or why it did not pass.
pub(super) type Checked = Result<String, NotPassed>;

/// Why a check was not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotPassed {
    /// The node does otherwise.
    Failed(String),
    /// It cannot be seen, or is not asked of this node.
    NotApplicable(String),
}

/// The node does otherwise.
pub(super) fn failed<T>(found: impl Into<String>) -> Result<T, NotPassed> {
    Err(NotPassed::Failed(found.into()))
}

/// Not asked of this node.
pub(super) fn not_applicable<T>(reason: impl Into<String>) -> Result<T, NotPassed> {
    Err(NotPassed::NotApplicable(reason.into()))
}

impl From<CallFailed> for NotPassed {
    fn from(call: CallFailed) -> NotPassed {
        NotPassed::Failed(said(&call))
    }
}

impl From<Invalid> for NotPassed {
    fn from(invalid: Invalid) -> NotPassed {
        NotPassed::Failed(invalid.to_string())
    }
}

impl From<NotPassed> for String {
    fn from(found: NotPassed) -> String {
        match found {
            NotPassed::Failed(why) | NotPassed::NotApplicable(why) => why,
        }
    }
}

/// A call that failed, with the name of its fault.
pub(super) fn said(call: &CallFailed) -> String {
    match call {
        CallFailed::Fault(fault) => {
            format!("fault {}: {}", code(fault.code), fault.message)
        }
        call => call.to_string(),
    }
}

fn code(code: FaultCode) -> String {
    code.name()
        .map_or(format!("{}", code.0), |name| name.to_owned())
}

/// What the node answered to something that it cannot do: a fault of one of these codes is right.
pub(super) fn a_fault<T>(answer: Result<T, CallFailed>, right: &[FaultCode]) -> Checked {
    let names: Vec<String> = right.iter().map(|one| code(*one)).collect();
    let names = names.join(" or ");
    match answer {
        Err(CallFailed::Fault(fault)) if right.contains(&fault.code) => {
            Ok(said(&CallFailed::Fault(fault)))
        }
        Err(CallFailed::Fault(fault)) => failed(format!(
            "{}; expected was fault {names}",
            said(&CallFailed::Fault(fault))
        )),
        Err(CallFailed::Declined(why)) => failed(format!(
            "an exception that is no `Fault`: {why}; expected was fault {names}"
        )),
        Err(CallFailed::Net(error)) => {
            let how = match error.kind {
                NetErrorKind::Closed | NetErrorKind::Reset => "it broke the connection off",
                NetErrorKind::TimedOut => "it did not answer in time",
                _ => "it did not answer",
            };
            failed(format!("{how} ({error}); expected was fault {names}"))
        }
        Ok(_) => failed(format!(
            "it answered as if nothing were wrong; expected was fault {names}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::convert::fault;

    #[test]
    fn the_right_fault_passes_and_others_are_named() {
        let thrown = |code| Err::<(), _>(CallFailed::Fault(fault(code, "no such model")));
        let right = [FaultCode::INVALID, FaultCode::NOT_FOUND];
        assert_eq!(
            a_fault(thrown(FaultCode::INVALID), &right).unwrap(),
            "fault INVALID: no such model"
        );
        let reason = |answer| match a_fault(answer, &right) {
            Err(NotPassed::Failed(reason)) => reason,
            other => panic!("{other:?}"),
        };
        let internal = reason(thrown(FaultCode::INTERNAL));
        assert!(
            internal.contains("expected was fault INVALID or NOT_FOUND"),
            "{internal}"
        );
        assert!(reason(thrown(FaultCode(77))).starts_with("fault 77"));
        assert!(reason(Ok(())).contains("as if nothing were wrong"));
        let declined = CallFailed::Declined("unknown".to_owned());
        assert!(reason(Err(declined)).contains("no `Fault`"));
    }
}
