//! Following a run to its end, over connections that may break.

use super::failure::Failure;
use super::session::Session;
use super::tensorboard;
use super::text;
use super::view::{View, written};
use crate::wire::stubs::coordinator::{
    Event, NodesRequest, ResumeRequest, RunState, RunStatus, StatusRequest, WatchReply,
    WatchRequest,
};

/// One poll waits no longer, so that a broken connection is noticed soon.
const POLL_MS: i32 = 2_000;

/// Shows a run until it has ended; how it ended. Rounds are written for TensorBoard too, if that is asked. Up to entry `since` of
/// its log the run was over before: how it ended comes after that.
pub(super) fn follow(
    session: &mut Session,
    run: &str,
    since: i64,
    view: &View,
    mut board: Option<tensorboard::Writer>,
) -> Result<RunStatus, Failure> {
    let mut request = watch(run, POLL_MS);
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
        let over = reply.status.state != RunState::RUNNING;
        let last = reply.events.last().map(|event| event.sequence);
        if over && last.is_none() {
            return Ok(reply.status);
        }
        // How it ended is told last, and after the state is over; then there is nothing more, unless it was resumed since.
        let told_end = reply
            .events
            .last()
            .is_some_and(|last| last.status.is_some());
        let ends = over && told_end && last > Some(since);
        request.max_wait_ms = Some(if ends { 0 } else { POLL_MS });
        request.after = last.or(request.after);
    }
}

/// Goes on with a run if it is stopped. The newest entry of its log before that, 0 if it was not.
pub(super) fn resume(session: &mut Session, run: &str) -> Result<i64, Failure> {
    let request = StatusRequest {
        run: run.to_owned(),
    };
    let status = session.call("status", |to| to.status(&request))?;
    if status.state != RunState::STOPPED {
        return Ok(0);
    }
    let mut newest = 0;
    told(session, run, |event| newest = event.sequence)?;
    let request = ResumeRequest {
        run: run.to_owned(),
    };
    session.call("resume", |to| to.resume(&request))?;
    Ok(newest)
}

/// Gives all that a run has told so far, in order; what comes later is not waited for.
pub(super) fn told(
    session: &mut Session,
    run: &str,
    mut take: impl FnMut(Event),
) -> Result<(), Failure> {
    let mut request = watch(run, 0);
    loop {
        let reply: WatchReply = session.call("watch", |to| to.watch(&request))?;
        let Some(last) = reply.events.last() else {
            return Ok(());
        };
        request.after = Some(last.sequence);
        reply.events.into_iter().for_each(&mut take);
    }
}

fn watch(run: &str, max_wait_ms: i32) -> WatchRequest {
    WatchRequest {
        run: run.to_owned(),
        after: Some(0),
        max_wait_ms: Some(max_wait_ms),
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
