//! How much a test does: a little with every change, all of it at night; and how it tells its figures.
//!
//! `ROUNDTABLE_NIGHTLY=1` asks for all of it. `.ci/nightly` sets it, and makes the table of what [`figure`] says.

#![allow(dead_code)] // each test file uses its own part

/// Whether all of it was asked for.
pub fn is_nightly() -> bool {
    std::env::var_os("ROUNDTABLE_NIGHTLY").is_some()
}

/// The number for every change, or the one for the night.
pub fn pick<T>(always: T, nightly: T) -> T {
    if is_nightly() { nightly } else { always }
}

/// Says what was found, as a row of the table: the fault, what must hold, and what was measured.
pub fn figure(fault: &str, holds: &str, measured: impl std::fmt::Display) {
    println!("figure: {fault} | {holds} | {measured}");
}

/// Says that a test cannot be done here, and why. It counts as skipped, never as passed.
pub fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}
