//! What clients and nodes can ask of the coordinator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thrift::protocol::TBinaryOutputProtocol;
use thrift::server::TProcessor;

use super::board::Board;
use super::hosts::Hosts;
use super::model_file;
use super::shell::Shell;
use super::workshop::Workshop;
use crate::app::clock::Clock;
use crate::clock;
use crate::fed::{
    Ending, Event, Federation, Plan, Problem, Refused, RunEvent, RunId, RunState, RunStatus,
};
use crate::net::{Address, Peer, ReplyWriter, RequestReader, Service};
use crate::wire::convert::{self, Initial, fault, plan, report};
use crate::wire::protocol::{BinaryInput, Limits};
use crate::wire::stubs::coordinator::{
    CancelRequest, CoordinatorHandler, CoordinatorProcessor, HelloReply, HelloRequest, JoinReply,
    JoinRequest, LeaveReply, LeaveRequest, ModelReply, ModelRequest, NodesReply, NodesRequest,
    Report, ResumeRequest, RunStatus as WireStatus, RunsReply, RunsRequest, StatusRequest,
    SubmitReply, SubmitRequest, TrainRequest, WatchReply, WatchRequest,
};
use crate::wire::stubs::types;
use crate::wire::stubs::types::{Chunk, ChunkRequest, Fault, FaultCode};

/// Longest wait of one `watch`.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// Events of one answer.
const EVENTS: usize = 500;
/// Taking a run in is a matter of microseconds; longer and the core is not there.
const ACCEPTANCE: Duration = Duration::from_secs(10);
/// Runs of one answer.
const RUNS: usize = 100;
/// Longest key of a submit.
const KEY: usize = 256;

/// What every session of the service shares.
pub(super) struct Desk {
    pub(super) shell: Arc<Shell>,
    pub(super) federation: Arc<Mutex<Federation>>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) board: Arc<Board>,
    pub(super) hosts: Hosts,
    pub(super) clock: Clock,
    pub(super) policy: String,
    pub(super) closing: AtomicBool,
}

impl Desk {
    /// Calls off what is under way and sends watchers home.
    pub(super) fn close(&self, grace: Duration) {
        self.closing.store(true, Ordering::SeqCst);
        let statuses = self.lock().statuses(self.clock.now(), usize::MAX);
        for status in statuses {
            if status.state == RunState::Running {
                self.shell.post(Event::Cancelled(status.run.clone()));
                self.follow(&status.run, grace);
            }
        }
        self.board.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Federation> {
        self.federation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    fn status_of(&self, run: &RunId) -> Result<RunStatus, Fault> {
        let status = self.lock().status(self.clock.now(), run);
        status.ok_or_else(|| unknown(run))
    }

    /// Takes a run in and waits until the core has it.
    fn admit(&self, run: &RunId, plan: Plan, initial: Option<Initial>) -> Result<(), Fault> {
        self.lock().admits().map_err(|why| refusal(run, &why))?;
        if let Some(initial) = initial {
            self.workshop.bring(run.clone(), initial);
        }
        self.shell.post(Event::Submitted(run.clone(), plan));
        let started = self.board.read(run, 0, 1, ACCEPTANCE, || self.is_closing());
        if started.is_empty() {
            return Err(stopping());
        }
        Ok(())
    }

    /// Waits for the end of a run, up to `limit`.
    fn follow(&self, run: &RunId, limit: Duration) -> Option<Ending> {
        let deadline = clock::now() + limit;
        let mut after = 0;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let entries = self.board.read(run, after, EVENTS, left, || false);
            if entries.is_empty() {
                return None;
            }
            for entry in entries {
                after = entry.sequence;
                if let RunEvent::Ended(ending) = entry.event {
                    return Some(ending);
                }
            }
        }
    }
}

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

    fn read_plan(
        plan: &crate::wire::stubs::coordinator::Plan,
    ) -> Result<(Plan, Option<Initial>), Fault> {
        plan::read(plan).map_err(|problems| invalid_plan(&problems))
    }
}

impl CoordinatorHandler for Visit {
    fn hello(&self, request: HelloRequest) -> Result<HelloReply, Fault> {
        convert::check_hello(&request.hello)
            .map_err(|invalid| fault(FaultCode::VERSION, invalid.to_string()))?;
        Ok(HelloReply {
            hello: convert::hello(),
            policy: Some(self.desk.policy.clone()),
        })
    }

    fn train(&self, request: TrainRequest) -> Result<Report, Fault> {
        let (plan, initial) = Visit::read_plan(&request.plan)?;
        let run = run_id(&format!("{} {}", self.peer, clock::unix_micros()));
        self.desk.admit(&run, plan, initial)?;
        let ending = loop {
            if let Some(ending) = self.desk.follow(&run, LONGEST_POLL) {
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
        let known = self.desk.lock().status(self.desk.clock.now(), &run);
        let created = known.is_none();
        match known {
            Some(status) if status.plan != plan => {
                return Err(fault(
                    FaultCode::CONFLICT,
                    format!("this key is that of run {run}, which has another plan"),
                ));
            }
            Some(_) => {}
            None => self.desk.admit(&run, plan, initial)?,
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
                .map(|entry| report::event(entry.sequence, &entry.event, &status))
                .collect(),
            nodes_up: Some(convert::small(roster.up())),
            nodes_known: Some(convert::small(roster.len())),
            status: report::status(&status),
        })
    }

    fn cancel(&self, request: CancelRequest) -> Result<WireStatus, Fault> {
        let run = RunId(request.run);
        if self.desk.status_of(&run)?.state == RunState::Running {
            self.desk.shell.post(Event::Cancelled(run.clone()));
            self.desk.follow(&run, ACCEPTANCE);
        }
        let status = self.desk.status_of(&run)?;
        Ok(report::status(&status))
    }

    fn resume(&self, request: ResumeRequest) -> Result<WireStatus, Fault> {
        let run = RunId(request.run);
        let resumable = self.desk.lock().resumable(&run);
        resumable.map_err(|why| refusal(&run, &why))?;
        self.desk.shell.post(Event::Resumed(run.clone()));
        let status = self.desk.status_of(&run)?;
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
            runs: statuses.iter().map(report::status).collect(),
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
                    status.hosted = Some(self.desk.hosts.of(id));
                    status
                })
                .collect(),
        })
    }

    fn model(&self, request: ModelRequest) -> Result<ModelReply, Fault> {
        let run = RunId(request.run);
        let file = self.model_file(&run)?;
        let digest = crate::app::transfer::digest(&file.bytes);
        Ok(ModelReply {
            run: run.0,
            round: convert::small(file.round),
            model: file.model,
            file: types::Payload {
                codec: "safetensors".to_owned(),
                ..convert::payload(&file.bytes, &digest)
            },
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
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let size = usize::try_from(request.size.min(types::CHUNK_LIMIT)).unwrap_or(0);
        if offset > bytes.len() {
            let message = format!("offset {offset} is beyond the {} bytes", bytes.len());
            return Err(fault(FaultCode::INVALID, message));
        }
        Ok(Chunk {
            digest: request.digest,
            length: convert::count(bytes.len()),
            offset: request.offset,
            data: bytes.slice(offset..(offset + size).min(bytes.len())),
        })
    }

    fn join(&self, request: JoinRequest) -> Result<JoinReply, Fault> {
        let address = self.address(&request.address)?;
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
    fn model_file(&self, run: &RunId) -> Result<model_file::ModelFile, Fault> {
        self.desk.status_of(run)?;
        let made = self.desk.workshop.model_file(run);
        match made {
            Some(Ok(file)) => Ok(file),
            Some(Err(reason)) => Err(fault(FaultCode::INTERNAL, reason)),
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

fn unknown(run: &RunId) -> Fault {
    Fault {
        hint: Some("`client IP PORT runs` lists the runs".to_owned()),
        ..fault(
            FaultCode::NOT_FOUND,
            format!("no run `{run}` is known here"),
        )
    }
}

fn stopping() -> Fault {
    Fault {
        retryable: Some(true),
        ..fault(FaultCode::BUSY, "the coordinator is stopping")
    }
}

fn refusal(run: &RunId, why: &Refused) -> Fault {
    match why {
        Refused::Unknown => unknown(run),
        Refused::NotStopped => fault(
            FaultCode::CONFLICT,
            format!("run {run} is not stopped; only a stopped run can be resumed"),
        ),
        Refused::Busy(active) => Fault {
            retryable: Some(true),
            retry_after_ms: Some(5000),
            ..fault(
                FaultCode::BUSY,
                format!("{active} runs are under way, which is the limit"),
            )
        },
    }
}

fn invalid_plan(problems: &[Problem]) -> Fault {
    let listed = problems.iter().map(|problem| types::Problem {
        field: problem.field.clone(),
        message: problem.message.clone(),
    });
    let first = problems.first().map_or("", |problem| &problem.message);
    Fault {
        problems: Some(listed.collect()),
        ..fault(
            FaultCode::INVALID,
            format!("the plan cannot be run: {first}"),
        )
    }
}
