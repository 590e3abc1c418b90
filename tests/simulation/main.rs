//! Whole runs in a simulated world, from one seed each: every fault at once, an independent checker
//! beside, and a count of the situations that came up.
//!
//! `SIM_SEEDS=10000 cargo test --release --test simulation` runs more of them;
//! `SIM_SEED=17 cargo test --test simulation -- --nocapture` replays one and shows what happened.

mod arithmetic;
mod checker;
mod faults;
mod lies;
mod nodes;
mod world;

use std::collections::BTreeMap;
use std::env;

use world::{Outcome, World};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 4_000;

/// Situations that have to come up at least once, or the simulation is too mild to prove anything.
const SITUATIONS: &[&str] = &[
    "attempt failed",
    "attempt limit",
    "audited",
    "below quorum",
    "cancelled",
    "delisted",
    "duplicate answer",
    "evaluated by nodes",
    "failed run",
    "greeted",
    "insisted",
    "invalid update",
    "joined",
    "late answer",
    "left",
    "liar barred",
    "lie told",
    "many shards in one task",
    "node down",
    "node restarted",
    "node returned",
    "partial round",
    "private shard",
    "refused",
    "resumed",
    "round begun anew",
    "second attempt",
    "second attempt won",
    "step undone",
    "stopped run",
    "succeeded run",
    "unaudited",
    "undisturbed equal",
    "uniform mean",
];

fn simulate(seed: u64, trace: bool) -> Outcome {
    World::new(seed, trace).run()
}

#[test]
fn no_seed_breaks_a_rule_and_every_situation_comes_up() {
    if let Some(seed) = env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let outcome = simulate(seed, true);
        println!("seed {seed}: {outcome:#?}");
        assert_eq!(outcome.violations, Vec::<String>::new());
        return;
    }
    let asked = env::var("SIM_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    let seeds = asked.unwrap_or(SEEDS);
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut events, mut simulated) = (0, 0);
    for seed in 0..seeds {
        let outcome = simulate(seed, false);
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:#?}\nreplay: SIM_SEED={seed} cargo test --test simulation -- --nocapture",
            outcome.violations
        );
        for (situation, times) in outcome.met {
            *met.entry(situation).or_default() += times;
        }
        events += outcome.events;
        simulated += outcome.micros / 1_000_000;
    }
    println!("{seeds} seeds, {events} events, {simulated} simulated seconds: {met:#?}");
    let never: Vec<&&str> = SITUATIONS
        .iter()
        .filter(|s| !met.contains_key(**s))
        .collect();
    assert!(never.is_empty(), "never came up: {never:?}");
}

#[test]
fn a_seed_replays_to_the_same_end() {
    for seed in 0..100 {
        let (first, second) = (simulate(seed, false), simulate(seed, false));
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}
