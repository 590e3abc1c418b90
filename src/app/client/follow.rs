//! Following a run to its end, over connections that may break.

use super::failure::Failure;
use super::session::Session;
use super::tensorboard;
use super::text;
use super::view::{View, written};
use crate::wire::stubs::coordinator::{
    NodesRequest, RunState, RunStatus, WatchReply, WatchRequest,
};

/// One poll waits no longer, so that a broken connection is noticed soon.
const POLL_MS: i32 = 2_000;

/// Shows a run until it has ended; how it ended. Rounds are written for TensorBoard too, if that is asked.
pub(super) fn follow(
    session: &mut Session,
    run: &str,
    view: &View,
    mut board: Option<tensorboard::Writer>,
) -> Result<RunStatus, Failure> {
    let mut request = WatchRequest {
        run: run.to_owned(),
        after: Some(0),
        max_wait_ms: Some(POLL_MS),
    };
    loop {
        let reply: WatchReply = session.call("watch", |to| to.watch(&request))?;
        written(view.show(&reply))?;
        for round in reply.events.iter().filter_map(|event| event.round.as_ref()) {
            board.as_mut().map_or(Ok(()), |board| board.round(round))?;
        }
        if view.wants_nodes() {
            let reply = session.call("nodes", |to| to.nodes(&NodesRequest {}))?;
            view.nodes(&reply.nodes);
        }
        let last = reply.events.last().map(|event| event.sequence);
        request.after = last.or(request.after);
        if last.is_none() && reply.status.state != RunState::RUNNING {
            return Ok(reply.status);
        }
        let ended = reply.events.last().and_then(|event| event.status.as_ref());
        if ended.is_some() && reply.status.state != RunState::RUNNING {
            return Ok(reply.status);
        }
    }
}

/// Success only for a run that succeeded and was measured.
pub(super) fn verdict(status: &RunStatus) -> Result<(), Failure> {
    let run = &status.run;
    match status.state {
        RunState::SUCCEEDED if status.report.as_ref().and_then(text::figure).is_some() => Ok(()),
        RunState::SUCCEEDED => Err(Failure::failed(format!(
            "run {run} is done, but nobody held rows to measure it on"
        ))
        .hint("hold rows out with --held-out 0.2")),
        RunState::CANCELLED => Err(Failure::failed(format!("run {run} was cancelled"))),
        _ => {
            let reason = status.error.as_deref().unwrap_or("no reason was given");
            let failure = Failure::failed(format!("run {run}: {reason}"));
            Err(match &status.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}
