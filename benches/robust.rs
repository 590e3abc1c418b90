//! Coordinate-wise median and trimmed mean of updates, by one thread and by two.
//!
//! `cargo bench --bench robust -- [UPDATES [VALUES]]`; 100 updates of a million 32-bit parameters unless
//! said otherwise. Medians of 5 repetitions. For comparison: `numpy.median(updates, axis=0)`.

use roundtable::clock;
use roundtable::fed::aggregate::{median, trimmed_mean};

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
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
    for threads in [1, 2] {
        let (mut medians, mut means) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let start = clock::now();
            median(&views, &mut out, threads);
            medians.push(start.elapsed());
            let start = clock::now();
            trimmed_mean(&views, 0.1, &mut out, threads);
            means.push(start.elapsed());
        }
        medians.sort();
        means.sort();
        println!(
            "{count} updates of {values} values, {threads} thread(s): median {:.1?}, trimmed mean {:.1?}",
            medians[2], means[2]
        );
    }
}
