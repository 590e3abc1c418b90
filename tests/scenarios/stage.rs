//! The stage: a federation, nodes that answer heartbeats by themselves, and a clock that the script moves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use roundtable::cluster::{
    AttemptId, BeatId, Cluster, Config, Failure, FailureKind, Greeting, NodeId, Pulse, Time,
};
use roundtable::fed::strategy::Mean;
use roundtable::fed::{
    Answer, Command, Evaluation, Event, Federation, History, Plan, Prepared, RunId, Shard, Trained,
};
use roundtable::seed::Seed;

use crate::common;
use crate::language::{Words, duration};
use crate::show;

/// How a node on the stage answers.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Up,
    Down,
    Mute,
}

/// A node on the stage.
struct Actor {
    state: State,
    greeting: Greeting,
    load: f64,
    leaving: bool,
    /// Greetings and heartbeats it was asked for and did not answer.
    unanswered: Vec<(NodeId, BeatId, bool)>,
}

/// A run that can be submitted.
struct Script {
    plan: Plan,
    found: Prepared,
    round: u32,
}

pub struct Stage {
    config: Config,
    policy: String,
    quorum: f64,
    audit: f64,
    records: bool,
    show_beats: bool,
    actors: BTreeMap<String, Actor>,
    scripts: BTreeMap<String, Script>,
    federation: Option<Federation>,
    now: Time,
    said: Vec<String>,
}

impl Default for Stage {
    fn default() -> Stage {
        Stage {
            config: Config::default(),
            policy: "round-robin".to_owned(),
            quorum: 1.0,
            audit: 0.0,
            records: false,
            show_beats: false,
            actors: BTreeMap::new(),
            scripts: BTreeMap::new(),
            federation: None,
            now: Time(0),
            said: Vec::new(),
        }
    }
}

impl Stage {
    /// What was said since this was last asked.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// A line without a time.
    pub fn declare(&mut self, verb: &str, words: &Words) -> Result<(), String> {
        match verb {
            "config" => self.configure(words),
            "show" => {
                self.show_beats = words.word(0)? == "beats";
                Ok(())
            }
            "node" => {
                let greeting = Greeting {
                    incarnation: 1,
                    slots: words.get("slots")?.unwrap_or(1),
                    hosted: words
                        .list("hosts")
                        .iter()
                        .map(|&name| name.to_owned())
                        .collect(),
                    speed: None,
                };
                let actor = Actor {
                    state: State::Up,
                    greeting,
                    load: 0.0,
                    leaving: false,
                    unanswered: Vec::new(),
                };
                self.actors.insert(words.word(0)?.to_owned(), actor);
                Ok(())
            }
            "run" => {
                let script = read_run(words)?;
                self.scripts.insert(words.word(0)?.to_owned(), script);
                Ok(())
            }
            _ => Err(format!("unknown word `{verb}`")),
        }
    }

    fn configure(&mut self, words: &Words) -> Result<(), String> {
        let config = &mut self.config;
        for (&key, &value) in &words.pairs {
            let number = || {
                value
                    .parse()
                    .map_err(|_| format!("`{key}={value}` is no number"))
            };
            match key {
                "policy" => self.policy = value.to_owned(),
                "records" => self.records = value == "yes",
                "quorum" => self.quorum = words.get(key)?.unwrap_or_default(),
                "audit" => self.audit = words.get(key)?.unwrap_or_default(),
                "retries" => config.retries = number()?,
                "misses" => config.misses = number()?,
                "reconnects" => config.reconnects = number()?,
                "refusal-rounds" => config.refusal_rounds = number()?,
                "heartbeat" => config.heartbeat = duration(value)?,
                "heartbeat-timeout" => config.heartbeat_timeout = duration(value)?,
                "attempt-limit" => config.attempt_limit = duration(value)?,
                "straggler-floor" => config.straggler_floor = duration(value)?,
                "placement-limit" => config.placement_limit = duration(value)?,
                _ => return Err(format!("unknown number `{key}`")),
            }
        }
        Ok(())
    }

    /// Lets time pass up to a moment. Returns what was said on the way.
    pub fn pass(&mut self, to: Duration) -> Result<Vec<String>, String> {
        let to = Time(0) + to;
        if to < self.now {
            return Err("time does not run backwards".to_owned());
        }
        while let Some(wake) = self.federation().next_wake().filter(|&wake| wake < to) {
            self.now = self.now.max(wake);
            self.handle(Event::Tick);
        }
        self.now = to;
        Ok(self.said())
    }

    fn federation(&mut self) -> &mut Federation {
        self.federation.get_or_insert_with(|| {
            let policy = common::policy(&self.policy);
            let cluster = Cluster::new(self.config.clone(), policy, Seed(1), 0);
            let federation = Federation::new(cluster, self.quorum).auditing(self.audit, Seed(1));
            if self.records {
                federation.recording()
            } else {
                federation
            }
        })
    }

    /// An event of the script.
    pub fn event(&mut self, verb: &str, words: &Words) -> Result<(), String> {
        let event = match verb {
            "wait" => Event::Tick,
            "list" => Event::Listed(words.plain.iter().map(|name| address(name)).collect()),
            "join" => Event::Joined(address(words.word(0)?)),
            "leave" => Event::Left(address(words.word(0)?)),
            "kill" | "mute" | "start" | "restart" | "retire" | "stay" | "load" | "late"
            | "stale" => {
                return self.act(verb, words);
            }
            "halt" => Event::Halted,
            "submit" | "restore" | "recorded" | "cancel" | "resume" | "prepared" | "stepped"
            | "evaluated" => self.of_run(verb, words)?,
            "status" => {
                let id = RunId(words.word(0)?.to_owned());
                let now = self.now;
                let status = self.federation().status(now, &id).ok_or("no such run")?;
                self.said.push(format!("{} is: {}", id, status.activity));
                return Ok(());
            }
            "look" => {
                let roster = self.federation().cluster().roster();
                let found = roster.find(&address(words.word(0)?));
                let node = found.and_then(|id| roster.get(id)).ok_or("no such node")?;
                let why = node.barred.as_ref();
                let why = why.map_or(String::new(), |why| format!(", {why}"));
                let line = format!("{} is {:?}{why}", node.address, node.health);
                self.said.push(line);
                return Ok(());
            }
            _ => of_attempt(verb, words)?,
        };
        self.handle(event);
        Ok(())
    }

    /// Something happens to a node.
    fn act(&mut self, verb: &str, words: &Words) -> Result<(), String> {
        let name = words.word(0)?;
        let actor = self.actors.get_mut(name).ok_or("no such node")?;
        match verb {
            "kill" => actor.state = State::Down,
            "mute" => actor.state = State::Mute,
            "start" => actor.state = State::Up,
            "restart" => {
                actor.state = State::Up;
                actor.leaving = false;
                actor.greeting.incarnation += 1;
                actor.greeting.slots = words.get("slots")?.unwrap_or(actor.greeting.slots);
            }
            "retire" => actor.leaving = true,
            "stay" => actor.leaving = false,
            "load" => actor.load = words.word(1)?.parse().map_err(|_| "no load")?,
            _ => {
                let from_the_end = if verb == "late" { 1 } else { 2 };
                let at = actor
                    .unanswered
                    .len()
                    .checked_sub(from_the_end)
                    .ok_or("none is open")?;
                let (node, beat, greet) = actor.unanswered[at];
                if verb == "late" {
                    actor.state = State::Up;
                }
                let was = std::mem::replace(&mut actor.state, State::Up);
                let event = actor.answer(node, beat, greet);
                actor.state = was;
                self.handle(event);
            }
        }
        Ok(())
    }

    fn of_run(&mut self, verb: &str, words: &Words) -> Result<Event, String> {
        let name = words.word(0)?;
        let script = self.scripts.get_mut(name).ok_or("no such run")?;
        let id = RunId(name.to_owned());
        let broken = words.plain.get(1) == Some(&"broken");
        let why = || "the disk is full".to_owned();
        Ok(match verb {
            "submit" => Event::Submitted(id, script.plan.clone()),
            "restore" => {
                let rounds = words.word(1)?.parse().map_err(|_| "no number of rounds")?;
                let history = History {
                    rounds,
                    entries: 1 + u64::from(rounds),
                    ..History::default()
                };
                Event::Restored(id, script.plan.clone(), Box::new(history))
            }
            "recorded" => {
                let upto = words
                    .word(1)?
                    .parse()
                    .map_err(|_| "no number of an entry")?;
                let fails = words.plain.get(2) == Some(&"broken");
                Event::Recorded(id, upto, if fails { Err(why()) } else { Ok(()) })
            }
            "cancel" => Event::Cancelled(id),
            "resume" => Event::Resumed(id),
            "prepared" if broken => Event::Prepared(id, Err(why())),
            "prepared" => {
                let mut found = script.found.clone();
                found.parameters |= words.plain.get(1) == Some(&"adopted");
                Event::Prepared(id, Ok(found))
            }
            "stepped" if broken => Event::Stepped(id, script.round, Err(why())),
            "stepped" => Event::Stepped(id, script.round, Ok([7; 32].into())),
            _ => Event::Evaluated(id, script.round, Ok(common::metrics(100, 0.5))),
        })
    }

    /// Gives the core a fact, and the answers of the nodes to what it asks at once.
    fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now;
            // A node that the core parts from is off the roster afterwards; its name is wanted still.
            let before = self.federation().cluster().roster().clone();
            let commands = self.federation().handle(now, event);
            for command in commands {
                events.extend(self.obey(&before, &command));
            }
            let wake = self.federation().next_wake();
            assert!(
                wake.is_none_or(|wake| wake > now),
                "to be woken in the past: {wake:?}"
            );
        }
    }

    fn obey(&mut self, before: &roundtable::cluster::Roster, command: &Command) -> Option<Event> {
        let roster = self.federation().cluster().roster().clone();
        let name = |node: NodeId| {
            let roster = if roster.get(node).is_some() {
                &roster
            } else {
                before
            };
            show::name(roster, node)
        };
        let ms = self.now.0 as f64 / 1000.0;
        if let Some(line) = show::command(command, name) {
            self.said.push(format!("{ms}ms {line}"));
        }
        if let Command::Step { run, round, .. } = command
            && let Some(script) = self.scripts.get_mut(&run.0)
        {
            script.round = *round;
        }
        let (node, beat, greet) = match *command {
            Command::Greet(node, beat) => (node, beat, true),
            Command::Beat(node, beat) => (node, beat, false),
            _ => return None,
        };
        if self.show_beats {
            let what = if greet { "greet" } else { "beat" };
            self.said.push(format!("{ms}ms {what} {}", name(node)));
        }
        let actor = self.actors.get_mut(&name(node))?;
        if actor.state == State::Mute {
            actor.unanswered.push((node, beat, greet));
            return None;
        }
        Some(actor.answer(node, beat, greet))
    }
}

impl Actor {
    /// Its answer to a greeting or heartbeat.
    fn answer(&self, node: NodeId, beat: BeatId, greet: bool) -> Event {
        let refused = || Failure::new(FailureKind::Unreachable, "connection refused");
        let down = self.state == State::Down;
        if greet {
            let answer = if down {
                Err(refused())
            } else {
                Ok(self.greeting.clone())
            };
            return Event::Greeted(node, beat, answer);
        }
        let pulse = Pulse {
            incarnation: self.greeting.incarnation,
            load: self.load,
            leaving: self.leaving,
        };
        Event::Pulsed(node, beat, if down { Err(refused()) } else { Ok(pulse) })
    }
}

/// `run r rounds=2 shards=10,20 private cohort=1 quorum=0.5 eval=nodes parameters=nodes mean=uniform`
fn read_run(words: &Words) -> Result<Script, String> {
    let uniform = words.pairs.get("mean") == Some(&"uniform");
    let mean = if uniform {
        Mean::Uniform
    } else {
        Mean::Weighted
    };
    let mut plan = common::plan(1, words.get("rounds")?.unwrap_or(1), mean);
    plan.cohort = words.get("cohort")?;
    plan.quorum = words.get("quorum")?;
    let mut shards = Vec::new();
    for (at, rows) in words.list("shards").iter().enumerate() {
        shards.push(Shard {
            name: format!("s{at}"),
            rows: rows
                .parse()
                .map_err(|_| format!("`{rows}` is no number of rows"))?,
            private: words.plain.contains(&"private"),
        });
    }
    let by_nodes = words.pairs.get("eval") == Some(&"nodes");
    let found = Prepared {
        shards,
        model: "as planned".to_owned(),
        evaluation: if by_nodes {
            Evaluation::Nodes
        } else {
            Evaluation::Central
        },
        parameters: words.pairs.get("parameters") != Some(&"nodes"),
    };
    Ok(Script {
        plan,
        found,
        round: 1,
    })
}

/// An answer to an attempt.
fn of_attempt(verb: &str, words: &Words) -> Result<Event, String> {
    let number = words
        .word(0)?
        .strip_prefix('#')
        .and_then(|n| n.parse().ok());
    let attempt = AttemptId(number.ok_or("an attempt is written #0")?);
    let rows = || {
        words
            .word(1)?
            .parse()
            .map_err(|_| "no number of rows".to_owned())
    };
    let loss = words.get("loss")?.unwrap_or(0.5);
    let failed = |kind, reason: &str| Event::Failed(attempt, Failure::new(kind, reason));
    Ok(match verb {
        "update" => {
            let trained = words.word(1)?.split(',').map(|rows| match rows.parse() {
                Ok(rows) => Ok(Trained { rows, loss }),
                Err(_) => Err("no number of rows".to_owned()),
            });
            let fingerprint = [words.get("bits")?.unwrap_or(1); 32];
            let update = Answer::Update(trained.collect::<Result<_, _>>()?, Some(fingerprint));
            Event::Answered(attempt, update)
        }
        "metrics" => Event::Answered(attempt, Answer::Metrics(common::metrics(rows()?, loss))),
        "parameters" => Event::Answered(attempt, Answer::Parameters),
        "refuse" => Event::Refused(attempt),
        "fail" => failed(FailureKind::Reported, "out of memory"),
        "cut" => failed(FailureKind::Unreachable, "connection reset"),
        "invalid" => failed(FailureKind::Invalid, "value 3 is not finite"),
        _ => return Err(format!("unknown event `{verb}`")),
    })
}

/// Where the node of this name listens.
fn address(name: &str) -> String {
    format!("{name}:1")
}
