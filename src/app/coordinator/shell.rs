//! The loop around the core, run by whoever brings a fact.
//!
//! Facts are worked off in [`Turns`]: one thread at a time decides and carries out, in order, and the way
//! from the last answer of a round to the first task of the next costs no hand-over to another thread.
//! What no fact brings about, time does: a thread of its own ticks when something is due.

use std::sync::Arc;
use std::thread;

use super::driver::Driver;
use crate::app::alarm::Alarm;
use crate::app::clock::Clock;
use crate::app::turns::{Turns, Worker};
use crate::cluster::Time;
use crate::fed::Event;

/// The queue of facts, the driver, and the alarm. Dropping it ends its thread.
pub(super) struct Shell {
    turns: Turns<Event, Punctual>,
    alarm: Arc<Alarm>,
}

/// The driver, which sets the alarm when there is nothing to do.
struct Punctual {
    driver: Driver,
    alarm: Arc<Alarm>,
}

impl Worker<Event> for Punctual {
    fn take(&mut self, fact: Event) {
        self.driver.take(fact);
    }

    fn rest(&mut self) {
        self.alarm.set(self.driver.next_wake());
    }
}

impl Shell {
    pub(super) fn start(driver: Driver, clock: Clock) -> std::io::Result<Arc<Shell>> {
        let alarm = Arc::<Alarm>::default();
        let worker = Punctual {
            driver,
            alarm: alarm.clone(),
        };
        let shell = Arc::new(Shell {
            turns: Turns::new(worker),
            alarm: alarm.clone(),
        });
        let ticking = Arc::downgrade(&shell);
        let tick = move || {
            let shell = ticking.upgrade();
            shell.map(|shell| shell.post(Event::Tick)).is_some()
        };
        thread::Builder::new()
            .name("tick".to_owned())
            .spawn(move || alarm.attend(|at| clock.until(at), tick))?;
        Ok(shell)
    }

    /// Takes in a fact. Returns when the fact is dealt with, or another thread is about to.
    pub(super) fn post(&self, fact: Event) {
        if !self.turns.bring(fact) {
            // Whoever ticks goes on: who brought this fact, a node's pulse for example, is needed elsewhere.
            self.alarm.set(Some(Time::default()));
        }
    }

    /// Ends: no more ticks; nodes are told what is called off.
    pub(super) fn stop(&self) {
        self.alarm.end();
        if let Some(mut worker) = self.turns.end() {
            worker.driver.part();
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.alarm.end();
    }
}
