//! Robust rules on many updates, by one thread and by two.
//!
//! `cargo bench --bench robust -- [UPDATES [VALUES]]`; every rule on 100 updates of a million
//! 32-bit parameters unless said otherwise. Medians of 3 repetitions, and of 5 of the first two. The first lines
//! are the rules by themselves, `whole` ones those of the table, with the search for values that are
//! not finite and with the scores. For comparison: `benches/peers/median_numpy.py` and `robust_numpy.py`.

use std::time::Duration;

use roundtable::clock;
use roundtable::fed::aggregate::{
    Chosen, Faults, Krum, RULES, Radius, centred_clipping, clip_to_median, geometric_median, mean,
    median, mix_nearest, trimmed_mean,
};

/// A name and the rule: updates, where the result goes, threads.
type Work = (&'static str, usize, fn(&[&[f32]], &mut [f32], usize));

const RULES_ALONE: [Work; 7] = [
    ("median", 5, |updates, out, threads| {
        median(updates, out, threads);
    }),
    ("trimmed mean", 5, |updates, out, threads| {
        trimmed_mean(updates, 0.1, out, threads);
    }),
    (
        "mean clipped to the median norm",
        3,
        |updates, out, threads| {
            mean(&clip_to_median(updates, threads), out, threads);
        },
    ),
    ("geometric median, 3 steps", 3, |updates, out, threads| {
        geometric_median(updates, 1e-6, 3, out, threads);
    }),
    ("centred clipping, 1 step", 3, |updates, out, threads| {
        centred_clipping(updates, None, Radius::Median, 1, out, threads);
    }),
    ("krum, f = 20", 3, |updates, out, threads| {
        let krum = Krum {
            faults: Faults::Share(0.2),
            chosen: Chosen::One,
            neighbours: None,
        };
        let faults = krum.faults.among(updates.len());
        krum.choose(updates, faults, out, threads);
    }),
    ("neighbours mixed, f = 20", 3, |updates, _, threads| {
        mix_nearest(updates, updates.len() / 5, threads);
    }),
];

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = given.iter().filter_map(|a| a.parse().ok()).collect();
    let count = numbers.first().copied().unwrap_or(100);
    let values = numbers.get(1).copied().unwrap_or(1_000_000);
    let mut state = 1u32;
    let updates: Vec<Vec<f32>> = (0..count)
        .map(|_| {
            let mut value = || {
                state = state.wrapping_mul(0x915f_77f5).wrapping_add(0x9e37_79b9);
                (state ^ (state >> 15)) as i32 as f32 * 1e-11
            };
            (0..values).map(|_| value()).collect()
        })
        .collect();
    let views: Vec<&[f32]> = updates.iter().map(Vec::as_slice).collect();
    let mut out = vec![0.0; values];
    println!("{count} updates of {values} values");
    for (name, times, rule) in RULES_ALONE {
        report(name, times, |threads| rule(&views, &mut out, threads));
    }
    for row in RULES.rows {
        let rule = RULES.build(row.name).expect("a rule");
        report(&format!("whole {rule}"), 3, |threads| {
            let verdict = rule.aggregate(&views, None, &mut out, threads);
            verdict.expect("a round that fits");
        });
    }
}

/// Prints the medians of so many repetitions.
fn report(name: &str, times: usize, mut work: impl FnMut(usize)) {
    let [one, two] = [1, 2].map(|threads| {
        let mut taken: Vec<Duration> = (0..times)
            .map(|_| {
                let start = clock::now();
                work(threads);
                start.elapsed()
            })
            .collect();
        taken.sort();
        taken[times / 2]
    });
    println!("{name}: {one:.1?} with 1 thread, {two:.1?} with 2");
}
