//! Attempts to be carried to a node.

use std::time::Duration;

use bytes::Bytes;

use super::abilities::Abilities;
use crate::app::coordinator::parameters::correction::Correction;
use crate::app::held::Held;
use crate::cluster::AttemptId;
use crate::wire::convert::{
    BLOBS, CORRECTION, DESCRIBES, EVALUATES, FLIPS, INITIALISES, UpdateBounds, needs,
};
use crate::wire::stubs::compute_node::{EvaluateRequest, InitialiseRequest, TrainRequest};

/// What an attempt asks of a node.
#[derive(Debug)]
pub enum Request {
    Train(Box<TrainRequest>, UpdateBounds),
    /// With the classes of the model, if they are known.
    Evaluate(Box<EvaluateRequest>, Option<usize>),
    Initialise(InitialiseRequest),
}

/// An attempt to carry to a node.
#[derive(Debug)]
pub struct Job {
    pub attempt: AttemptId,
    pub request: Request,
    /// Blobs the node needs for it: digest and bytes.
    pub blobs: Vec<(Bytes, Held)>,
    /// What is added to the gradients.
    pub correction: Option<Correction>,
    /// Whether the answer needs a fingerprint.
    pub audited: bool,
    pub limit: Duration,
}

impl Job {
    /// Whether the node may decline it.
    pub fn may_refuse(&self) -> bool {
        matches!(&self.request, Request::Train(request, _) if request.may_refuse == Some(true))
    }

    /// An ability that it takes and the node has not, and what cannot be done without.
    pub fn lacking(&self, abilities: &Abilities) -> Option<(&'static str, &'static str)> {
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
