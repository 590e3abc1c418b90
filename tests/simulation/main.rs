//! Whole runs in a simulated world, from one seed each: every fault at once, an independent checker
//! beside, and a count of the situations that came up.
//!
//! `SIM_SEEDS=10000 cargo test --release --test simulation` runs more of them;
//! `SIM_SEED=17 cargo test --test simulation -- --nocapture` replays one and shows what happened;
//! with `SIM_CRASH=40` the coordinator also crashes after event 40 of it.

mod arithmetic;
mod checker;
mod disk;
#[path = "../effort/mod.rs"]
mod effort;
mod faults;
mod lies;
mod lives;
mod materials;
mod nodes;
mod telling;
mod wishes;
mod world;

use std::collections::BTreeMap;
use std::env;

use world::{Outcome, World};

/// Situations that have to come up at least once, or the simulation is too mild to prove anything.
const SITUATIONS: &[&str] = &[
    "another incarnation at once",
    "answer of a former life",
    "attempt failed",
    "attempt limit",
    "audited",
    "below quorum",
    "cancelled",
    "clock jumped",
    "coordinator killed",
    "cut off both ways",
    "delisted",
    "disk error",
    "dripping node",
    "duplicate answer",
    "evaluated by nodes",
    "failed run",
    "full disk",
    "greeted",
    "halted",
    "hole in a torn journal",
    "insisted",
    "invalid update",
    "joined",
    "late answer",
    "left",
    "liar barred",
    "lie told",
    "many shards in one task",
    "message lost",
    "message repeated",
    "node down",
    "node restarted",
    "node returned",
    "older parameters",
    "partial round",
    "power cut",
    "private shard",
    "recorded again",
    "refused",
    "refused by the disk",
    "resumed",
    "resumed after a restart",
    "round begun anew",
    "second attempt",
    "second attempt won",
    "step undone",
    "stopped run",
    "succeeded run",
    "taken up after a crash",
    "torn journal",
    "unaudited",
    "undisturbed equal",
    "undisturbed equal after a restart",
    "uniform mean",
];

/// What was done together.
#[derive(Default)]
struct Tally {
    worlds: u64,
    events: u64,
    seconds: u64,
    met: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Runs a world, and tells how to see it again if a rule was broken in it.
    fn run(&mut self, seed: u64, crash: Option<u64>) {
        let outcome = simulate(seed, crash, false);
        let also = crash.map_or(String::new(), |event| format!("SIM_CRASH={event} "));
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:#?}\nreplay: SIM_SEED={seed} {also}cargo test --test simulation -- --nocapture",
            outcome.violations
        );
        for (situation, times) in outcome.met {
            *self.met.entry(situation).or_default() += times;
        }
        self.worlds += 1;
        self.events += outcome.events;
        self.seconds += outcome.micros / 1_000_000;
    }

    fn times(&self, situation: &str) -> u64 {
        self.met.get(situation).copied().unwrap_or(0)
    }

    fn crashes(&self) -> u64 {
        self.times("coordinator killed") + self.times("power cut")
    }
}

fn simulate(seed: u64, crash: Option<u64>, loud: bool) -> Outcome {
    let world = World::new(seed, loud);
    match crash {
        Some(event) => world.crashing_after(event).run(),
        None => world.run(),
    }
}

/// A number that somebody asks for, by the name of the variable.
fn asked(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|number| number.parse().ok())
}

#[test]
fn no_seed_breaks_a_rule_and_every_situation_comes_up() {
    if let Some(seed) = asked("SIM_SEED") {
        let outcome = simulate(seed, asked("SIM_CRASH"), true);
        println!("seed {seed}: {outcome:#?}");
        assert_eq!(outcome.violations, Vec::<String>::new());
        return;
    }
    let seeds = asked("SIM_SEEDS").unwrap_or(effort::pick(2_000, 50_000));
    let mut tally = Tally::default();
    for seed in 0..seeds {
        tally.run(seed, None);
    }
    let (events, seconds, met) = (tally.events, tally.seconds, &tally.met);
    println!("{seeds} seeds, {events} events, {seconds} simulated seconds: {met:#?}");
    effort::figure(
        "everything at once, simulated",
        "no rule is broken, every run ends",
        format!(
            "{seeds} seeds, {events} events, {seconds} simulated seconds; {} crashes of the coordinator, {} torn journals, {} messages lost, {} repeated",
            tally.crashes(),
            tally.times("torn journal"),
            tally.times("message lost"),
            tally.times("message repeated"),
        ),
    );
    let never: Vec<&&str> = SITUATIONS
        .iter()
        .filter(|s| !met.contains_key(**s))
        .collect();
    assert!(never.is_empty(), "never came up: {never:?}");
}

#[test]
fn the_coordinator_may_crash_after_any_event() {
    if asked("SIM_SEED").is_some() {
        return;
    }
    let mut tally = Tally::default();
    for seed in 0..effort::pick(2, 40) {
        for event in 1..=effort::pick(300, 1_000) {
            tally.run(seed, Some(event));
        }
    }
    effort::figure(
        "the coordinator crashes after event 1, 2, 3, ..., simulated",
        "nothing that was told is lost, every run ends",
        format!("{} lives ended in {} worlds", tally.crashes(), tally.worlds),
    );
}

#[test]
fn a_seed_replays_to_the_same_end() {
    let seeds = effort::pick(100, 500);
    for seed in 0..seeds {
        let (first, second) = (simulate(seed, None, false), simulate(seed, None, false));
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
    effort::figure(
        "the same seed again, simulated",
        "the same decisions at the same instants",
        format!("{seeds} of {seeds}"),
    );
}
