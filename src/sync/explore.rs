//! Runs a piece of code under many schedules of its threads.

use std::env::var_os;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::panicking;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Schedules by PCT switch threads at this many chosen moments, at most.
const SWITCHES: usize = 3;

/// Runs `body` under many schedules; a panic, or everybody waiting for one another, fails and tells the
/// schedule, with which `shuttle::replay` repeats it.
pub(crate) fn explore(part: &str, holds: &str, body: impl Fn() + Copy + Send + Sync + 'static) {
    let (random, chosen) = match var_os("ROUNDTABLE_NIGHTLY") {
        Some(_) => (10_000, 5_000),
        None => (1_000, 500),
    };
    run(RandomScheduler::new(random), body);
    run(PctScheduler::new(SWITCHES, chosen), body);
    println!(
        "figure: orders of threads: {part} | {holds} | {random} schedules by chance and {chosen} by PCT, all well"
    );
}

fn run(scheduler: impl Scheduler + 'static, body: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    let tried = Tried::default();
    let count = tried.0.clone();
    let counted = move || {
        count.fetch_add(1, Ordering::Relaxed);
        body();
    };
    Runner::new(scheduler, config).run(counted);
}

/// Schedules begun; tells how many when one fails.
#[derive(Default)]
struct Tried(Arc<AtomicUsize>);

impl Drop for Tried {
    fn drop(&mut self) {
        if panicking() {
            println!(
                "failed in schedule number {}",
                self.0.load(Ordering::Relaxed)
            );
        }
    }
}
