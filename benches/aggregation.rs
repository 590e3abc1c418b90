//! The weighted mean of updates, from their bytes, against what the memory allows.
//!
//! `cargo bench --bench aggregation -- [--updates N] [--values N] [--repeat N] [--json]`; 10 updates of 25
//! million 32-bit parameters unless said otherwise. Two orders of work:
//!
//! - `streaming`: update by update, as they arrive. Its limit counts every update's bytes read once, and
//!   for every update every 8-byte accumulator read and written once.
//! - `together`: all updates are there and folded block by block. Its limit counts every update's bytes
//!   read once, and every accumulator read and written once in all.
//!
//! The limits are measured in the same run on the same memory by as many threads: reading by summing
//! the words of the updates, reading and writing by flipping the bits of the accumulators. Setting the sum
//! to zero before and writing the mean as 32-bit values after it are timed too, and in no limit.
//! Medians of the repetitions, which take turns.

use std::thread;
use std::time::Duration;

use roundtable::clock;
use roundtable::fed::aggregate::{Addend, ExactSum, Scale};
use roundtable::ml::layout::DType;
use serde_json::json;

struct Options {
    updates: usize,
    values: usize,
    repeat: usize,
    json: bool,
}

/// Seconds of each piece of the work, one a repetition.
#[derive(Default)]
struct Times {
    read: Vec<f64>,
    flip: Vec<f64>,
    streaming: Vec<f64>,
    together: Vec<f64>,
    mean: Vec<f64>,
}

fn main() {
    let options = options();
    let updates: Vec<Vec<u8>> = (0..options.updates)
        .map(|index| update(index, options.values))
        .collect();
    let weights: Vec<u64> = (0..options.updates as u64).map(|i| 100 + i).collect();
    let scale = Scale::new(DType::F32, 1024.0, weights.iter().sum());
    let mut mean = vec![0f32; options.values];
    let mut digests = Vec::new();
    for threads in [1, 2] {
        let mut times = Times::default();
        for _ in 0..options.repeat {
            let mut cells = vec![0u64; options.values];
            flip(&mut cells, threads);
            times.read.push(timed(|| read(&updates, threads)));
            times.flip.push(timed(|| flip(&mut cells, threads)));
            drop(cells);
            let addends: Vec<Addend> = updates
                .iter()
                .zip(&weights)
                .map(|(update, &weight)| Addend::update(update, weight))
                .collect();
            // Folding nothing but zeros first makes the pages of the sum exist.
            let mut sum = warm(scale, options.values);
            times.streaming.push(timed(|| {
                for addend in &addends {
                    sum.fold_all(&[*addend], threads).expect("a good update");
                }
            }));
            let mut other = warm(scale, options.values);
            times.together.push(timed(|| {
                other.fold_all(&addends, threads).expect("good updates");
            }));
            assert!(sum == other, "both orders give the same bits");
            times
                .mean
                .push(timed(|| sum.mean_f32_into(&mut mean, threads)));
        }
        digests.push(mean.iter().fold(0u64, |digest, value| {
            digest.rotate_left(5) ^ u64::from(value.to_bits())
        }));
        report(&options, threads, &mut times);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

fn report(options: &Options, threads: usize, times: &mut Times) {
    let update_bytes = (options.updates * options.values * 4) as f64;
    let cell_bytes = (options.values * 16) as f64;
    let (read, flip) = (median(&mut times.read), median(&mut times.flip));
    let mean = median(&mut times.mean);
    for (order, time, passes) in [
        ("streaming", median(&mut times.streaming), options.updates),
        ("together", median(&mut times.together), 1),
    ] {
        let limit = read + flip * passes as f64;
        let traffic = update_bytes + cell_bytes * passes as f64;
        let (folded, allowed) = (traffic / time / 1e9, traffic / limit / 1e9);
        if options.json {
            let line = json!({
                "bench": "aggregation", "order": order, "threads": threads,
                "updates": options.updates, "values": options.values, "repeat": options.repeat,
                "fold_seconds": time, "limit_seconds": limit, "share_of_limit": limit / time,
                "fold_gb_per_s": folded, "limit_gb_per_s": allowed,
                "update_gb_per_s": update_bytes / time / 1e9,
                "limit_counts": "update bytes read once; 8-byte accumulators read and written",
                "accumulator_passes": passes,
                "read_gb_per_s": update_bytes / read / 1e9,
                "accumulator_gb_per_s": cell_bytes / flip / 1e9,
                "mean_seconds": mean,
            });
            println!("{line}");
        } else {
            println!(
                "{order:9} {threads} thread(s): {:6.1} ms, {:5.2} GB/s of updates; traffic {folded:5.2} GB/s \
                 of {allowed:5.2} the memory allows ({:3.0} %: updates read once, accumulators read and \
                 written {passes}x); mean {:5.1} ms",
                time * 1e3,
                update_bytes / time / 1e9,
                limit / time * 100.0,
                mean * 1e3,
            );
        }
    }
}

/// Sums the words of all updates.
fn read(updates: &[Vec<u8>], threads: usize) {
    let part = updates[0]
        .len()
        .div_ceil(threads)
        .next_multiple_of(8)
        .max(8);
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for update in updates {
                    let (words, _) = update
                        .chunks(part)
                        .nth(thread)
                        .unwrap_or(&[])
                        .as_chunks::<8>();
                    let words = words.iter().map(|&word| u64::from_le_bytes(word));
                    std::hint::black_box(words.fold(0, u64::wrapping_add));
                }
            });
        }
    });
}

/// Reads and writes every accumulator.
fn flip(cells: &mut [u64], threads: usize) {
    let part = cells.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        for cells in cells.chunks_mut(part) {
            scope.spawn(move || cells.iter_mut().for_each(|cell| *cell = !*cell));
        }
    });
}

fn warm(scale: Scale, values: usize) -> ExactSum {
    let mut sum = ExactSum::new(scale, values);
    sum.fold_all(&[Addend::update(&vec![0; values * 4], 0)], 1)
        .expect("zeros");
    sum
}

/// Small values of both signs; a multiplicative generator is random enough here.
fn update(index: usize, values: usize) -> Vec<u8> {
    let mut state = index as u32 * 2 + 1;
    let mut bytes = Vec::with_capacity(values * 4);
    for _ in 0..values {
        state = state.wrapping_mul(0x915f_77f5);
        let value = (state as i32) as f32 * 1e-11;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = clock::now();
    work();
    start.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn options() -> Options {
    let mut options = Options {
        updates: 10,
        values: 25_000_000,
        repeat: 5,
        json: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            let number = text.parse().ok().filter(|&number| number > 0);
            number.unwrap_or_else(|| panic!("{argument} takes a positive number, not `{text}`"))
        };
        match argument.as_str() {
            "--updates" => options.updates = number(),
            "--values" => options.values = number(),
            "--repeat" => options.repeat = number(),
            "--json" => options.json = true,
            "--bench" => {} // cargo says so
            other => panic!("unknown option `{other}`"),
        }
    }
    options
}
