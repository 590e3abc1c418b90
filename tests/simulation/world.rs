//! The simulated world: a clock that jumps, messages that get lost, nodes that die, and the core among them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roundtable::cluster::policy::POLICIES;
use roundtable::cluster::{
    AttemptId, BeatId, Cluster, Config, Failure, FailureKind, NodeId, Pulse, Time,
};
use roundtable::fed::aggregate::ExactSum;
use roundtable::fed::strategy::STRATEGIES;
use roundtable::fed::{
    Answer, Command, DataPlan, Ending, Evaluation, Event, Federation, Plan, Prepared, RunEvent,
    RunId, Shard, Trained, Work,
};
use roundtable::ml::metrics::Metrics;
use roundtable::ml::training::Training;
use roundtable::seed::{Purpose, Seed, Stream};

use crate::arithmetic::{VALUES, add, digest, empty_sum, reference_step, step, update};
use crate::checker::Checker;
use crate::faults::{HEAL_MICROS, Trouble, Weather};
use crate::lies::Lies;
use crate::nodes::SimNode;

/// Every run has to end this long after the last fault.
const PATIENCE_MICROS: u64 = 200_000_000;

pub fn rows_of(shard: u32) -> u64 {
    10 + u64::from(shard) * 7
}

pub fn name_of(shard: u32) -> String {
    format!("shard-{shard}")
}

/// How a simulated world went.
#[derive(Debug)]
pub struct Outcome {
    pub violations: Vec<String>,
    pub met: BTreeMap<&'static str, u64>,
    pub events: u64,
    pub micros: u64,
    pub trace: u64,
}

#[derive(Clone, Debug)]
enum Happening {
    /// A fact reaches the coordinator.
    Fact(Box<Event>),
    /// A request reaches a node.
    Asked(usize, Request),
    /// A node of this incarnation is done with an attempt.
    Done(usize, i64, AttemptId, Work, RunId),
    Trouble,
    Heal,
    Wish,
}

#[derive(Clone, Debug)]
enum Request {
    Greet(NodeId, BeatId),
    Beat(NodeId, BeatId),
    Task(AttemptId, Work, RunId, bool),
}

struct SimRun {
    seed: u64,
    /// The model, and the round it is of.
    model: Vec<f32>,
    round: u32,
    /// The one before, until the next round begins.
    before: Vec<f32>,
    sum: Option<(u32, u64, ExactSum)>,
    evaluation: Evaluation,
    private: bool,
    shards: u32,
    uniform: bool,
    whole: bool,
    ended: Option<Ending>,
}

pub struct World {
    now: Time,
    stream: Stream,
    weather: Weather,
    lies: Lies,
    federation: Federation,
    checker: Checker,
    nodes: Vec<SimNode>,
    addresses: BTreeMap<NodeId, usize>,
    agenda: BTreeMap<(Time, u64), Happening>,
    next: u64,
    runs: BTreeMap<RunId, SimRun>,
    wishes: u32,
    /// What answers brought: weight and update of each shard.
    parcels: BTreeMap<AttemptId, Vec<(u64, Vec<f32>)>>,
    /// Parameters each attempt was sent with.
    sent: BTreeMap<AttemptId, Vec<f32>>,
    speculative: BTreeSet<AttemptId>,
    out: BTreeMap<AttemptId, (RunId, Work)>,
    met: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
    events: u64,
    trace: u64,
    loud: bool,
}

impl World {
    pub fn new(seed: u64, loud: bool) -> World {
        let mut stream = Seed(seed).stream(Purpose::Simulation, 0, u64::MAX);
        let weather = Weather::draw(&mut stream);
        let names = POLICIES.names();
        let policy = names[stream.below(names.len() as u64) as usize];
        let policy = if weather.refusal > 0.0 {
            "load-balancing"
        } else {
            policy
        };
        let config = Config {
            attempt_limit: Duration::from_secs(8),
            straggler_floor: Duration::from_millis(300),
            placement_limit: Duration::from_secs(6),
            ..Config::default()
        };
        let policy = POLICIES.build(policy).expect("a known policy");
        let cluster = Cluster::new(config, policy, Seed(seed), 1);
        let count = 1 + stream.below(5) as usize;
        let nodes = (0..count)
            .map(|at| node(at, &weather, &mut stream))
            .collect();
        let lies = Lies::draw(&mut stream, count);
        let mut world = World {
            now: Time(1),
            stream,
            weather,
            federation: Federation::new(cluster, 0.5).auditing(lies.share, Seed(seed)),
            lies,
            checker: Checker::default(),
            nodes,
            addresses: BTreeMap::new(),
            agenda: BTreeMap::new(),
            next: 0,
            runs: BTreeMap::new(),
            wishes: 0,
            parcels: BTreeMap::new(),
            sent: BTreeMap::new(),
            speculative: BTreeSet::new(),
            out: BTreeMap::new(),
            met: BTreeMap::new(),
            violations: Vec::new(),
            events: 0,
            trace: seed,
            loud,
        };
        world.list();
        for _ in 0..=world.stream.below(2) {
            world.later(2_000_000, Happening::Wish);
        }
        if let Some(mean) = world.weather.trouble {
            world.later(mean, Happening::Trouble);
        }
        world.agenda.insert((Time(HEAL_MICROS), 0), Happening::Heal);
        world
    }

    /// Runs until every run has ended and all is healed, or patience is over.
    pub fn run(mut self) -> Outcome {
        while self.violations.is_empty() && self.checker.violations.is_empty() {
            let first = self.agenda.first_key_value().map(|(&(at, _), _)| at);
            let wake = self.federation.next_wake();
            let at = match (first, wake) {
                (Some(a), Some(b)) => a.min(b),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            let healed = self.now.0 > HEAL_MICROS;
            if healed && self.runs.values().all(|run| run.ended.is_some()) {
                break;
            }
            if at.0 > HEAL_MICROS + PATIENCE_MICROS {
                self.violations
                    .push(format!("runs do not end: {}", self.unfinished()));
                break;
            }
            self.now = at;
            if first == Some(at) {
                if let Some((_, happening)) = self.agenda.pop_first() {
                    self.happen(happening);
                }
            } else {
                self.tell(Event::Tick);
            }
        }
        self.conclude()
    }

    fn unfinished(&self) -> String {
        let open = self.runs.iter().filter(|(_, run)| run.ended.is_none());
        let status = |id: &RunId| self.federation.status(self.now, id).map(|s| s.activity);
        open.map(|(id, _)| format!("{id}: {:?}; ", status(id)))
            .collect()
    }

    fn conclude(mut self) -> Outcome {
        let counts = self.federation.cluster().counts();
        for (situation, times) in [
            ("attempt failed", counts.failed),
            ("insisted", counts.insisted),
            ("late answer", counts.late),
            ("node down", counts.downs),
            ("node returned", counts.returns),
            ("refused", counts.refused),
            ("second attempt", counts.speculative),
        ] {
            if times > 0 {
                *self.met.entry(situation).or_default() += times;
            }
        }
        let mut violations = self.violations;
        violations.extend(self.checker.violations);
        Outcome {
            violations,
            met: self.met,
            events: self.events,
            micros: self.now.0,
            trace: self.trace,
        }
    }

    fn meet(&mut self, situation: &'static str) {
        *self.met.entry(situation).or_default() += 1;
    }

    fn schedule(&mut self, delay: u64, happening: Happening) {
        self.next += 1;
        let at = self.now + Duration::from_micros(delay);
        self.agenda.insert((at, self.next), happening);
    }

    /// Some time within about twice this long.
    fn later(&mut self, mean: u64, happening: Happening) {
        let delay = 1 + self.stream.below(mean * 2);
        self.schedule(delay, happening);
    }

    fn delay(&mut self) -> u64 {
        let delay = 50 + self.stream.below(self.weather.delay);
        if self.stream.chance(self.weather.stray) {
            delay * 100
        } else {
            delay
        }
    }

    fn list(&mut self) {
        let listed = self.nodes.iter().filter(|node| node.listed);
        let addresses = listed.map(|node| node.address.clone()).collect();
        self.schedule(1, Happening::Fact(Box::new(Event::Listed(addresses))));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fact(event) => self.tell(*event),
            Happening::Asked(at, request) => self.asked(at, request),
            Happening::Done(at, incarnation, attempt, work, run) => {
                self.done(at, incarnation, attempt, work, &run);
            }
            Happening::Wish => self.wish(),
            Happening::Trouble => self.trouble(),
            Happening::Heal => {
                self.weather = Weather::calm();
                self.lies.end();
                self.nodes.iter_mut().for_each(SimNode::heal);
                self.list();
            }
        }
    }

    /// A client wants something: a run, the end of one, or one to go on.
    fn wish(&mut self) {
        self.wishes += 1;
        if self.wishes < 6 && self.now.0 < HEAL_MICROS {
            self.later(4_000_000, Happening::Wish);
        }
        let known: Vec<RunId> = self.runs.keys().cloned().collect();
        if let Some(run) = known.first().filter(|_| self.stream.chance(0.15)).cloned() {
            return self.tell(Event::Cancelled(run));
        }
        let stopped = |run: &SimRun| matches!(run.ended, Some(Ending::Stopped(_)));
        let resumable = self
            .runs
            .iter()
            .find(|(_, run)| stopped(run))
            .map(|(id, _)| id.clone());
        if let Some(id) = resumable {
            self.meet("resumed");
            if let Some(run) = self.runs.get_mut(&id) {
                run.ended = None;
                run.sum = None;
            }
            return self.tell(Event::Resumed(id));
        }
        self.submit();
    }

    fn submit(&mut self) {
        let number = self.runs.len() as u64;
        let id = RunId(format!("run-{number}"));
        let uniform = self.stream.chance(0.3);
        let mean = if uniform {
            "fedavg:mean=uniform"
        } else {
            "fedavg"
        };
        let many = self.stream.chance(0.1);
        let shards = 1 + self.stream.below(if many { 120 } else { 8 }) as u32;
        let plan = Plan {
            model: "simulated".to_owned(),
            data: DataPlan {
                spec: "simulated:".to_owned(),
                partition: None,
                shards: Some(shards),
                held_out: 0.0,
            },
            rounds: 1 + self.stream.below(6) as u32,
            training: Training::new(1, 0, 0.1, "cross-entropy", None).expect("in range"),
            strategy: STRATEGIES.build(mean).expect("known"),
            seed: Seed(self.stream.bits()),
            cohort: self
                .stream
                .chance(0.3)
                .then(|| 1 + self.stream.below(4) as u32),
            quorum: self
                .stream
                .chance(0.5)
                .then(|| 0.2 + 0.8 * self.stream.uniform()),
            codec: "raw".to_owned(),
            largest_update: 16.0,
        };
        let kinds = [
            Evaluation::Central,
            Evaluation::Central,
            Evaluation::Nodes,
            Evaluation::Nowhere,
        ];
        let run = SimRun {
            seed: plan.seed.0,
            model: vec![0.0; VALUES],
            round: 0,
            before: Vec::new(),
            sum: None,
            evaluation: kinds[self.stream.below(4) as usize],
            private: self.stream.chance(0.2),
            shards,
            uniform,
            whole: true,
            ended: None,
        };
        if uniform {
            self.meet("uniform mean");
        }
        self.checker.expect_run(&id, uniform);
        self.runs.insert(id.clone(), run);
        self.tell(Event::Submitted(id, plan));
    }

    fn trouble(&mut self) {
        if self.now.0 < HEAL_MICROS
            && let Some(mean) = self.weather.trouble
        {
            self.later(mean, Happening::Trouble);
            let at = self.stream.below(self.nodes.len() as u64) as usize;
            let trouble = Trouble::draw(&mut self.stream);
            self.strike(at, trouble);
        }
    }

    fn strike(&mut self, at: usize, trouble: Trouble) {
        let node = &mut self.nodes[at];
        let address = node.address.clone();
        match trouble {
            Trouble::Crash => node.alive = false,
            Trouble::Start if !node.alive => {
                node.restart();
                self.meet("node restarted");
            }
            Trouble::Start => {}
            Trouble::Freeze => node.frozen = true,
            Trouble::Thaw => node.frozen = false,
            Trouble::CutIn => node.deaf = true,
            Trouble::CutOut => node.mute = true,
            Trouble::Mend => (node.deaf, node.mute) = (false, false),
            Trouble::Leave => {
                node.leaving = true;
                self.meet("left");
                self.tell(Event::Left(address));
            }
            Trouble::Join => {
                node.leaving = false;
                self.meet("joined");
                self.tell(Event::Joined(address));
            }
            Trouble::Delist => {
                node.listed = false;
                self.meet("delisted");
                self.list();
            }
            Trouble::List => {
                node.listed = true;
                self.list();
            }
        }
    }

    /// Gives the core a fact and carries out what it asks for.
    fn tell(&mut self, event: Event) {
        self.events += 1;
        if self.loud {
            println!("{:>10} {event:?}", self.now.0);
        }
        self.open_parcel(&event);
        self.checker.fact(&event);
        let commands = self.federation.handle(self.now, event);
        let wake = self.federation.next_wake();
        self.checker.commands(self.now, &commands, wake);
        for (id, node) in self.federation.cluster().roster().iter() {
            if let Some(at) = self.nodes.iter().position(|n| n.address == node.address) {
                self.addresses.insert(id, at);
            }
        }
        for command in commands {
            if self.loud {
                println!("{:>10}     => {command:?}", self.now.0);
            }
            self.note(&command);
            self.carry_out(command);
        }
    }

    /// What comes with an answer is there before the core hears of it.
    fn open_parcel(&mut self, event: &Event) {
        match event {
            Event::Answered(attempt, answer) => {
                if !self.out.contains_key(attempt) {
                    self.meet("duplicate answer");
                }
                if self.speculative.contains(attempt) && self.out.contains_key(attempt) {
                    self.meet("second attempt won");
                }
                let Some((id, Work::Train { round, shards })) = self.out.get(attempt).cloned()
                else {
                    self.parcels.insert(*attempt, vec![(1, vec![9.0; VALUES])]);
                    return;
                };
                let start = self.sent.get(attempt).cloned().unwrap_or_default();
                let run = self.runs.get(&id);
                let (seed, uniform) = run.map_or((0, false), |run| (run.seed, run.uniform));
                let bring = |&shard: &u32| {
                    let weight = if uniform { 1 } else { rows_of(shard) };
                    (weight, update(seed, round, shard, &start))
                };
                let mut brought: Vec<(u64, Vec<f32>)> = shards.iter().map(bring).collect();
                if self.lies.spoil(answer, &mut brought) {
                    self.meet("lie told");
                }
                self.parcels.insert(*attempt, brought);
                if shards.len() > 1 {
                    self.meet("many shards in one task");
                }
                let wrong = |(trained, shard): (&Trained, &u32)| {
                    !trained.loss.is_finite() || trained.rows > rows_of(*shard)
                };
                if let Answer::Update(trained, _) = answer
                    && trained.iter().zip(shards.iter()).any(wrong)
                {
                    self.meet("invalid update");
                }
            }
            Event::Greeted(_, _, Ok(_)) => self.meet("greeted"),
            Event::Failed(_, failure) if failure.reason.contains("acceptable") => {
                self.meet("invalid update");
            }
            _ => {}
        }
    }

    /// Keeps a running digest of everything decided, so that replays can be compared.
    fn note(&mut self, command: &Command) {
        for byte in format!("{}{command:?}", self.now.0).bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn send(&mut self, node: NodeId, request: Request) {
        let Some(&at) = self.addresses.get(&node) else {
            return;
        };
        let delay = self.delay();
        let lost = self.stream.chance(self.weather.loss);
        if !self.nodes[at].alive {
            let failure = Failure::new(FailureKind::Unreachable, "refused");
            return self.schedule(delay, Happening::Fact(Box::new(failed(&request, failure))));
        }
        if !lost && !self.nodes[at].deaf {
            self.schedule(delay, Happening::Asked(at, request));
        }
    }

    fn answer(&mut self, at: usize, event: Event) {
        if self.nodes[at].mute || self.stream.chance(self.weather.loss) {
            return;
        }
        if self.stream.chance(self.weather.repeat) {
            let delay = self.delay();
            self.schedule(delay, Happening::Fact(Box::new(event.clone())));
        }
        let delay = self.delay();
        self.schedule(delay, Happening::Fact(Box::new(event)));
    }

    fn asked(&mut self, at: usize, request: Request) {
        let node = self.nodes[at].clone();
        if !node.alive {
            let delay = self.delay();
            let failure = Failure::new(FailureKind::Unreachable, "reset");
            return self.schedule(delay, Happening::Fact(Box::new(failed(&request, failure))));
        }
        if node.frozen {
            // It waits in the node's buffers.
            return self.schedule(500_000, Happening::Asked(at, request));
        }
        match request {
            Request::Greet(id, beat) => {
                self.answer(at, Event::Greeted(id, beat, Ok(node.greeting())));
            }
            Request::Beat(id, beat) => {
                let pulse = Pulse {
                    incarnation: node.incarnation,
                    load: 0.5,
                    leaving: node.leaving,
                };
                self.answer(at, Event::Pulsed(id, beat, Ok(pulse)));
            }
            Request::Task(attempt, work, run, may_refuse) => {
                if may_refuse && self.stream.chance(self.weather.refusal) {
                    return self.answer(at, Event::Refused(attempt));
                }
                let pace = node.pace / 2 + self.stream.below(node.pace);
                let done = Happening::Done(at, node.incarnation, attempt, work, run);
                self.schedule(pace, done);
            }
        }
    }

    fn done(&mut self, at: usize, incarnation: i64, attempt: AttemptId, work: Work, run: &RunId) {
        let node = self.nodes[at].clone();
        if !node.alive || node.incarnation != incarnation {
            let failure = Failure::new(FailureKind::Unreachable, "reset");
            let delay = self.delay();
            return self.schedule(
                delay,
                Happening::Fact(Box::new(Event::Failed(attempt, failure))),
            );
        }
        if node.frozen {
            let again = Happening::Done(at, incarnation, attempt, work, run.clone());
            return self.schedule(500_000, again);
        }
        if self.stream.chance(self.weather.failure) {
            let failure = Failure::new(FailureKind::Reported, "out of memory");
            return self.answer(at, Event::Failed(attempt, failure));
        }
        let invalid = self.stream.chance(self.weather.invalid);
        let answer = match work {
            Work::Train { shards, .. } => {
                let honest = |&shard: &u32| Trained {
                    rows: rows_of(shard),
                    loss: 1.0,
                };
                let mut trained: Vec<Trained> = shards.iter().map(honest).collect();
                let spoilt = self.stream.below(shards.len() as u64) as usize;
                match (invalid, self.stream.below(4)) {
                    (true, 0) => trained[spoilt].rows += 1,
                    (true, 1) => trained[spoilt].loss = f64::NAN,
                    (true, 2) => drop(trained.pop()),
                    (true, _) => {
                        let failure = Failure::new(FailureKind::Invalid, "not acceptable: NaN");
                        return self.answer(at, Event::Failed(attempt, failure));
                    }
                    (false, _) => {}
                }
                Answer::Update(trained, None)
            }
            Work::Evaluate { .. } => {
                self.meet("evaluated by nodes");
                Answer::Metrics(Metrics {
                    rows: 5,
                    correct: 3,
                    loss: 0.5,
                })
            }
            Work::Initialise => Answer::Parameters,
        };
        let who = (at, node.address.as_str());
        let answer = self.lies.sign(who, attempt, answer, &mut self.stream);
        self.answer(at, Event::Answered(attempt, answer));
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Greet(node, beat) => self.send(node, Request::Greet(node, beat)),
            Command::Beat(node, beat) => self.send(node, Request::Beat(node, beat)),
            Command::Dispatch {
                attempt,
                node,
                run,
                work,
                may_refuse,
                ..
            } => {
                if self.out.values().any(|(r, w)| *r == run && *w == work) {
                    self.speculative.insert(attempt);
                }
                self.out.insert(attempt, (run.clone(), work.clone()));
                if let Some(sim) = self.runs.get(&run) {
                    if sim.private {
                        *self.met.entry("private shard").or_default() += 1;
                    }
                    self.sent.insert(attempt, sim.model.clone());
                }
                self.send(node, Request::Task(attempt, work, run, may_refuse));
            }
            Command::Cancel(attempt, _) => {
                self.out.remove(&attempt);
            }
            Command::Discard(attempt) => {
                self.parcels.remove(&attempt);
            }
            Command::Prepare(run) => self.prepare(&run),
            Command::Open {
                run,
                round,
                weight_limit,
            } => {
                if let Some(sim) = self.runs.get_mut(&run) {
                    if sim.round >= round {
                        sim.model = sim.before.clone();
                        sim.round = round - 1;
                        *self.met.entry("step undone").or_default() += 1;
                    }
                    sim.sum = Some((round, weight_limit, empty_sum(weight_limit)));
                }
            }
            Command::Fold {
                run,
                round,
                attempt,
                weight,
            } => self.fold(&run, round, attempt, weight),
            Command::Step { run, round, .. } => self.step(&run, round),
            Command::Evaluate(run, round) => {
                let metrics = Metrics {
                    rows: 10,
                    correct: 5,
                    loss: 0.5,
                };
                let fact = Event::Evaluated(run, round, Ok(metrics));
                self.later(2_000, Happening::Fact(Box::new(fact)));
            }
            Command::Publish(run, entry) => self.told(&run, entry.event),
            Command::Record(..) => {}
            Command::Adopt(..) | Command::Part(_) | Command::Release(_) | Command::Forget(_) => {}
        }
    }

    fn prepare(&mut self, run: &RunId) {
        let Some(sim) = self.runs.get(run) else {
            return;
        };
        let shard = |shard: u32| Shard {
            name: name_of(shard),
            rows: rows_of(shard),
            private: sim.private,
        };
        let prepared = Prepared {
            shards: (0..sim.shards).map(shard).collect(),
            evaluation: sim.evaluation,
            parameters: true,
        };
        let fact = Event::Prepared(run.clone(), Ok(prepared));
        self.later(5_000, Happening::Fact(Box::new(fact)));
    }

    fn fold(&mut self, run: &RunId, round: u32, attempt: AttemptId, weight: u64) {
        self.out.remove(&attempt);
        let parcel = self.parcels.remove(&attempt);
        let sum = self.runs.get_mut(run).and_then(|sim| sim.sum.as_mut());
        match (parcel, sum) {
            (Some(brought), Some((open, limit, sum))) if *open == round => {
                if let Err(error) = add(sum, *limit, &brought, weight) {
                    self.violations.push(error.to_string());
                }
            }
            _ => self
                .violations
                .push(format!("nothing to fold for attempt {}", attempt.0)),
        }
    }

    /// Makes the step, and holds the new model against the one worked out straight.
    fn step(&mut self, run: &RunId, round: u32) {
        let counted = self.checker.counted(run, round);
        let Some(sim) = self.runs.get_mut(run) else {
            return;
        };
        let Some((_, limit, sum)) = sim.sum.take() else {
            return self.violations.push(format!("{run} steps without a sum"));
        };
        let stepped = step(&sim.model, &sum);
        let expected = reference_step(sim.seed, round, &sim.model, &counted, limit);
        if stepped != expected && !self.lies.may_fool(run) {
            let text = format!("{run} round {round}: {stepped:?}, worked out {expected:?}");
            self.violations.push(text);
        }
        sim.before = std::mem::replace(&mut sim.model, stepped);
        sim.round = round;
        let fact = Event::Stepped(run.clone(), round, Ok(digest(&sim.model)));
        self.later(2_000, Happening::Fact(Box::new(fact)));
    }

    fn told(&mut self, run: &RunId, event: RunEvent) {
        match event {
            RunEvent::Round(report) => {
                let partial = report.counted < report.asked;
                if partial {
                    self.meet("partial round");
                }
                if report.audited > 0 {
                    self.meet("audited");
                }
                if let Some(sim) = self.runs.get_mut(run) {
                    sim.whole &= !partial;
                    if digest(&sim.model) != report.digest {
                        self.violations.push(format!("{run} reports another model"));
                    }
                }
            }
            RunEvent::Notice(text) if text.contains("below quorum") => self.meet("below quorum"),
            RunEvent::Notice(text) if text.contains("no answer within") => {
                self.meet("attempt limit");
            }
            RunEvent::Notice(text) => match self.lies.heard(run, &text) {
                Ok(situation) => situation.into_iter().for_each(|found| self.meet(found)),
                Err(wrong) => self.violations.push(wrong),
            },
            RunEvent::Ended(ending) => self.ended(run, ending),
            RunEvent::Started => {}
        }
    }

    fn ended(&mut self, run: &RunId, ending: Ending) {
        self.meet(match ending {
            Ending::Succeeded(_) => "succeeded run",
            Ending::Failed(_) => "failed run",
            Ending::Cancelled => "cancelled",
            Ending::Stopped(_) => "stopped run",
        });
        self.out.retain(|_, (owner, _)| owner != run);
        // The attempts that failed lie some seconds back.
        let calm = self.now.0 > HEAL_MICROS + 20_000_000;
        let roster = self.federation.cluster().roster();
        let barred = |address: &str| {
            roster
                .find(address)
                .and_then(|id| roster.get(id)?.barred.clone())
        };
        let reachable = |node: &SimNode| {
            node.hears()
                && !node.mute
                && node.listed
                && !node.leaving
                && barred(&node.address).is_none()
        };
        if matches!(ending, Ending::Stopped(_)) && calm && self.nodes.iter().any(reachable) {
            self.violations
                .push(format!("{run} is stopped though nodes can be reached"));
        }
        if matches!(ending, Ending::Succeeded(_)) {
            self.compare_with_calm(run);
        }
        if let Some(sim) = self.runs.get_mut(run) {
            sim.ended = Some(ending);
        }
    }

    /// A run in which every shard counted has the model of a run that nothing disturbed.
    fn compare_with_calm(&mut self, run: &RunId) {
        let Some((plan, _)) = self.federation.plan_of(run) else {
            return;
        };
        let (rounds, cohort, strategy) = (plan.rounds, plan.cohort, plan.strategy);
        let Some(sim) = self.runs.get(run).filter(|sim| sim.whole) else {
            return;
        };
        if cohort.is_some_and(|cohort| cohort < sim.shards) {
            return;
        }
        let weights: Vec<(u32, u64)> = (0..sim.shards)
            .map(|shard| (shard, strategy.weight(rows_of(shard))))
            .collect();
        let limit = weights.iter().map(|(_, weight)| weight).sum();
        let mut model = vec![0.0; VALUES];
        for round in 1..=rounds {
            model = reference_step(sim.seed, round, &model, &weights, limit);
        }
        if model == sim.model {
            self.meet("undisturbed equal");
        } else if !self.lies.may_fool(run) {
            self.violations
                .push(format!("{run}: another model than undisturbed"));
        }
    }
}

fn node(at: usize, weather: &Weather, stream: &mut Stream) -> SimNode {
    let slow = if stream.chance(0.3) {
        weather.slowness
    } else {
        1
    };
    SimNode {
        address: format!("10.0.0.{}:5106", at + 1),
        slots: 1 + stream.below(3) as u32,
        alive: stream.chance(0.9),
        frozen: false,
        deaf: false,
        mute: false,
        leaving: false,
        listed: true,
        incarnation: 1,
        pace: (5_000 + stream.below(100_000)) * slow,
        hosted: (0..8)
            .filter(|shard| *shard % 2 == at as u32 % 2)
            .map(name_of)
            .collect(),
    }
}

/// What the shell reports when a request did not get through.
fn failed(request: &Request, failure: Failure) -> Event {
    match request {
        Request::Greet(node, beat) => Event::Greeted(*node, *beat, Err(failure)),
        Request::Beat(node, beat) => Event::Pulsed(*node, *beat, Err(failure)),
        Request::Task(attempt, ..) => Event::Failed(*attempt, failure),
    }
}
