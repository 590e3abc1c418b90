//! What clients and nodes can ask of the coordinator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use super::describing;
use super::desk::{Desk, EVENTS};
use super::faults::{invalid_plan, stopping, unknown};
use super::keeping::keeper::Which;
use super::runs::models::ModelFile;
use crate::app::transfer;
use crate::clock;
use crate::fed::{Ending, Event, Plan, RunId, Standardise};
use crate::net::{Address, Peer, ReplyWriter, RequestReader, Service};
use crate::store;
use crate::wire::convert::{self, Initial, columns, fault, plan, report};
use crate::wire::protocol::{BinaryInput, Limits};
use crate::wire::stubs::coordinator::{
    CancelRequest, CoordinatorHandler, CoordinatorProcessor, DescribeReply, DescribeRequest,
    HelloReply, HelloRequest, JoinReply, JoinRequest, LeaveReply, LeaveRequest, ModelReply,
    ModelRequest, NodesReply, NodesRequest, Plan as WirePlan, Report, ResumeRequest,
    RunStatus as WireStatus, RunsReply, RunsRequest, StatusRequest, SubmitReply, SubmitRequest,
    TrainRequest, WatchReply, WatchRequest,
};
use crate::wire::stubs::types::{Chunk, ChunkRequest, Fault, FaultCode, INLINE_LIMIT};

/// Longest wait of one `watch`.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// Runs of one answer.
const RUNS: usize = 100;
/// Nodes that may announce themselves.
const NODES: usize = 10_000;
/// Longest key of a submit.
const KEY: usize = 256;

/// The service for a server: every connection gets a session that knows its peer.
pub(super) fn serve(desk: Arc<Desk>) -> impl Service {
    move |peer: Peer| {
        let processor = CoordinatorProcessor::new(Visit {
            desk: desk.clone(),
            peer: peer.address,
        });
        move |request: &mut RequestReader, reply: &mut ReplyWriter| {
            let mut input = BinaryInput::new(request, Limits::default());
            let mut output = TBinaryOutputProtocol::new(reply, true);
            processor.process(&mut input, &mut output)
        }
    }
}

/// One peer's connection.
struct Visit {
    desk: Arc<Desk>,
    peer: SocketAddr,
}

impl Visit {
    /// The address a node gave, with the address it calls from in place of an unspecified host.
    fn address(&self, given: &str) -> Result<String, Fault> {
        let mut address: Address = given.parse().map_err(|error| {
            fault(
                FaultCode::INVALID,
                format!("`{given}` is no address: {error}"),
            )
        })?;
        if matches!(address.host.as_str(), "0.0.0.0" | "::" | "") {
            address.host = self.peer.ip().to_string();
        }
        Ok(address.to_string())
    }

    fn read_plan(plan: &WirePlan) -> Result<(Plan, Option<Initial>), Fault> {
        plan::read(plan).map_err(|problems| invalid_plan(&problems))
    }
}

/// Whether a plan that is asked for once more is that of the run there is, whose means and deviations may have been found.
fn same(known: &Plan, mut asked: Plan) -> bool {
    if asked.data.standardise == Standardise::Fit && known.data.standardise != Standardise::No {
        asked.data.standardise = known.data.standardise.clone();
    }
    *known == asked
}

impl CoordinatorHandler for Visit {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, Fault> {
        convert::check_hello(&request.hello)
            .map_err(|invalid| fault(FaultCode::VERSION, invalid.to_string()))?;
        let state = self.desk.state.as_deref();
        Ok(HelloReply {
            hello: convert::hello(),
            policy: Some(self.desk.policy.clone()),
            wall_ms: Some(clock::wall_ms()),
            keeps_runs: Some(state.is_some()),
            state_folder: state.map(|state| state.display().to_string()),
            free_bytes: state.and_then(store::free_bytes).map(convert::count),
        })
    }

    fn train(&self, request: TrainRequest) -> Result<Report, Fault> {
        let (plan, initial) = Visit::read_plan(&request.plan)?;
        let plan = describing::fit(&self.desk, plan)?;
        let run = run_id(&format!("{} {:x}", self.peer, clock::chance()));
        self.desk.admit(&run, plan, initial)?;
        let ending = loop {
            let closing = || self.desk.is_closing();
            if let Some(ending) = self.desk.follow(&run, LONGEST_POLL, closing) {
                break ending;
            }
            if self.desk.is_closing() {
                return Err(stopping());
            }
        };
        match ending {
            Ending::Succeeded(done) => Ok(report::report(&run, &done)),
            Ending::Cancelled => Err(fault(
                FaultCode::CANCELLED,
                format!("run {run} was cancelled"),
            )),
            Ending::Failed(reason) | Ending::Stopped(reason) => {
                Err(fault(FaultCode::FAILED, format!("run {run}: {reason}")))
            }
        }
    }

    fn submit(&self, request: SubmitRequest) -> Result<SubmitReply, Fault> {
        if request.key.is_empty() || request.key.len() > KEY {
            return Err(fault(
                FaultCode::INVALID,
                format!("a key has 1 to {KEY} bytes, not {}", request.key.len()),
            ));
        }
        let (plan, initial) = Visit::read_plan(&request.plan)?;
        let run = run_id(&request.key);
        let known = self.desk.known(&run);
        let created = known.is_none();
        match known {
            Some(status) if !same(&status.plan, plan.clone()) => {
                return Err(fault(
                    FaultCode::CONFLICT,
                    format!("this key is that of run {run}, which has another plan"),
                ));
            }
            Some(_) => {}
            None => {
                let plan = describing::fit(&self.desk, plan)?;
                self.desk.admit(&run, plan, initial)?;
            }
        }
        Ok(SubmitReply {
            run: run.0,
            created: Some(created),
        })
    }

    fn status(&self, request: StatusRequest) -> Result<WireStatus, Fault> {
        let status = self.desk.status_of(&RunId(request.run))?;
        Ok(report::status(&status))
    }

    fn watch(&self, request: WatchRequest) -> Result<WatchReply, Fault> {
        let run = RunId(request.run);
        self.desk.status_of(&run)?;
        let after = u64::try_from(request.after.unwrap_or(0)).unwrap_or(0);
        let wait = u64::try_from(request.max_wait_ms.unwrap_or(0)).unwrap_or(0);
        let wait = Duration::from_millis(wait).min(LONGEST_POLL);
        let stop = || self.desk.is_closing();
        let entries = self.desk.board.read(&run, after, EVENTS, wait, stop);
        let federation = self.desk.lock();
        let now = self.desk.clock.now();
        let status = federation.status(now, &run).ok_or_else(|| unknown(&run))?;
        let roster = federation.cluster().roster();
        Ok(WatchReply {
            events: entries
                .iter()
                .map(|entry| report::event(entry, &status))
                .collect(),
            nodes_up: Some(convert::small(roster.up())),
            nodes_known: Some(convert::small(roster.len())),
            status: report::status(&status),
        })
    }

    fn cancel(&self, request: CancelRequest) -> Result<WireStatus, Fault> {
        let status = self.desk.cancel(&RunId(request.run))?;
        Ok(report::status(&status))
    }

    fn resume(&self, request: ResumeRequest) -> Result<WireStatus, Fault> {
        let status = self.desk.resume(&RunId(request.run))?;
        Ok(report::status(&status))
    }

    fn runs(&self, request: RunsRequest) -> Result<RunsReply, Fault> {
        let limit = request
            .limit
            .map_or(RUNS, |limit| usize::try_from(limit).unwrap_or(0));
        let statuses = self
            .desk
            .lock()
            .statuses(self.desk.clock.now(), limit.min(RUNS));
        Ok(RunsReply {
            runs: statuses.iter().map(report::listed).collect(),
        })
    }

    fn nodes(&self, _: NodesRequest) -> Result<NodesReply, Fault> {
        let federation = self.desk.lock();
        let now = self.desk.clock.now();
        let nodes = federation.cluster().roster().iter();
        Ok(NodesReply {
            nodes: nodes
                .map(|(id, node)| {
                    let mut status = report::node(now, node);
                    let hosting = self.desk.hosts.of(id);
                    status.hosted = Some(hosting.shards);
                    status.columns = columns::write(&hosting.names);
                    if let Some(told) = self.desk.greetings.of(id) {
                        told.add_to(&mut status);
                    }
                    status
                })
                .collect(),
        })
    }

    fn describe(&self, request: DescribeRequest) -> Result<DescribeReply, Fault> {
        let asked = WirePlan {
            data: Some(request.data),
            seed: request.seed,
            ..WirePlan::default()
        };
        let (plan, _) = Visit::read_plan(&asked)?;
        let (moments, shards) = describing::describe(&self.desk, &plan)?;
        Ok(convert::moments::summarise(&moments, shards))
    }

    fn model(&self, request: ModelRequest) -> Result<ModelReply, Fault> {
        let run = RunId(request.run);
        let which = match (request.round, request.best) {
            (Some(round), _) => Which::Round(u32::try_from(round).unwrap_or(u32::MAX)),
            (None, Some(true)) => Which::Best,
            (None, _) => Which::Newest,
        };
        let file = self.model_file(&run, which)?;
        let inline = file.bytes.len() <= usize::try_from(INLINE_LIMIT).unwrap_or(0);
        let payload = if inline {
            let whole = file.bytes.whole();
            let whole = whole.map_err(|error| fault(FaultCode::INTERNAL, error.to_string()))?;
            convert::inline("safetensors", &whole)
        } else {
            convert::blob("safetensors", file.bytes.len(), &file.digest)
        };
        Ok(ModelReply {
            run: run.0,
            round: convert::small(file.round),
            model: file.model,
            file: payload,
        })
    }

    fn get_chunk(&self, request: ChunkRequest) -> Result<Chunk, Fault> {
        let gone = || {
            fault(
                FaultCode::NOT_FOUND,
                "no such blob; ask for the model again",
            )
        };
        let bytes = self.desk.workshop.blob(&request.digest).ok_or_else(gone)?;
        transfer::chunk(&bytes, &request)
    }

    fn join(&self, request: JoinRequest) -> Result<JoinReply, Fault> {
        let address = self.address(&request.address)?;
        let federation = self.desk.lock();
        let roster = federation.cluster().roster();
        if roster.len() >= NODES && roster.find(&address).is_none() {
            let message = format!("{NODES} nodes are known, which is the limit");
            return Err(fault(FaultCode::BUSY, message));
        }
        drop(federation);
        self.desk.shell.post(Event::Joined(address.clone()));
        Ok(JoinReply { address })
    }

    fn leave(&self, request: LeaveRequest) -> Result<LeaveReply, Fault> {
        let address = self.address(&request.address)?;
        self.desk.shell.post(Event::Left(address));
        Ok(LeaveReply {})
    }
}

impl Visit {
    fn model_file(&self, run: &RunId, which: Which) -> Result<ModelFile, Fault> {
        let status = self.desk.status_of(run)?;
        let made = self
            .desk
            .workshop
            .model_file(run, which, status.last.as_ref());
        match made {
            Some(Ok(file)) => Ok(file),
            Some(Err(reason)) => Err(fault(FaultCode::NOT_FOUND, format!("run {run}: {reason}"))),
            None => Err(Fault {
                retryable: Some(true),
                ..fault(
                    FaultCode::NOT_FOUND,
                    format!("run {run} has no parameters yet"),
                )
            }),
        }
    }
}

/// The id of the run that a key stands for, in this coordinator's life and the next.
fn run_id(key: &str) -> RunId {
    let digest: Bytes = Bytes::copy_from_slice(&Sha256::digest(key.as_bytes()));
    RunId(
        digest
            .iter()
            .take(5)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}
