//! What a node is asked to train: a model it knows, on rows it has.

use std::sync::Arc;
use std::time::Duration;

use super::ConformanceOptions;
use super::bench::Bench;
use super::check::{NotPassed, failed, not_applicable, said};
use super::place::Place;
use super::training::largest;
use crate::app::dial::CallFailed;
use crate::clock;
use crate::ml::data::TargetKind;
use crate::ml::layout::Layout;
use crate::ml::model::MODELS;
use crate::ml::objective::default_for;
use crate::ml::parameters::{Parameters, Values};
use crate::seed::Seed;
use crate::spec::SpecError;
use crate::wire::convert::plan::is_private;
use crate::wire::convert::{self, INITIALISES, RAW, foreign};
use crate::wire::stubs::compute_node::{
    EvaluateRequest, InitialiseReply, InitialiseRequest, TrainReply, TrainRequest, Training,
};
use crate::wire::stubs::types::{DataRef, FaultCode, Payload, ShardRef};

/// The seed of all that is asked.
pub(super) const SEED: Seed = Seed(1);
/// The usual learning rate.
const RATE: f64 = 0.05;
/// Updates of plans are no larger.
pub(super) const LARGEST: f64 = 1024.0;

/// What came of a training, checked.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) reply: TrainReply,
    pub(super) update: Parameters,
    /// How long the answer took.
    pub(super) took: Duration,
}

/// A model and rows.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) model: String,
    pub(super) how: How,
    pub(super) parameters: Parameters,
    /// The parameters as they travel.
    payload: Payload,
    pub(super) data: DataRef,
    /// One shard or two.
    pub(super) shards: Vec<ShardRef>,
    /// The rows of each; of private ones some are held out.
    pub(super) rows: Vec<i64>,
    /// Classes, if the model is known here.
    pub(super) classes: Option<usize>,
    run: String,
    /// What came of the first training.
    pub(super) first: Result<Trained, NotPassed>,
    answered: bool,
}

impl Work {
    /// Looks for a model that the node trains on rows that it has, and has it trained once.
    pub(super) fn find(bench: &mut Bench, options: &ConformanceOptions) -> Result<Work, NotPassed> {
        let place = Place::find(bench, options)?;
        let models = match &options.model {
            Some(model) => vec![model.clone()],
            None => proposals(&place),
        };
        if models.is_empty() {
            return failed(
                "it does not say how many features and classes its rows have; name a model with --model",
            );
        }
        let mut refusals = Vec::new();
        for model in models {
            match Work::of(bench, &place, &model) {
                Ok(work) => return Ok(work),
                Err(refused) => refusals.push(format!("{model}: {refused}")),
            }
        }
        failed(format!(
            "it trains no model it was asked to ({}); name one it knows with --model, and rows with --data",
            refusals.join("; ")
        ))
    }

    /// This model, unless the node says that it does not know it. Of real values nobody knows how large they and their features
    /// are; the first learning rate counts with which training stays within bounds.
    fn of(bench: &mut Bench, place: &Place, model: &str) -> Result<Work, String> {
        let (parameters, classes) = parameters(bench, model)?;
        let kind = TargetKind::of(classes.or(place.classes).unwrap_or(1));
        let rates: &[f64] = match kind {
            TargetKind::Class => &[RATE],
            TargetKind::Value => &[RATE, 1e-4, 1e-7, 1e-10],
        };
        let mut found = Err(String::new());
        for &rate in rates {
            let how = How { kind, rate };
            found = Work::at(bench, place, model, (&parameters, classes), how);
            let first = found.as_ref().map(|work| &work.first);
            if matches!(first, Ok(Ok(trained)) if largest(&trained.update) <= LARGEST) {
                break;
            }
        }
        found
    }

    fn at(
        bench: &mut Bench,
        place: &Place,
        model: &str,
        (parameters, classes): (&Parameters, Option<usize>),
        how: How,
    ) -> Result<Work, String> {
        let payload = bench.payload(parameters)?;
        let mut work = Work {
            model: model.to_owned(),
            how,
            parameters: parameters.clone(),
            payload,
            data: place.data.clone(),
            shards: place.shards.clone(),
            rows: place.rows.clone(),
            classes,
            run: format!("conformance-{:016x}", clock::chance()),
            first: not_applicable("nothing was asked yet"),
            answered: false,
        };
        let request = work.train(bench.attempt());
        let first = bench.open().and_then(|mut node| {
            let begun = clock::now();
            let reply = node.call("train", bench.deadline(), |node| node.train(&request))?;
            Ok((node, reply, clock::now() - begun))
        });
        work.first = match first {
            Ok((mut node, reply, took)) => {
                work.answered = true;
                bench.accept(&mut node, &request, reply, took)
            }
            Err(CallFailed::Fault(fault)) if is_refusal(fault.code) => {
                return Err(said(&CallFailed::Fault(fault)));
            }
            Err(other) => Err(other.into()),
        };
        Ok(work)
    }

    /// Whether the node answered to the first request with an update, be it as it should or not.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// What came of the first training, where that was as it should be.
    pub(super) fn first(&self) -> Result<&Trained, NotPassed> {
        match &self.first {
            Ok(first) => Ok(first),
            Err(_) => not_applicable("`train: answers` has to pass first"),
        }
    }

    /// A request for training on the first shard. It differs from others by its attempt alone.
    pub(super) fn train(&self, attempt: i64) -> TrainRequest {
        TrainRequest {
            run: self.run.clone(),
            round: 1,
            attempt,
            model: self.model.clone(),
            layout: convert::tensors(self.parameters.layout()),
            parameters: self.payload.clone(),
            data: self.data.clone(),
            shards: self.shards[..1].to_vec(),
            training: self.how.training(),
            seed: SEED.0.cast_signed(),
            budget_ms: None,
            may_refuse: Some(false),
            largest_update: Some(LARGEST),
            fold: None,
            codec: None,
            correction: None,
            flip_labels: None,
        }
    }

    /// A request for evaluation on the first shard.
    pub(super) fn evaluate(&self, attempt: i64, full: bool) -> EvaluateRequest {
        EvaluateRequest {
            run: self.run.clone(),
            round: 1,
            attempt,
            model: self.model.clone(),
            layout: convert::tensors(self.parameters.layout()),
            parameters: self.payload.clone(),
            data: self.data.clone(),
            shards: self.shards[..1].to_vec(),
            seed: SEED.0.cast_signed(),
            budget_ms: None,
            full: full.then_some(true),
        }
    }

    /// The parameters with other values.
    pub(super) fn other_parameters(&self) -> Parameters {
        let mut other = self.parameters.clone();
        match other.values_mut() {
            Values::F32(values) => values.iter_mut().for_each(|v| *v = *v * 0.5 + 0.01),
            Values::F64(values) => values.iter_mut().for_each(|v| *v = *v * 0.5 + 0.01),
        }
        other
    }

    /// Whether the rows are the node's own.
    pub(super) fn is_private(&self) -> bool {
        is_private(&self.data.spec)
    }
}

/// What says "not this model", so that another one may do.
fn is_refusal(code: FaultCode) -> bool {
    [
        FaultCode::INVALID,
        FaultCode::NOT_FOUND,
        FaultCode::UNSUPPORTED,
    ]
    .contains(&code)
}

/// What is trained, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) kind: TargetKind,
    rate: f64,
}

impl How {
    fn training(self) -> Training {
        Training {
            epochs: Some(2),
            batch: Some(10),
            learning_rate: self.rate,
            objective: Some(default_for(self.kind).to_owned()),
            ..Training::default()
        }
    }

    /// What moves parameters at this rate as far as this does at the usual one.
    pub(super) fn as_strong_as(self, pull: f64) -> f64 {
        const MOST: f64 = 1e6;
        (pull * (RATE / self.rate)).min(MOST)
    }
}

/// Models that may fit the rows, if it is known what these are like.
fn proposals(place: &Place) -> Vec<String> {
    let features = place.features;
    match place.classes {
        None => Vec::new(),
        Some(_) if features == 0 => Vec::new(),
        Some(0) => vec![
            format!("linear:{features}"),
            format!("mlp:{features}-32-1,output=value"),
        ],
        Some(classes) => vec![
            format!("mlp:{features}-32-{classes}"),
            format!("softmax:{features}-{classes}"),
        ],
    }
}

/// First parameters: drawn here where the model is known, otherwise asked of the node.
fn parameters(bench: &Bench, model: &str) -> Result<(Parameters, Option<usize>), String> {
    match MODELS.build(model) {
        Ok(model) => Ok((model.initial(SEED), Some(model.classes()))),
        Err(SpecError::UnknownName { .. }) if bench.can(INITIALISES) => {
            Ok((initialise(bench, model)?, None))
        }
        Err(SpecError::UnknownName { .. }) => Err(
            "the coordinator does not know it, and the node has not the ability `initialise`"
                .to_owned(),
        ),
        Err(error) => Err(error.to_string()),
    }
}

/// First parameters as the node gives them.
pub(super) fn initialise(bench: &Bench, model: &str) -> Result<Parameters, NotPassed> {
    let request = InitialiseRequest {
        model: model.to_owned(),
        seed: SEED.0.cast_signed(),
    };
    let mut node = bench.open()?;
    let reply: InitialiseReply = node.call("initialise", bench.deadline(), |node| {
        node.initialise(&request)
    })?;
    let layout: Arc<Layout> = Arc::new(foreign::layout(&reply.layout)?);
    let payload = &reply.parameters;
    let length = foreign::payload_length(payload, RAW, layout.byte_length())?;
    let bytes = match (&payload.inline_data, &payload.digest) {
        (None, Some(name)) => bench.fetch(&mut node, name, length)?,
        (bytes, _) => bytes.clone().unwrap_or_default(),
    };
    Parameters::from_bytes(layout, &bytes)
        .or_else(|error| failed(format!("its first parameters: {error}")))
}
