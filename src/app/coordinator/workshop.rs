//! Carries out what the core asks for with parameters and data, and answers with facts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::call::{Job, Parcel, Reporter, Request};
use super::hosts::Hosts;
use super::materials::{Materials, is_private};
use super::model_file::{self, ModelFile};
use crate::app::transfer;
use crate::cluster::AttemptId;
use crate::fed::{Command, Event, Plan, RunId, Work};
use crate::ml::data::Root;
use crate::wire::convert::{self, Initial, RAW, plan};
use crate::wire::stubs::compute_node::{EvaluateRequest, InitialiseRequest, TrainRequest};
use crate::wire::stubs::types::INLINE_LIMIT;

/// A run's materials, or what is known before they are there.
type Shared = Arc<Mutex<Materials>>;

/// Does the numerics: for small models at once, for large ones on a thread of its own.
pub(super) struct Workshop {
    root: Arc<Root>,
    hosts: Hosts,
    reporter: Reporter,
    runs: Arc<Mutex<BTreeMap<RunId, Shared>>>,
    /// First parameters that clients brought with their plans.
    initial: Mutex<BTreeMap<RunId, Initial>>,
    bench: Sender<(Shared, Command)>,
    /// Model files made lately, oldest first: digest and bytes.
    files: Mutex<VecDeque<(Bytes, Bytes)>>,
}

/// Model files kept.
const FILES: usize = 4;

impl Workshop {
    pub(super) fn new(root: Root, hosts: Hosts, reporter: Reporter) -> std::io::Result<Workshop> {
        let (bench, work) = unbounded();
        let teller = reporter.clone();
        thread::Builder::new()
            .name("numerics".to_owned())
            .spawn(move || work_at_bench(&work, &teller))?;
        Ok(Workshop {
            root: Arc::new(root),
            hosts,
            reporter,
            runs: Arc::default(),
            initial: Mutex::default(),
            bench,
            files: Mutex::default(),
        })
    }

    /// Keeps first parameters for a run that is about to be submitted.
    pub(super) fn bring(&self, run: RunId, initial: Initial) {
        lock(&self.initial).insert(run, initial);
    }

    /// Looks at a run's materials.
    pub(super) fn look<T>(&self, run: &RunId, at: impl FnOnce(&Materials) -> T) -> Option<T> {
        let shared = lock(&self.runs).get(run).cloned()?;
        let materials = lock(&shared);
        Some(at(&materials))
    }

    /// Opens the data of a run, on a thread of its own.
    pub(super) fn prepare(&self, run: RunId, plan: Plan) {
        let (root, hosts, runs) = (self.root.clone(), self.hosts.clone(), self.runs.clone());
        let (reporter, id) = (self.reporter.clone(), run.clone());
        let initial = lock(&self.initial).remove(&run);
        let spawned = thread::Builder::new()
            .name(format!("prepare {run}"))
            .spawn(move || {
                if is_private(&plan.data.spec) {
                    hosts.settle();
                }
                let kept = lock(&runs).remove(&id);
                let kept = kept.map(|kept| lock(&kept).keep()).unwrap_or_default();
                let hosted = hosts.list();
                let made = Materials::prepare(plan, &root, &hosted, initial, kept);
                let found = made.map(|materials| {
                    let prepared = materials.prepared();
                    lock(&runs).insert(id.clone(), Arc::new(Mutex::new(materials)));
                    prepared
                });
                reporter.report(Event::Prepared(id, found));
            });
        if let Err(error) = spawned {
            let reason = format!("cannot start a thread to open the data: {error}");
            self.reporter.report(Event::Prepared(run, Err(reason)));
        }
    }

    /// Carries out one of the commands that need a run's materials. What is small is done at once and its
    /// facts are returned; what is large goes to the other thread, in the same order.
    pub(super) fn carry_out(&self, run: &RunId, command: Command) -> Option<Event> {
        let shared = lock(&self.runs).get(run).cloned()?;
        if lock(&shared).is_small() {
            return do_now(&shared, command, &self.reporter);
        }
        let _ = self.bench.send((shared, command));
        None
    }

    /// A run's parameters as a file, kept for a while so that it can be fetched in chunks.
    pub(super) fn model_file(&self, run: &RunId) -> Option<Result<ModelFile, String>> {
        let made = self.look(run, |materials| model_file::write(run, materials))??;
        if let Ok(file) = &made {
            let mut files = lock(&self.files);
            files.push_back((transfer::digest(&file.bytes), file.bytes.clone()));
            if files.len() > FILES {
                files.pop_front();
            }
        }
        Some(made)
    }

    /// The bytes of a file made lately, by their digest.
    pub(super) fn blob(&self, digest: &Bytes) -> Option<Bytes> {
        let files = lock(&self.files);
        let found = files.iter().find(|(name, _)| name == digest);
        found.map(|(_, bytes)| bytes.clone())
    }

    /// A run is forgotten.
    pub(super) fn forget(&self, run: &RunId) {
        lock(&self.runs).remove(run);
    }

    /// The request of an attempt, with what the node needs for it.
    pub(super) fn job(
        &self,
        run: &RunId,
        attempt: AttemptId,
        work: Work,
        may_refuse: bool,
        limit: Duration,
    ) -> Option<Job> {
        let shared = lock(&self.runs).get(run).cloned()?;
        let materials = lock(&shared);
        let (request, blobs) = match work {
            Work::Train { round, shards } => {
                let request = TrainRequest {
                    may_refuse: Some(may_refuse),
                    ..train_request(&materials, run, attempt, round, &shards, limit)?
                };
                let blobs = blobs(&materials, &shards);
                (Request::Train(request, materials.bounds()?), blobs)
            }
            Work::Evaluate { round, shard } => {
                let request = evaluate_request(&materials, run, attempt, round, shard, limit)?;
                (Request::Evaluate(request), blobs(&materials, &[shard]))
            }
            Work::Initialise => {
                let request = InitialiseRequest {
                    model: materials.model_spec.clone(),
                    seed: materials.plan.seed.0.cast_signed(),
                };
                (Request::Initialise(request), Vec::new())
            }
        };
        Some(Job {
            attempt,
            request,
            blobs,
            limit,
        })
    }
}

/// Blobs an attempt may need: its shards if they are shipped, the parameters if they are long.
fn blobs(materials: &Materials, shards: &[u32]) -> Vec<(Bytes, Bytes)> {
    let shipped = |&shard: &u32| materials.rows.shipped.get(shard as usize).cloned();
    let mut blobs: Vec<(Bytes, Bytes)> = shards.iter().filter_map(shipped).collect();
    if let Some(current) = &materials.current
        && current.bytes.len() > usize::try_from(INLINE_LIMIT).unwrap_or(0)
    {
        blobs.push((current.digest.clone(), current.bytes.clone()));
    }
    blobs
}

fn train_request(
    materials: &Materials,
    run: &RunId,
    attempt: AttemptId,
    round: u32,
    shards: &[u32],
    limit: Duration,
) -> Option<TrainRequest> {
    let current = materials.current.as_ref()?;
    let run_plan = &materials.plan;
    Some(TrainRequest {
        run: run.0.clone(),
        round: convert::small(round),
        attempt: convert::attempt_id(attempt),
        model: materials.model_spec.clone(),
        layout: convert::tensors(current.parameters.layout()),
        parameters: convert::payload(RAW, &current.bytes, &current.digest),
        data: plan::data_ref(&run_plan.data, run_plan.seed),
        shards: shards
            .iter()
            .map(|&shard| materials.shard_ref(shard))
            .collect(),
        training: plan::training(&run_plan.training),
        seed: run_plan.seed.0.cast_signed(),
        budget_ms: Some(convert::count(limit.as_millis())),
        may_refuse: None,
        largest_update: Some(run_plan.largest_update),
        fold: match shards {
            [_] => None,
            _ => Some(materials.bounds()?.fold()),
        },
    })
}

fn evaluate_request(
    materials: &Materials,
    run: &RunId,
    attempt: AttemptId,
    round: u32,
    shard: u32,
    limit: Duration,
) -> Option<EvaluateRequest> {
    let current = materials.current.as_ref()?;
    let run_plan = &materials.plan;
    Some(EvaluateRequest {
        run: run.0.clone(),
        round: convert::small(round),
        attempt: convert::attempt_id(attempt),
        model: materials.model_spec.clone(),
        layout: convert::tensors(current.parameters.layout()),
        parameters: convert::payload(RAW, &current.bytes, &current.digest),
        data: plan::data_ref(&run_plan.data, run_plan.seed),
        shards: vec![materials.shard_ref(shard)],
        seed: run_plan.seed.0.cast_signed(),
        budget_ms: Some(convert::count(limit.as_millis())),
    })
}

fn work_at_bench(work: &Receiver<(Shared, Command)>, reporter: &Reporter) {
    while let Ok((shared, command)) = work.recv() {
        if let Some(fact) = do_now(&shared, command, reporter) {
            reporter.report(fact);
        }
    }
}

fn do_now(shared: &Shared, command: Command, reporter: &Reporter) -> Option<Event> {
    let mut materials = lock(shared);
    match command {
        Command::Open {
            round,
            weight_limit,
            ..
        } => {
            materials.open(round, weight_limit);
            None
        }
        Command::Fold {
            round,
            attempt,
            weight,
            ..
        } => {
            if let Some(parcel) = reporter.take(attempt) {
                materials.fold(round, &parcel, weight);
            }
            None
        }
        Command::Adopt(run, attempt) => {
            let Some(Parcel::Initial(initial)) = reporter.take(attempt) else {
                let reason = "the first parameters were lost".to_owned();
                return Some(Event::Prepared(run, Err(reason)));
            };
            Some(Event::Prepared(run, Ok(materials.adopt(initial))))
        }
        Command::Step { run, round, .. } => {
            let digest = materials.step(round);
            Some(Event::Stepped(run, round, digest))
        }
        Command::Evaluate(run, round) => {
            let metrics = materials.evaluate();
            Some(Event::Evaluated(run, round, metrics))
        }
        Command::Release(_) => {
            materials.release();
            None
        }
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
