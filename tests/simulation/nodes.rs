//! Simulated nodes: alive or not, frozen, cut off, slow; and the messages between them and the coordinator.

use std::time::Duration;

use roundtable::cluster::{AttemptId, BeatId, Failure, FailureKind, Greeting, NodeId, Pulse};
use roundtable::fed::{Answer, Event, RunId, Trained, Work};
use roundtable::ml::metrics::Metrics;
use roundtable::seed::Stream;

use crate::faults::{HEAL_MICROS, Trouble, Weather};
use crate::wishes::{name_of, rows_of};
use crate::world::{ATTEMPT_LIMIT, Happening, World};

/// One node of the simulated world.
#[derive(Clone, Debug)]
pub struct SimNode {
    pub address: String,
    pub slots: u32,
    pub alive: bool,
    pub frozen: bool,
    /// Messages to it are lost.
    pub deaf: bool,
    /// Messages from it are lost.
    pub mute: bool,
    pub leaving: bool,
    pub listed: bool,
    pub incarnation: i64,
    /// Microseconds a task takes.
    pub pace: u64,
    /// Answers come when hardly anybody waits for them any more.
    pub drips: bool,
    pub hosted: Vec<String>,
}

impl SimNode {
    pub fn greeting(&self) -> Greeting {
        Greeting {
            incarnation: self.incarnation,
            slots: self.slots,
            hosted: self.hosted.iter().cloned().collect(),
            speed: Some(1e6 / self.pace as f64),
        }
    }

    pub fn hears(&self) -> bool {
        self.alive && !self.frozen && !self.deaf
    }

    pub fn restart(&mut self) {
        self.alive = true;
        self.frozen = false;
        self.leaving = false;
        self.incarnation += 1;
    }

    /// All is well with it, from now on.
    pub fn heal(&mut self) {
        // A node that took its leave has ended; it comes back as a new one.
        if !self.alive || self.leaving {
            self.restart();
        }
        self.frozen = false;
        self.deaf = false;
        self.mute = false;
        self.drips = false;
        self.listed = true;
        self.pace = self.pace.min(100_000);
    }
}

/// What the coordinator asks of a node, and in which of its lives.
#[derive(Clone, Debug)]
pub struct Request {
    pub life: u64,
    pub what: Question,
}

#[derive(Clone, Debug)]
pub enum Question {
    Greet(NodeId, BeatId),
    Beat(NodeId, BeatId),
    Task(AttemptId, Work, RunId, bool),
}

impl World {
    pub fn send(&mut self, node: NodeId, what: Question) {
        let life = self.life;
        let request = Request { life, what };
        let Some(&at) = self.addresses.get(&node) else {
            return;
        };
        let delay = self.delay();
        let lost = self.stream.chance(self.weather.loss);
        if !self.nodes[at].alive {
            let failure = Failure::new(FailureKind::Unreachable, "refused");
            return self.report(delay, failed(&request, failure));
        }
        if lost {
            self.meet("message lost");
        }
        if !lost && !self.nodes[at].deaf {
            self.schedule(delay, Happening::Asked(at, request));
        }
    }

    fn answer(&mut self, at: usize, life: u64, event: Event) {
        if self.nodes[at].mute || self.stream.chance(self.weather.loss) {
            return self.meet("message lost");
        }
        let again = self.stream.chance(self.weather.repeat);
        for _ in 0..=u8::from(again) {
            let delay = self.delay();
            let fact = Happening::Fact(life, Box::new(event.clone()));
            self.schedule(delay, fact);
        }
        if again {
            self.meet("message repeated");
        }
    }

    pub fn asked(&mut self, at: usize, request: Request) {
        let node = self.nodes[at].clone();
        if !node.alive {
            let delay = self.delay();
            let failure = Failure::new(FailureKind::Unreachable, "reset");
            let fact = Box::new(failed(&request, failure));
            return self.schedule(delay, Happening::Fact(request.life, fact));
        }
        if node.frozen {
            // It waits in the node's buffers.
            return self.schedule(500_000, Happening::Asked(at, request));
        }
        let life = request.life;
        match request.what {
            Question::Greet(id, beat) => {
                self.answer(at, life, Event::Greeted(id, beat, Ok(node.greeting())));
            }
            Question::Beat(id, beat) => {
                let pulse = Pulse {
                    incarnation: node.incarnation,
                    load: 0.5,
                    leaving: node.leaving,
                };
                self.answer(at, life, Event::Pulsed(id, beat, Ok(pulse)));
            }
            Question::Task(attempt, work, run, may_refuse) => {
                if may_refuse && self.stream.chance(self.weather.refusal) {
                    return self.answer(at, life, Event::Refused(attempt));
                }
                let pace = if node.drips {
                    self.meet("dripping node");
                    ATTEMPT_LIMIT - 1 - self.stream.below(600_000)
                } else {
                    node.pace / 2 + self.stream.below(node.pace)
                };
                let done = Happening::Done(at, node.incarnation, life, attempt, work, run);
                self.schedule(pace, done);
            }
        }
    }

    pub fn done(
        &mut self,
        at: usize,
        incarnation: i64,
        life: u64,
        attempt: AttemptId,
        work: Work,
        run: &RunId,
    ) {
        let node = self.nodes[at].clone();
        if !node.alive || node.incarnation != incarnation {
            let failure = Failure::new(FailureKind::Unreachable, "reset");
            let delay = self.delay();
            let fact = Box::new(Event::Failed(attempt, failure));
            return self.schedule(delay, Happening::Fact(life, fact));
        }
        if node.frozen {
            let again = Happening::Done(at, incarnation, life, attempt, work, run.clone());
            return self.schedule(500_000, again);
        }
        if self.stream.chance(self.weather.failure) {
            let failure = Failure::new(FailureKind::Reported, "out of memory");
            return self.answer(at, life, Event::Failed(attempt, failure));
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
                        return self.answer(at, life, Event::Failed(attempt, failure));
                    }
                    (false, _) => {}
                }
                Answer::Update(trained, None)
            }
            Work::Evaluate { .. } => {
                self.meet("evaluated by nodes");
                Answer::Metrics(Metrics {
                    rows: 5,
                    correct: Some(3),
                    loss: 0.5,
                    detail: None,
                })
            }
            Work::Initialise => Answer::Parameters,
        };
        let who = (at, node.address.as_str());
        let answer = self.lies.sign(who, attempt, answer, &mut self.stream);
        self.answer(at, life, Event::Answered(attempt, answer));
    }

    pub fn trouble(&mut self) {
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
            Trouble::CutOff => {
                (node.deaf, node.mute) = (true, true);
                self.meet("cut off both ways");
            }
            Trouble::Mend => (node.deaf, node.mute, node.drips) = (false, false, false),
            Trouble::Bounce => {
                // So fast that nobody saw it away.
                node.restart();
                self.meet("another incarnation at once");
            }
            Trouble::Drip => node.drips = true,
            Trouble::Fill => self.fill(),
            Trouble::Stall => {
                // The coordinator stands still: all that happens meanwhile is heard late.
                let long = 500_000 + self.stream.below(15_000_000);
                self.now = self.now + Duration::from_micros(long);
                self.meet("clock jumped");
            }
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
}

pub fn node(at: usize, weather: &Weather, stream: &mut Stream) -> SimNode {
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
        drips: false,
        pace: (5_000 + stream.below(100_000)) * slow,
        hosted: (0..8)
            .filter(|shard| *shard % 2 == at as u32 % 2)
            .map(name_of)
            .collect(),
    }
}

/// What the shell reports when a request did not get through.
fn failed(request: &Request, failure: Failure) -> Event {
    match &request.what {
        Question::Greet(node, beat) => Event::Greeted(*node, *beat, Err(failure)),
        Question::Beat(node, beat) => Event::Pulsed(*node, *beat, Err(failure)),
        Question::Task(attempt, ..) => Event::Failed(*attempt, failure),
    }
}
