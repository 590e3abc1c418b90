//! Locks, bells, channels and threads: the machine's own, or those of a scheduler that tries out their orders.
//!
//! The few places where threads meet take them from here. In a unit test built with the feature
//! `shuttle` they are those of the crate of that name: one thread runs at a time, every step at which
//! another could go first is a choice, and `explore` tries out many choices. There a wait with a time
//! limit never runs out, so a wake-up that gets lost is seen: everybody waits.

#[cfg(all(test, feature = "shuttle"))]
mod explore;

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use self::explore::explore;

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic, mpsc},
    thread,
};
#[cfg(not(all(test, feature = "shuttle")))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic, mpsc};

use std::sync::PoisonError;

/// Locks, whoever panicked while holding it: what is kept behind locks here is whole at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
