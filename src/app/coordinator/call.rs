//! Attempts on their way: one lane's connection to a node, and what comes of a call over it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::correction::Correction;
use super::fingerprint;
use super::lane::InHand;
use super::link::Abilities;
use super::shell::Shell;
use super::training;
use crate::app::dial::{self, CallFailed, Dialled, Node};
use crate::app::held::Held;
use crate::app::transfer;
use crate::clock;
use crate::cluster::{AttemptId, Failure, FailureKind};
use crate::fed::{Answer, Event};
use crate::net::{Address, Control, NetErrorKind};
use crate::wire::convert::{
    BLOBS, CORRECTION, DESCRIBES, EVALUATES, FLIPS, FOLDS, INITIALISES, Initial, Invalid, RAW,
    UpdateBounds, foreign, needs,
};
use crate::wire::stubs::compute_node::{
    EvaluateRequest, InitialiseReply, InitialiseRequest, TrainRequest,
};
use crate::wire::stubs::types::{Fault, FaultCode, Payload};

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(2);

/// What an attempt asks of a node.
#[derive(Debug)]
pub(super) enum Request {
    Train(Box<TrainRequest>, UpdateBounds),
    /// With the classes of the model, if they are known.
    Evaluate(Box<EvaluateRequest>, Option<usize>),
    Initialise(InitialiseRequest),
}

/// An attempt to carry to a node.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) attempt: AttemptId,
    pub(super) request: Request,
    /// Blobs the node needs for it: digest and bytes.
    pub(super) blobs: Vec<(Bytes, Held)>,
    /// What is added to the gradients.
    pub(super) correction: Option<Correction>,
    /// Whether the answer needs a fingerprint.
    pub(super) audited: bool,
    pub(super) limit: Duration,
}

impl Job {
    /// Whether the node may decline it.
    fn may_refuse(&self) -> bool {
        matches!(&self.request, Request::Train(request, _) if request.may_refuse == Some(true))
    }

    /// An ability that it takes and the node has not, and what cannot be done without.
    fn lacking(&self, abilities: &Abilities) -> Option<(&'static str, &'static str)> {
        let mut needed = Vec::new();
        match &self.request {
            Request::Train(request, _) => {
                needed.extend(needs(&request.training));
                if self.correction.is_some() {
                    needed.push((CORRECTION, "correct its gradients"));
                }
                if request.data.standard.is_some() {
                    needed.push((DESCRIBES, "take rows by means and deviations"));
                }
                if request.flip_labels == Some(true) {
                    needed.push((FLIPS, "train on false labels"));
                }
            }
            Request::Evaluate(request, ..) => {
                needed.push((EVALUATES, "evaluate"));
                if request.data.standard.is_some() {
                    needed.push((DESCRIBES, "take rows by means and deviations"));
                }
            }
            Request::Initialise(_) => needed.push((INITIALISES, "give first parameters")),
        }
        if !self.blobs.is_empty() {
            needed.push((BLOBS, "take long payloads"));
        }
        needed
            .into_iter()
            .find(|(ability, _)| !abilities.has(ability))
    }
}

/// What an answered attempt brought, kept until the core says what to do with it.
#[derive(Debug)]
pub(super) enum Parcel {
    /// The bytes of an update, checked.
    Update(Held),
    /// The bytes of a sum of updates, checked.
    Sum(Held),
    /// First parameters of a model, with their layout.
    Initial(Initial),
}

/// Tells the core what happened, and keeps what came with it.
#[derive(Clone, Default)]
pub(super) struct Reporter {
    /// Weak, because the shell owns the links whose threads report.
    shell: Arc<OnceLock<Weak<Shell>>>,
    parcels: Arc<Mutex<BTreeMap<AttemptId, Parcel>>>,
}

impl Reporter {
    /// From now on reports go to this shell.
    pub(super) fn report_to(&self, shell: &Arc<Shell>) {
        let _ = self.shell.set(Arc::downgrade(shell));
    }

    pub(super) fn report(&self, fact: Event) {
        // Without a shell the coordinator has ended, and nobody wants to know.
        if let Some(shell) = self.shell.get().and_then(Weak::upgrade) {
            shell.post(fact);
        }
    }

    /// Takes out what an attempt brought.
    pub(super) fn take(&self, attempt: AttemptId) -> Option<Parcel> {
        self.lock().remove(&attempt)
    }

    fn keep(&self, attempt: AttemptId, parcel: Parcel) {
        self.lock().insert(attempt, parcel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Parcel>> {
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an attempt brought nothing.
pub(super) enum Trouble {
    Call(CallFailed),
    Answer(Invalid),
    /// It was not asked, because it could not do what the plan wants.
    Unable(String),
}

impl From<CallFailed> for Trouble {
    fn from(failed: CallFailed) -> Trouble {
        Trouble::Call(failed)
    }
}

impl From<Invalid> for Trouble {
    fn from(invalid: Invalid) -> Trouble {
        Trouble::Answer(invalid)
    }
}

/// A lane's connection: opened when needed, kept, opened anew after a failure.
pub(super) struct Connected {
    address: Address,
    abilities: Arc<Abilities>,
    open: Option<Dialled<Node>>,
}

impl Connected {
    pub(super) fn new(address: Address, abilities: Arc<Abilities>) -> Connected {
        Connected {
            address,
            abilities,
            open: None,
        }
    }

    /// Carries an attempt to the node and says what came of it.
    pub(super) fn carry(
        &mut self,
        job: &Job,
        reporter: &Reporter,
        in_hand: &InHand<Control>,
    ) -> Event {
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

/// The bytes of a payload: those in the message, or a blob fetched from the node. Each part is shown as it comes.
pub(super) fn bytes_of(
    node: &mut Dialled<Node>,
    payload: &Payload,
    length: usize,
    deadline: Instant,
    mut see: impl FnMut(&[u8]),
) -> Result<Held, CallFailed> {
    match (&payload.inline_data, &payload.digest) {
        (Some(bytes), _) => {
            see(bytes);
            Ok(bytes.clone().into())
        }
        (None, Some(name)) => node.call("fetching a blob", deadline, |node| {
            transfer::fetch(node, name, length, &mut see)
        }),
        (None, None) => Ok(Bytes::new().into()),
    }
}

/// Whether a kept connection turned out to be one to a node that is no more.
pub(super) fn is_stale(failed: &CallFailed) -> bool {
    matches!(failed, CallFailed::Net(error)
        if matches!(error.kind, NetErrorKind::Closed | NetErrorKind::Reset))
}

/// A failed call in the words of the core.
pub(super) fn failure(failed: &CallFailed) -> Failure {
    let kind = match failed {
        CallFailed::Fault(_) | CallFailed::Declined(_) => FailureKind::Reported,
        CallFailed::Net(error) => match error.kind {
            NetErrorKind::TimedOut => FailureKind::Silent,
            NetErrorKind::Garbled => FailureKind::Invalid,
            _ => FailureKind::Unreachable,
        },
    };
    let reason = match failed {
        CallFailed::Fault(Fault {
            message,
            hint: Some(hint),
            ..
        }) => format!("{message} ({hint})"),
        failed => failed.to_string(),
    };
    Failure::new(kind, reason)
}
