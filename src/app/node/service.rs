//! What a node does when it is called.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use super::blobs::{Blobs, unkept};
use super::described;
use super::desk::{Attempt, Desk, Interrupted};
use super::load::Gate;
use super::residuals::Residuals;
use super::shards::{Evaluating, Shards};
use super::worklog;
use crate::app::held::{self, Held};
use crate::app::memory;
use crate::clock;
use crate::ml::data::{Dataset, Moments};
use crate::ml::model::{Model, ModelError};
use crate::ml::parameters::Parameters;
use crate::net::{Peer, ReplyWriter, RequestReader, Service};
use crate::seed::Seed;
use crate::wire::convert::{self, fault, small};
use crate::wire::protocol::{BinaryInput, Limits};
use crate::wire::request::{self, invalid};
use crate::wire::stubs::compute_node::{
    CancelReply, CancelRequest, ComputeNodeHandler, ComputeNodeProcessor, DescribeReply,
    DescribeRequest, EvaluateReply, EvaluateRequest, HeartbeatReply, HeartbeatRequest, HelloReply,
    HelloRequest, InitialiseReply, InitialiseRequest, TrainReply, TrainRequest,
};
use crate::wire::stubs::types::{
    Chunk, ChunkReply, ChunkRequest, Fault, FaultCode, INLINE_LIMIT, MissingReply, MissingRequest,
    Payload,
};

/// What a node can do beyond the necessary.
const ABILITIES: [&str; 11] = [
    convert::EVALUATES,
    convert::INITIALISES,
    convert::CANCELS,
    convert::BLOBS,
    convert::FOLDS,
    convert::MOMENTUM,
    convert::WEIGHT_DECAY,
    convert::PROXIMAL,
    convert::CORRECTION,
    convert::FLIPS,
    convert::DESCRIBES,
];

/// A node, as its connections share it.
pub(super) struct Worker {
    /// Its own, as far as it knows.
    pub(super) address: String,
    pub(super) desk: Desk,
    pub(super) gate: Gate,
    pub(super) shards: Shards,
    /// What sparse updates left out.
    pub(super) residuals: Residuals,
    pub(super) blobs: Mutex<Blobs>,
    pub(super) incarnation: i64,
    pub(super) rows_per_second: Option<f64>,
}

/// The service for a server.
pub(super) fn serve(worker: Arc<Worker>) -> impl Service {
    move |_: Peer| {
        let processor = ComputeNodeProcessor::new(worker.clone());
        move |request: &mut RequestReader, reply: &mut ReplyWriter| {
            let mut input = BinaryInput::new(request, Limits::default());
            let mut output = TBinaryOutputProtocol::new(reply, true);
            processor.process(&mut input, &mut output)
        }
    }
}

impl ComputeNodeHandler for Worker {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, Fault> {
        convert::check_hello(&request.hello)
            .map_err(|invalid| fault(FaultCode::VERSION, invalid.to_string()))?;
        let mut hello = convert::hello();
        hello.abilities = Some(ABILITIES.map(str::to_owned).into());
        Ok(HelloReply {
            hello,
            incarnation: self.incarnation,
            slots: Some(small(self.desk.slots())),
            hosted: Some(self.shards.hosted()),
            rows_per_second: self.rows_per_second,
            wall_ms: Some(clock::wall_ms()),
            columns: self.shards.columns(),
        })
    }

    fn heartbeat(&self, _: HeartbeatRequest) -> Result<HeartbeatReply, Fault> {
        Ok(HeartbeatReply {
            incarnation: self.incarnation,
            load: Some(self.gate.level(self.share_in_hand())),
            running: Some(small(self.desk.in_hand())),
            leaving: Some(self.desk.is_leaving()),
        })
    }

    fn train(&self, request: TrainRequest) -> Result<TrainReply, Fault> {
        let answer = self.train_shards(&request);
        worklog::trained(&self.address, &request, answer.as_ref());
        answer
    }

    fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluateReply, Fault> {
        let answer = self.evaluate_shards(&request);
        worklog::evaluated(&self.address, &request, answer.as_ref());
        answer
    }

    fn describe(&self, request: DescribeRequest) -> Result<DescribeReply, Fault> {
        let shards = described::shards(&request)?;
        let attempt = self.desk.begin_unnumbered(deadline(Some(UNBUDGETED_MS)));
        let _slot = attempt.slot().map_err(interrupted)?;
        let place = self.place(&request.data, Seed(request.seed.cast_unsigned()))?;
        let mut moments = Moments::default();
        for (index, shard) in shards {
            attempt.go_on().map_err(interrupted)?;
            let (rows, evaluating) = self.rows(&place, index, shard)?;
            let held_out = match &evaluating {
                Evaluating::Held(held) => Some(held),
                Evaluating::All | Evaluating::Nothing => None,
            };
            described::check(&shard.name, &rows, held_out)?;
            let merged = moments.merge(Moments::of(&rows));
            merged.map_err(|reason| invalid("shards", reason, ""))?;
        }
        Ok(convert::moments::write(&moments))
    }

    fn initialise(&self, request: InitialiseRequest) -> Result<InitialiseReply, Fault> {
        let model = request::model(&request.model)?;
        bearable(&*model, memory::allowed())?;
        let attempt = self.desk.begin_unnumbered(deadline(Some(UNBUDGETED_MS)));
        let _slot = attempt.slot().map_err(interrupted)?;
        let parameters = model.initial(Seed(request.seed.cast_unsigned()));
        let name = parameters.digest();
        let bytes = held::encode(&parameters).map_err(|error| unkept(&error))?;
        Ok(InitialiseReply {
            layout: convert::tensors(model.layout()),
            parameters: self.payload(convert::RAW, &bytes, name)?,
        })
    }

    fn cancel(&self, request: CancelRequest) -> Result<CancelReply, Fault> {
        let found = self.desk.cancel(request.attempt);
        Ok(CancelReply { found })
    }

    fn missing(&self, request: MissingRequest) -> Result<MissingReply, Fault> {
        let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let lacking = request.digests.into_iter().filter(|name| !blobs.has(name));
        Ok(MissingReply {
            missing: lacking.collect(),
        })
    }

    fn put_chunk(&self, chunk: Chunk) -> Result<ChunkReply, Fault> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.put(&chunk)
    }

    fn get_chunk(&self, request: ChunkRequest) -> Result<Chunk, Fault> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.chunk(&request)
    }
}

impl Worker {
    fn share_in_hand(&self) -> f64 {
        self.desk.in_hand() as f64 / f64::from(self.desk.slots().max(1))
    }

    /// Declines what a leaving node does not take, and what its load makes it refuse.
    pub(super) fn admit(&self, may_refuse: bool) -> Result<(), Fault> {
        if self.desk.is_leaving() {
            return Err(Fault {
                retryable: Some(true),
                ..fault(
                    FaultCode::BUSY,
                    "the node is leaving and takes no new tasks",
                )
            });
        }
        // The attempt that asks is in hand already and does not count as load.
        let others = self.desk.in_hand().saturating_sub(1) as f64;
        let share = others / f64::from(self.desk.slots().max(1));
        if may_refuse && self.gate.refuses(share) {
            return Err(Fault {
                retryable: Some(true),
                ..fault(FaultCode::REFUSED, "refused because of the node's load")
            });
        }
        Ok(())
    }

    /// The bytes of a payload: in the message, or a blob that must be here.
    pub(super) fn bytes_of(&self, payload: &Payload, length: usize) -> Result<Held, Fault> {
        if let Some(bytes) = &payload.inline_data {
            return Ok(bytes.clone().into());
        }
        let bytes = payload.digest.as_ref().and_then(|name| self.blob(name));
        bytes.filter(|b| b.len() == length).ok_or_else(missing_blob)
    }

    /// Parameters of a model from their bytes.
    pub(super) fn parameters(&self, model: &dyn Model, bytes: &Held) -> Result<Parameters, Fault> {
        held::decode(Arc::clone(model.layout()), bytes)
            .map_err(|error| unkept(&error))?
            .map_err(|error| invalid("parameters", error, ""))
    }

    pub(super) fn blob(&self, name: &Bytes) -> Option<Held> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.get(name)
    }

    /// Bytes for the coordinator; when they are many, kept as a blob of this name to be fetched.
    pub(super) fn payload(
        &self,
        codec: &str,
        bytes: &Held,
        name: [u8; 32],
    ) -> Result<Payload, Fault> {
        if bytes.len() <= usize::try_from(INLINE_LIMIT).unwrap_or(0) {
            let whole = bytes.whole().map_err(|error| unkept(&error))?;
            return Ok(convert::inline(codec, &whole));
        }
        let name = Bytes::copy_from_slice(&name);
        let payload = convert::blob(codec, bytes.len(), &name);
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        blobs.keep(name, bytes.clone());
        Ok(payload)
    }
}

/// Whether there is memory for first parameters of a model, and for their bytes.
fn bearable(model: &dyn Model, allowed: usize) -> Result<(), Fault> {
    let length = model.layout().byte_length();
    if length <= allowed / 2 {
        return Ok(());
    }
    let message = format!("the model takes {length} bytes twice; this node may use {allowed}");
    Err(Fault {
        retryable: Some(true),
        hint: Some("take a smaller model, or a node with more memory".to_owned()),
        ..fault(FaultCode::FAILED, message)
    })
}

/// Rows for a model that knows more classes than occur here.
pub(super) fn fitting(model: &dyn Model, rows: Arc<Dataset>) -> Result<Arc<Dataset>, Fault> {
    if rows.kind() != model.kind() {
        let (model, data) = (model.kind(), rows.kind());
        return Err(invalid("model", ModelError::Targets { model, data }, ""));
    }
    if rows.width() != model.features() || rows.classes() > model.classes() {
        let message = format!(
            "the model takes {} features and {} classes, the data have {} and {}",
            model.features(),
            model.classes(),
            rows.width(),
            rows.classes()
        );
        return Err(invalid(
            "model",
            message,
            "do coordinator and node see the same data?",
        ));
    }
    Ok(rows)
}

/// Nothing is waited for without an end: a request without a budget, or with one beyond reason, has this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Calls that name no budget wait so long for their turn.
const UNBUDGETED_MS: i64 = 60_000;

pub(super) fn deadline(budget_ms: Option<i64>) -> Option<Instant> {
    let given = budget_ms.map(|budget| u64::try_from(budget).unwrap_or(0));
    let budget = given.map_or(LONGEST, Duration::from_millis);
    Some(clock::now() + budget.min(LONGEST))
}

pub(super) fn missing_blob() -> Fault {
    Fault {
        retryable: Some(true),
        hint: Some("put it with put_chunk and ask again".to_owned()),
        ..fault(
            FaultCode::NOT_FOUND,
            "a blob that the request names is not here",
        )
    }
}

pub(super) fn interrupted(why: Interrupted) -> Fault {
    let (code, message) = match why {
        Interrupted::Cancelled => (FaultCode::CANCELLED, "the attempt was called off"),
        Interrupted::Deadline => (FaultCode::DEADLINE, "the attempt's time is over"),
        Interrupted::Leaving => (
            FaultCode::BUSY,
            "the node is leaving and takes no new tasks",
        ),
    };
    Fault {
        retryable: Some(true),
        ..fault(code, message)
    }
}

pub(super) fn untrained(attempt: &Attempt<'_>, error: &ModelError) -> Fault {
    match (error, attempt.interruption()) {
        (ModelError::Cancelled, Some(why)) => interrupted(why),
        (ModelError::Cancelled, None) => interrupted(Interrupted::Cancelled),
        (error, _) => fault(FaultCode::FAILED, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_parameters_fit_into_the_memory_there_is() {
        let model = request::model("softmax:99-10").unwrap();
        assert!(bearable(&*model, 8_000).is_ok());
        let refused = bearable(&*model, 7_999).unwrap_err();
        assert!(refused.message.contains("4000 bytes"), "{refused}");
    }
}
