//! Carries out what the core asks for with parameters and data, and answers with facts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::materials::{Kept, Materials};
use super::offer::Offer;
use super::rows::Private;
use crate::app::coordinator::keeping::book::Finished;
use crate::app::coordinator::keeping::keeper::Keeper;
use crate::app::coordinator::nodes::hosts::Hosts;
use crate::app::coordinator::nodes::job::Job;
use crate::app::coordinator::parameters::current::Current;
use crate::app::coordinator::reporter::{Parcel, Reporter};
use crate::app::held::Held;
use crate::cluster::AttemptId;
use crate::fed::{Command, Evaluation, Event, Hosted, Plan, Prepared, RunId, Stepped, Work};
use crate::ml::data::Root;
use crate::wire::convert::Initial;
use crate::wire::convert::plan::is_private;

/// A run at work.
pub struct Bench {
    pub offer: Mutex<Offer>,
    materials: Mutex<Materials>,
    evaluation: Evaluation,
    /// Whether the core's own thread does the numerics.
    small: AtomicBool,
}

impl Bench {
    fn new(offer: Offer, materials: Materials) -> Bench {
        let bench = Bench {
            evaluation: materials.evaluation(&offer.plan),
            offer: Mutex::new(offer),
            materials: Mutex::new(materials),
            small: AtomicBool::new(true),
        };
        bench.measure();
        bench
    }

    /// Looks how large the model is, once there is one.
    fn measure(&self) {
        let values = lock(&self.offer)
            .current
            .as_ref()
            .map(|c| c.layout.elements());
        let small = values.is_none_or(|values| lock(&self.materials).is_small(values));
        self.small.store(small, Ordering::Relaxed);
    }

    pub fn current(&self) -> Option<Arc<Current>> {
        lock(&self.offer).current.clone()
    }

    /// What the core is told.
    fn prepared(&self) -> Prepared {
        let offer = lock(&self.offer);
        Prepared {
            shards: offer.shards.clone(),
            model: offer.model_spec.clone(),
            evaluation: self.evaluation,
            parameters: offer.current.is_some(),
        }
    }
}

/// How far a run got that is prepared again.
pub struct Begun {
    /// The private shards it keeps to.
    pub hosted: Option<Arc<Hosted>>,
    /// Rounds it has finished.
    pub rounds: u32,
}

/// Does the numerics: for small models at once, for large ones on a thread of its own.
pub struct Workshop {
    root: Arc<Root>,
    hosts: Hosts,
    reporter: Reporter,
    pub runs: Arc<Mutex<BTreeMap<RunId, Arc<Bench>>>>,
    /// First parameters that clients brought with their plans.
    initial: Mutex<BTreeMap<RunId, Initial>>,
    large: Sender<(Arc<Bench>, Command)>,
    /// Model files handed out lately, oldest first: digest and bytes.
    pub files: Mutex<VecDeque<(Bytes, Held)>>,
    /// None where nothing outlives the coordinator.
    pub keeper: Option<Arc<Keeper>>,
}

impl Workshop {
    pub fn new(
        root: Root,
        hosts: Hosts,
        reporter: Reporter,
        keeper: Option<Arc<Keeper>>,
    ) -> std::io::Result<Workshop> {
        let (large, work) = unbounded();
        let teller = reporter.clone();
        thread::Builder::new()
            .name("numerics".to_owned())
            .spawn(move || work_off(&work, &teller))?;
        Ok(Workshop {
            root: Arc::new(root),
            hosts,
            reporter,
            runs: Arc::default(),
            initial: Mutex::default(),
            large,
            files: Mutex::default(),
            keeper,
        })
    }

    /// Below which files of data lie.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Keeps first parameters for a run that is about to be submitted.
    pub fn bring(&self, run: RunId, initial: Initial) {
        lock(&self.initial).insert(run, initial);
    }

    /// Opens the data of a run, on a thread of its own.
    pub fn prepare(&self, run: RunId, plan: Plan, begun: Begun) {
        let (root, hosts, runs) = (self.root.clone(), self.hosts.clone(), self.runs.clone());
        let (reporter, id) = (self.reporter.clone(), run.clone());
        let initial = lock(&self.initial).remove(&run);
        let keeper = self.keeper.clone();
        let spawned = thread::Builder::new()
            .name(format!("prepare {run}"))
            .spawn(move || {
                let private = || match &begun.hosted {
                    Some(hosted) => Private::Known(hosted),
                    None => {
                        hosts.settle();
                        Private::Hosted(hosts.list())
                    }
                };
                let private = is_private(&plan.data.spec).then(private);
                // It stays where it is until it is superseded: what cannot be gone on with now may be later.
                let former = lock(&runs).get(&id).cloned();
                let kept = match (former, &keeper) {
                    (Some(former), _) => Ok(keep(&former)),
                    (None, Some(keeper)) => Kept::load(keeper, &id, begun.rounds),
                    (None, None) => Ok(Kept::default()),
                };
                let made =
                    kept.and_then(|kept| Materials::prepare(plan, &root, private, initial, kept));
                let found = made.map(|(offer, materials)| {
                    let bench = Bench::new(offer, materials);
                    let prepared = bench.prepared();
                    lock(&runs).insert(id.clone(), Arc::new(bench));
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
    pub fn carry_out(&self, run: &RunId, command: Command) -> Option<Event> {
        let bench = lock(&self.runs).get(run).cloned()?;
        if let Command::Open {
            round,
            weight_limit,
            ..
        } = command
        {
            // At once, because tasks of the round are dispatched next.
            lock(&bench.offer).open(round, weight_limit);
        }
        if bench.small.load(Ordering::Relaxed) {
            return do_now(&bench, command, &self.reporter);
        }
        let _ = self.large.send((bench, command));
        None
    }

    /// The parameters after a round that was finished last, to be kept.
    pub fn finished(&self, run: &RunId, round: u32) -> Option<Finished> {
        let bench = lock(&self.runs).get(run).cloned()?;
        let offer = lock(&bench.offer);
        let newest = [&offer.current, &offer.previous].into_iter().flatten();
        let at_hand = newest.chain(offer.versions.values());
        let current = at_hand.into_iter().find(|current| current.round == round)?;
        let first = offer.versions.get(&0).filter(|_| round == 1);
        Some(Finished {
            current: Arc::clone(current),
            first: first.cloned(),
            model: offer.model_spec.clone(),
        })
    }

    /// A run is forgotten.
    pub fn forget(&self, run: &RunId) {
        lock(&self.runs).remove(run);
    }

    /// The request of an attempt, with what the node needs for it.
    pub fn job(
        &self,
        run: &RunId,
        attempt: AttemptId,
        work: &Work,
        may_refuse: bool,
        limit: Duration,
    ) -> Option<Job> {
        let bench = lock(&self.runs).get(run).cloned()?;
        lock(&bench.offer).job(run, attempt, work, may_refuse, limit)
    }
}

/// The parameters of a stopped run, when what is under way with them is done.
fn keep(bench: &Bench) -> Kept {
    let _idle = lock(&bench.materials);
    let offer = lock(&bench.offer);
    Kept {
        current: offer.current.clone(),
        previous: offer.previous.clone(),
        versions: offer.versions.clone(),
    }
}

fn work_off(work: &Receiver<(Arc<Bench>, Command)>, reporter: &Reporter) {
    while let Ok((shared, command)) = work.recv() {
        if let Some(fact) = do_now(&shared, command, reporter) {
            reporter.report(fact);
        }
    }
}

fn do_now(bench: &Bench, command: Command, reporter: &Reporter) -> Option<Event> {
    let mut materials = lock(&bench.materials);
    match command {
        Command::Open { round, .. } => {
            let bounds = lock(&bench.offer).bounds.clone()?;
            materials.open(round, &bounds);
            None
        }
        Command::Fold {
            round,
            attempt,
            weight,
            single,
            ..
        } => {
            if let Some(parcel) = reporter.take(attempt) {
                materials.fold(round, parcel, weight, single);
            }
            None
        }
        Command::Adopt(run, attempt) => {
            drop(materials);
            let adopted = adopt(bench, reporter.take(attempt));
            Some(Event::Prepared(run, adopted.map(|()| bench.prepared())))
        }
        Command::Step { run, round, .. } => {
            let made = bench
                .current()
                .ok_or_else(|| "no parameters".to_owned())
                .and_then(|old| materials.step(&old, round));
            let stepped = made.map(|new| {
                let digest = new.current.digest;
                lock(&bench.offer).replace(new.current);
                let suspects = new.suspects;
                Stepped { digest, suspects }
            });
            Some(Event::Stepped(run, round, stepped))
        }
        Command::Evaluate(run, round) => {
            let metrics = bench
                .current()
                .ok_or_else(|| "no parameters".to_owned())
                .and_then(|current| materials.evaluate(&current));
            Some(Event::Evaluated(run, round, metrics))
        }
        Command::Release(_) => {
            materials.release();
            lock(&bench.offer).shipped = Vec::new();
            None
        }
        _ => None,
    }
}

/// Takes the first parameters that a node made.
fn adopt(bench: &Bench, brought: Option<Parcel>) -> Result<(), String> {
    let Some(Parcel::Initial(initial)) = brought else {
        return Err("the first parameters were lost".to_owned());
    };
    let current = Current::of(&initial.parameters, 0)?;
    let mut offer = lock(&bench.offer);
    offer.replace(current);
    offer.check()?;
    drop(offer);
    bench.measure();
    Ok(())
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
