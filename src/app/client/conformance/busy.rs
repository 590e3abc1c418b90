//! A node while it trains: its heartbeat goes on, and it can be called off.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::bench::{BEAT, Bench};
use super::check::{Check, Checked, NotPassed, failed, not_applicable, said};
use crate::app::dial::CallFailed;
use crate::clock;
use crate::wire::convert::CANCELS;
use crate::wire::stubs::compute_node::{CancelRequest, TrainReply};
use crate::wire::stubs::types::FaultCode;

/// How long a training should go on so that something can be seen beside it.
const LONG: Duration = Duration::from_millis(1500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Heartbeats that have to be answered while it goes on.
const BEATS: usize = 3;
/// A heartbeat that is answered later, and only after the training, waited for it.
const WAITED: Duration = Duration::from_millis(500);
/// How often a training that was over too soon is made longer, and how much.
const TRIES: usize = 4;
const LONGER: f64 = 6.0;
const MOST_EPOCHS: f64 = 20e6;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "heartbeat while training",
        rule: "heartbeats come on a connection of their own and are answered within 2 s while tasks run",
        idl: "compute_node.thrift HeartbeatReply",
        section: "heartbeat",
        run: heartbeat,
    },
    Check {
        name: "cancel",
        rule: "an attempt under way that is called off ends soon, with `Fault` CANCELLED",
        idl: "compute_node.thrift ComputeNode.cancel",
        section: "cancel",
        run: cancel,
    },
    Check {
        name: "cancel: nothing there",
        rule: "to call off an attempt that is not there is no fault; `found` is false",
        idl: "compute_node.thrift CancelReply.found",
        section: "cancel",
        run: nothing,
    },
];

/// A training under way on a thread of its own.
struct UnderWay {
    attempt: i64,
    ended: Receiver<Result<TrainReply, CallFailed>>,
}

impl UnderWay {
    /// Begins one of so many epochs.
    fn begin(bench: &mut Bench, epochs: f64) -> Result<UnderWay, NotPassed> {
        let attempt = bench.attempt();
        let mut request = bench.work()?.train(attempt);
        request.training.epochs = Some(epochs.clamp(1.0, MOST_EPOCHS) as i32);
        // So long a training must not run away.
        request.training.learning_rate = 1e-6;
        request.budget_ms = i64::try_from(bench.limit().as_millis()).ok();
        let mut node = bench.open()?;
        let deadline = bench.deadline();
        let (end, ended) = bounded(1);
        let train = move || {
            let _ = end.send(node.call("train", deadline, |node| node.train(&request)));
        };
        match thread::Builder::new()
            .name("training".to_owned())
            .spawn(train)
        {
            Ok(_) => Ok(UnderWay { attempt, ended }),
            Err(error) => not_applicable(format!("no thread for it here: {error}")),
        }
    }

    /// What came of it, if it ends within this time.
    fn ends_within(&self, time: Duration) -> Option<Result<TrainReply, CallFailed>> {
        match self.ended.recv_timeout(time) {
            Ok(end) => Some(end),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(CallFailed::Declined(
                "the training's thread broke down".to_owned(),
            ))),
        }
    }

    /// Calls it off where that can be done, and waits for its end.
    fn finish(self, bench: &Bench) {
        if bench.can(CANCELS) {
            let _ = cancel_at(bench, self.attempt);
        }
        let _ = self.ends_within(bench.limit());
    }
}

fn cancel_at(bench: &Bench, attempt: i64) -> Result<bool, CallFailed> {
    let request = CancelRequest {
        attempt,
        reason: Some("conformance".to_owned()),
    };
    let reply = bench.call("cancel", |node| node.cancel(&request))?;
    Ok(reply.found)
}

/// Epochs that should take about that long, by what the first training took.
fn epochs(bench: &Bench) -> Result<f64, NotPassed> {
    let first = bench.work()?.first.as_ref().map(|first| first.took);
    let took = first.unwrap_or(PAUSE).as_secs_f64().max(1e-4);
    Ok((2.0 * LONG.as_secs_f64() / took).max(1.0))
}

fn too_short(took: Duration) -> Checked {
    not_applicable(format!(
        "its trainings are over too soon to look beside them (the longest took {:.0} ms); try a larger model or more rows",
        took.as_secs_f64() * 1e3
    ))
}

fn heartbeat(bench: &mut Bench) -> Checked {
    let mut epochs = epochs(bench)?;
    let mut took = Duration::ZERO;
    for _ in 0..TRIES {
        let begun = clock::now();
        let training = UnderWay::begin(bench, epochs)?;
        let mut slowest = Duration::ZERO;
        let mut beats = 0;
        let mut end = training.ends_within(PAUSE);
        while end.is_none() && beats < BEATS {
            let asked = clock::now();
            if let Err(late) = bench.beat() {
                let why = said(&late);
                training.finish(bench);
                return failed(format!(
                    "while a training was under way: {why}; answer each connection on a thread of its own"
                ));
            }
            slowest = slowest.max(clock::now() - asked);
            end = training.ends_within(PAUSE);
            beats += usize::from(end.is_none());
        }
        took = clock::now() - begun;
        if beats == BEATS {
            training.finish(bench);
            return Ok(format!(
                "{BEATS} answered while it trained, the slowest after {:.0} ms",
                slowest.as_secs_f64() * 1e3
            ));
        }
        if let Some(Err(error @ CallFailed::Net(_))) = &end {
            return failed(format!("the training under way: {}", said(error)));
        }
        // Answered at last, but not before the training was over.
        if slowest >= WAITED && 2 * slowest > took {
            return failed(format!(
                "while a training was under way: heartbeat answered after {:.1} s, when all {:.1} s of it were over; answer each connection on a thread of its own",
                slowest.as_secs_f64(),
                took.as_secs_f64()
            ));
        }
        epochs *= LONGER;
    }
    too_short(took)
}

fn cancel(bench: &mut Bench) -> Checked {
    bench.needs(CANCELS)?;
    let mut epochs = 2.0 * epochs(bench)?;
    let (mut last, mut took) = (None, Duration::ZERO);
    for _ in 0..TRIES {
        let begun = clock::now();
        let training = UnderWay::begin(bench, epochs)?;
        let mut end = training.ends_within(PAUSE);
        let mut found = false;
        while end.is_none() && !found && clock::now() < begun + BEAT {
            found = cancel_at(bench, training.attempt)?;
            if !found {
                end = training.ends_within(PAUSE);
            }
        }
        if found {
            let called = clock::now();
            let ended = called_off(bench, training);
            // What was over in no time may have been over already when it was found.
            if ended.is_ok() || clock::now() - called > WAITED {
                return ended;
            }
            (last, took) = (Some(ended), clock::now() - begun);
            epochs *= LONGER;
            continue;
        }
        if end.is_none() {
            training.finish(bench);
            return failed("`found` is false for an attempt that is under way");
        }
        took = clock::now() - begun;
        epochs *= LONGER;
    }
    last.unwrap_or_else(|| too_short(took))
}

fn called_off(bench: &Bench, training: UnderWay) -> Checked {
    let called = clock::now();
    match training.ends_within(BEAT) {
        Some(Err(CallFailed::Fault(fault))) if fault.code == FaultCode::CANCELLED => Ok(format!(
            "CANCELLED after {:.0} ms",
            (clock::now() - called).as_secs_f64() * 1e3
        )),
        Some(Ok(_)) => failed("it said that it found the attempt, but trained it to its end"),
        Some(Err(other)) => failed(format!("{}; expected was fault CANCELLED", said(&other))),
        None => {
            let _ = training.ends_within(bench.limit());
            failed("2 s after it was called off it still trains")
        }
    }
}

fn nothing(bench: &mut Bench) -> Checked {
    bench.needs(CANCELS)?;
    let attempt = bench.attempt();
    match cancel_at(bench, attempt)? {
        false => Ok("`found` is false".to_owned()),
        true => failed("`found` is true for an attempt that nobody began"),
    }
}
