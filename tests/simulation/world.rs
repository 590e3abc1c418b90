//! The simulated world: a clock that jumps, an agenda, and the core among nodes, clients and a disk.

use std::collections::BTreeMap;
use std::time::Duration;

use roundtable::cluster::policy::POLICIES;
use roundtable::cluster::{AttemptId, Cluster, Config, Health, NodeId, Time};
use roundtable::fed::{Command, Event, Federation, RunId, Work};
use roundtable::seed::{Purpose, Seed, Stream};

use crate::checker::Checker;
use crate::disk::Disk;
use crate::faults::{HEAL_MICROS, Weather};
use crate::lies::Lies;
use crate::materials::Materials;
use crate::nodes::{Request, SimNode, node};
use crate::wishes::Wanted;

/// Every run has to end this long after the last fault.
const PATIENCE_MICROS: u64 = 200_000_000;
/// Every node has to be up this long after the last fault.
const RETURN_MICROS: u64 = 15_000_000;
/// Nobody waits longer for an attempt, microseconds.
pub const ATTEMPT_LIMIT: u64 = 8_000_000;

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
pub enum Happening {
    /// A fact reaches the coordinator, in this life or, if it takes that long, in a later one.
    Fact(u64, Box<Event>),
    /// A request reaches a node.
    Asked(usize, Request),
    /// A node of this incarnation is done with an attempt of this life of the coordinator.
    Done(usize, i64, u64, AttemptId, Work, RunId),
    Trouble,
    Heal,
    Wish,
    /// The disk gets on with what it writes for this life.
    Disk(u64, Writing),
    /// The coordinator crashes; it is asked to stop; it has stopped; it starts.
    Crash,
    Halt,
    Stopped(u64),
    Start,
}

/// How far the disk is with what is written together.
#[derive(Clone, Copy, Debug)]
pub enum Writing {
    Parameters,
    Records,
}

pub struct World {
    pub now: Time,
    pub stream: Stream,
    pub weather: Weather,
    pub lies: Lies,
    pub federation: Federation,
    pub checker: Checker,
    pub nodes: Vec<SimNode>,
    pub addresses: BTreeMap<NodeId, usize>,
    agenda: BTreeMap<(Time, u64), Happening>,
    next: u64,
    /// What clients asked for.
    pub runs: BTreeMap<RunId, Wanted>,
    pub wishes: u32,
    /// What the coordinator has in memory.
    pub materials: Materials,
    pub disk: Disk,
    /// The disk is full until then.
    pub full_until: Time,
    /// Which life of the coordinator this is, and whether it is there at all, and about to end.
    pub life: u64,
    pub began: Time,
    pub up: bool,
    pub halting: bool,
    /// When the last fault was over.
    healed: Option<Time>,
    /// The policy of its scheduling, and the seed of that.
    policy: (&'static str, Seed),
    /// It crashes after this event.
    crash_after: Option<u64>,
    pub met: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    pub events: u64,
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
        let count = 1 + stream.below(5) as usize;
        let nodes = (0..count)
            .map(|at| node(at, &weather, &mut stream))
            .collect();
        let policy = (policy, Seed(seed));
        let keep = 1 + stream.below(3) as usize;
        let lies = Lies::draw(&mut stream, count);
        let mut world = World {
            now: Time(1),
            stream,
            weather,
            federation: federation(policy, lies.share, 1),
            lies,
            checker: Checker::default(),
            nodes,
            addresses: BTreeMap::new(),
            agenda: BTreeMap::new(),
            next: 0,
            runs: BTreeMap::new(),
            wishes: 0,
            materials: Materials::default(),
            disk: Disk::new(keep),
            full_until: Time(0),
            life: 1,
            began: Time(0),
            up: true,
            halting: false,
            healed: None,
            policy,
            crash_after: None,
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
        if let Some(mean) = world.weather.crash {
            world.later(mean, Happening::Crash);
        }
        if let Some(mean) = world.weather.halt {
            world.later(mean, Happening::Halt);
        }
        world.agenda.insert((Time(HEAL_MICROS), 0), Happening::Heal);
        world
    }

    /// The same world, in which the coordinator crashes after this event.
    pub fn crashing_after(self, event: u64) -> World {
        World {
            crash_after: Some(event),
            ..self
        }
    }

    /// Runs until every run has ended and all is healed, or patience is over.
    pub fn run(mut self) -> Outcome {
        while self.violations.is_empty() && self.checker.violations.is_empty() {
            let first = self.agenda.first_key_value().map(|(&(at, _), _)| at);
            let wake = self.federation.next_wake().filter(|_| self.up);
            let at = match (first, wake) {
                (Some(a), Some(b)) => a.min(b),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            let settled = self.calm_for() > RETURN_MICROS && self.lived() > RETURN_MICROS;
            if settled && self.up && self.runs.values().all(|run| run.ended.is_some()) {
                self.look_at_nodes();
                break;
            }
            if self.calm_for() > PATIENCE_MICROS {
                self.violations
                    .push(format!("runs do not end: {}", self.unfinished()));
                break;
            }
            // After a jump of the clock, what should have happened meanwhile happens late.
            self.now = self.now.max(at);
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

    /// How long ago the last fault was, in microseconds.
    pub fn calm_for(&self) -> u64 {
        self.healed.map_or(0, |healed| self.now.0 - healed.0)
    }

    /// How long the coordinator has been there, in microseconds.
    fn lived(&self) -> u64 {
        self.now.0 - self.began.0
    }

    fn unfinished(&self) -> String {
        let open = self.runs.iter().filter(|(_, run)| run.ended.is_none());
        let status = |id: &RunId| self.federation.status(self.now, id).map(|s| s.activity);
        open.map(|(id, _)| format!("{id}: {:?}; ", status(id)))
            .collect()
    }

    /// When all is well again, every node is used again.
    fn look_at_nodes(&mut self) {
        for node in &self.nodes {
            let mut known = self.federation.cluster().roster().iter();
            let found = known.find(|(_, known)| known.address == node.address);
            let is_barred = found.is_some_and(|(_, known)| known.barred.is_some());
            if !is_barred && !found.is_some_and(|(_, known)| known.health == Health::Up) {
                let health = found.map(|(_, known)| known.health);
                let text = format!("{} is well, and not used: {health:?}", node.address);
                self.violations.push(text);
            }
        }
    }

    fn conclude(mut self) -> Outcome {
        self.count_situations();
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

    /// What the core counted in this life.
    pub fn count_situations(&mut self) {
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
    }

    pub fn meet(&mut self, situation: &'static str) {
        *self.met.entry(situation).or_default() += 1;
    }

    pub fn schedule(&mut self, delay: u64, happening: Happening) {
        self.next += 1;
        let at = self.now + Duration::from_micros(delay);
        self.agenda.insert((at, self.next), happening);
    }

    /// The coordinator hears of this if it lives until then.
    pub fn report(&mut self, delay: u64, event: Event) {
        let fact = Happening::Fact(self.life, Box::new(event));
        self.schedule(delay, fact);
    }

    /// Some time within about twice this long.
    pub fn later(&mut self, mean: u64, happening: Happening) {
        let delay = 1 + self.stream.below(mean * 2);
        self.schedule(delay, happening);
    }

    pub fn delay(&mut self) -> u64 {
        let delay = 50 + self.stream.below(self.weather.delay);
        if self.stream.chance(self.weather.stray) {
            delay * 100
        } else {
            delay
        }
    }

    pub fn list(&mut self) {
        let listed = self.nodes.iter().filter(|node| node.listed);
        let addresses = listed.map(|node| node.address.clone()).collect();
        self.report(1, Event::Listed(addresses));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fact(life, event) => self.heard(life, *event),
            Happening::Asked(at, request) => self.asked(at, request),
            Happening::Done(at, incarnation, life, attempt, work, run) => {
                self.done(at, incarnation, life, attempt, work, &run);
            }
            Happening::Wish => self.wish(),
            Happening::Trouble => self.trouble(),
            Happening::Disk(life, stage) => self.write_on(life, stage),
            Happening::Crash => self.crash_now(),
            Happening::Halt => self.halt(),
            Happening::Stopped(life) => self.stopped(life),
            Happening::Start => self.start(),
            Happening::Heal => {
                self.weather = Weather::calm();
                self.lies.end();
                self.healed = Some(self.now);
                self.full_until = self.now;
                self.nodes.iter_mut().for_each(SimNode::heal);
                self.list();
            }
        }
    }

    /// Connections end with the life in which they were made; only answers to attempts may come later, to make it hard.
    fn heard(&mut self, life: u64, event: Event) {
        let is_answer = matches!(
            event,
            Event::Answered(..) | Event::Refused(_) | Event::Failed(..)
        );
        if !self.up || (life != self.life && !is_answer) {
            return;
        }
        if life != self.life {
            self.meet("answer of a former life");
        }
        self.tell(event);
    }

    /// Gives the core a fact and carries out what it asks for.
    pub fn tell(&mut self, event: Event) {
        if !self.up {
            return;
        }
        self.events += 1;
        if self.loud {
            println!("{:>10} {event:?}", self.now.0);
        }
        self.open_parcel(&event);
        let greeted = match &event {
            Event::Greeted(node, ..) => Some((*node, self.checker.greeted)),
            _ => None,
        };
        self.checker.fact(self.now, &event);
        let mut commands = self.federation.handle(self.now, event);
        if let Some((node, before)) = greeted
            && let Some(node) = self.federation.cluster().roster().get(node)
            && node.barred.is_some()
        {
            // Whoever was found to lie is not there for anybody, though it greets well.
            self.checker.greeted = before;
        }
        let wake = self.federation.next_wake();
        let crashes = self.crash_after == Some(self.events);
        if crashes {
            // It may crash in the midst of carrying them out.
            let done = self.stream.below(commands.len() as u64 + 1);
            commands.truncate(done as usize);
        }
        self.checker.commands(self.now, &commands, wake);
        if !crashes {
            self.checker.nothing_left(self.now);
        }
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
        self.begin_to_write();
        if crashes {
            let death = self.draw_death();
            self.crash(death);
        }
    }

    /// Keeps a running digest of everything decided, so that replays can be compared.
    fn note(&mut self, command: &Command) {
        for byte in format!("{}{command:?}", self.now.0).bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub fn say(&self, what: &str) {
        if self.loud {
            println!("{:>10} -- {what}", self.now.0);
        }
    }

    /// A core that knows nothing yet. Attempt ids begin where no former life has been.
    pub fn new_federation(&self) -> Federation {
        federation(self.policy, self.lies.share, 1 + (self.life << 32))
    }
}

fn federation((policy, seed): (&str, Seed), audited: f64, first_attempt: u64) -> Federation {
    let config = Config {
        attempt_limit: Duration::from_micros(ATTEMPT_LIMIT),
        straggler_floor: Duration::from_millis(300),
        placement_limit: Duration::from_secs(6),
        ..Config::default()
    };
    let policy = POLICIES.build(policy).expect("a known policy");
    let cluster = Cluster::new(config, policy, seed, first_attempt);
    let federation = Federation::new(cluster, 0.5).recording();
    federation.auditing(audited, seed)
}
