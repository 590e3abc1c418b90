//! Attempts on their way: one lane's connection to a node, and what comes of a call over it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::abilities::Abilities;
use super::fingerprint;
use super::job::{Job, Request};
use super::lane::InHand;
use super::payload::bytes_of;
use super::training;
use super::trouble::{Trouble, failure, is_stale};
use crate::app::coordinator::parameters::correction::Correction;
use crate::app::coordinator::reporter::{Parcel, Reporter};
use crate::app::dial::{self, CallFailed, Dialled, Node};
use crate::app::transfer;
use crate::clock;
use crate::cluster::{Failure, FailureKind};
use crate::fed::{Answer, Event};
use crate::net::{Address, Control};
use crate::wire::convert::{FOLDS, Initial, Invalid, RAW, foreign};
use crate::wire::stubs::compute_node::{InitialiseReply, TrainRequest};
use crate::wire::stubs::types::FaultCode;

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(2);

/// A lane's connection: opened when needed, kept, opened anew after a failure.
pub struct Connected {
    address: Address,
    abilities: Arc<Abilities>,
    open: Option<Dialled<Node>>,
}

impl Connected {
    pub fn new(address: Address, abilities: Arc<Abilities>) -> Connected {
        Connected {
            address,
            abilities,
            open: None,
        }
    }

    /// Carries an attempt to the node and says what came of it.
    pub fn carry(&mut self, job: &Job, reporter: &Reporter, in_hand: &InHand<Control>) -> Event {
        let deadline = clock::now() + job.limit;
        let kept = self.open.is_some();
        let mut outcome = self.try_once(job, reporter, in_hand, deadline);
        if kept && matches!(&outcome, Err(Trouble::Call(failed)) if is_stale(failed)) {
            // The node was restarted since the last call. Training is idempotent, so ask once more.
            outcome = self.try_once(job, reporter, in_hand, deadline);
        }
        match outcome {
            Ok(answer) => Event::Answered(job.attempt, answer),
            Err(Trouble::Call(CallFailed::Fault(fault))) if fault.code == FaultCode::REFUSED => {
                Event::Refused(job.attempt)
            }
            Err(Trouble::Call(failed)) => Event::Failed(job.attempt, failure(&failed)),
            // Where it may decline, it need not be told of every task that it is not for it.
            Err(Trouble::Unable(_)) if job.may_refuse() => Event::Refused(job.attempt),
            Err(Trouble::Unable(why)) => {
                Event::Failed(job.attempt, Failure::new(FailureKind::Reported, why))
            }
            Err(Trouble::Answer(invalid)) => Event::Failed(
                job.attempt,
                Failure::new(FailureKind::Invalid, invalid.to_string()),
            ),
        }
    }

    fn try_once(
        &mut self,
        job: &Job,
        reporter: &Reporter,
        in_hand: &InHand<Control>,
        deadline: Instant,
    ) -> Result<Answer, Trouble> {
        // Abandoning an attempt may have closed it just after it was done.
        let mut node = match self.open.take().filter(Dialled::is_usable) {
            Some(node) => node,
            None => dial::node(&self.address, CONNECT).map_err(CallFailed::Net)?,
        };
        in_hand.goes_by(node.control.clone());
        let result = ask(&mut node, job, &self.abilities, reporter, deadline);
        if node.is_usable() {
            self.open = Some(node);
        }
        result
    }
}

fn ask(
    node: &mut Dialled<Node>,
    job: &Job,
    abilities: &Abilities,
    reporter: &Reporter,
    deadline: Instant,
) -> Result<Answer, Trouble> {
    if let Some((ability, what)) = job.lacking(abilities) {
        let why = format!("cannot {what}: its hello lacks the ability `{ability}`");
        return Err(Trouble::Unable(why));
    }
    if !job.blobs.is_empty() {
        node.call("sending blobs", deadline, |node| {
            transfer::send_missing(node, &job.blobs)
        })?;
    }
    match &job.request {
        Request::Train(request, bounds) => {
            let folds = abilities.has(FOLDS);
            let request = corrected(node, request, job.correction.as_ref(), deadline)?;
            let (trained, parcel) = training::train(node, &request, bounds, folds, deadline)?;
            let audited = job.audited.then(|| fingerprint::of(&trained, &parcel));
            let fingerprint = audited.transpose()?;
            reporter.keep(job.attempt, parcel);
            Ok(Answer::Update(trained, fingerprint))
        }
        Request::Evaluate(request, classes) => {
            let reply = node.call("evaluate", deadline, |node| node.evaluate(request))?;
            Ok(Answer::Metrics(foreign::metrics(&reply.metrics, *classes)?))
        }
        Request::Initialise(request) => {
            let reply: InitialiseReply =
                node.call("initialise", deadline, |node| node.initialise(request))?;
            let layout = foreign::layout(&reply.layout)?;
            let length = foreign::payload_length(&reply.parameters, RAW, layout.byte_length())?;
            let bytes = bytes_of(node, &reply.parameters, length, deadline, |_| ())?;
            let bytes = bytes.whole().map_err(|error| Invalid(error.to_string()))?;
            let initial = Initial::new(layout, &bytes)?;
            reporter.keep(job.attempt, Parcel::Initial(initial));
            Ok(Answer::Parameters)
        }
    }
}

/// The request with what is to be added to the gradients, whose bytes the node has if they are a blob.
fn corrected<'a>(
    node: &mut Dialled<Node>,
    request: &'a TrainRequest,
    correction: Option<&Correction>,
    deadline: Instant,
) -> Result<Cow<'a, TrainRequest>, Trouble> {
    let payload = correction.map_or(Ok(None), Correction::payload);
    let payload = payload.map_err(|error| Invalid(error.to_string()))?;
    let Some((payload, blob)) = payload else {
        return Ok(Cow::Borrowed(request));
    };
    if let Some(blob) = blob {
        node.call("sending blobs", deadline, |node| {
            transfer::send_missing(node, std::slice::from_ref(&blob))
        })?;
    }
    let mut request = request.clone();
    request.correction = Some(payload);
    Ok(Cow::Owned(request))
}
