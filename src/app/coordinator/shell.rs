//! The loop around the core, run by whoever brings a fact.
//!
//! Facts queue up; the thread that brings one takes the driver if nobody has it, and works the queue
//! off. So one thread at a time decides and carries out, in order, and the way from the last answer of a
//! round to the first task of the next costs no hand-over to another thread: waking one takes longer
//! than deciding. What no fact brings about, time does: a thread of its own ticks when something is due.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::driver::Driver;
use crate::app::clock::Clock;
use crate::cluster::Time;
use crate::fed::Event;

/// The queue of facts, the driver, and the alarm.
pub(super) struct Shell {
    facts: Sender<Event>,
    waiting: Receiver<Event>,
    driver: Mutex<Driver>,
    alarm: Mutex<Alarm>,
    bell: Condvar,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Alarm {
    at: Option<Time>,
    ended: bool,
}

impl Shell {
    pub(super) fn start(driver: Driver, clock: Clock) -> std::io::Result<Arc<Shell>> {
        let (facts, waiting) = unbounded();
        let shell = Arc::new(Shell {
            facts,
            waiting,
            driver: Mutex::new(driver),
            alarm: Mutex::default(),
            bell: Condvar::new(),
            clock,
        });
        let ticking = Arc::downgrade(&shell);
        thread::Builder::new()
            .name("tick".to_owned())
            .spawn(move || tick(&ticking))?;
        Ok(shell)
    }

    /// Takes in a fact. Returns when the fact is dealt with, or another thread is about to.
    pub(super) fn post(&self, fact: Event) {
        // The receiver lives as long as the sender: both are here.
        let _ = self.facts.send(fact);
        loop {
            let mut driver = match self.driver.try_lock() {
                Ok(driver) => driver,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Whoever has the driver looks at the queue once more after letting it go.
                Err(TryLockError::WouldBlock) => return,
            };
            while let Ok(fact) = self.waiting.try_recv() {
                driver.take(fact);
            }
            let wake = driver.next_wake();
            drop(driver);
            self.set_alarm(wake);
            if self.waiting.is_empty() {
                return;
            }
        }
    }

    /// Ends: no more ticks; nodes are told what is called off.
    pub(super) fn stop(&self) {
        self.lock_alarm().ended = true;
        self.bell.notify_all();
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        driver.part();
    }

    fn lock_alarm(&self) -> MutexGuard<'_, Alarm> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_alarm(&self, wake: Option<Time>) {
        let mut alarm = self.lock_alarm();
        let sooner = match (wake, alarm.at) {
            (Some(new), Some(old)) => new < old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        // An alarm that goes off too early only looks and sets itself again.
        if sooner {
            alarm.at = wake;
            drop(alarm);
            self.bell.notify_all();
        }
    }

    /// Waits for the alarm. False when there will be none any more.
    fn wait_for_alarm(&self) -> bool {
        let mut alarm = self.lock_alarm();
        loop {
            if alarm.ended {
                return false;
            }
            let Some(at) = alarm.at else {
                alarm = self
                    .bell
                    .wait(alarm)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = self.clock.until(at);
            if left.is_zero() {
                alarm.at = None;
                return true;
            }
            let waited = self.bell.wait_timeout(alarm, left);
            alarm = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn tick(shell: &Weak<Shell>) {
    while let Some(shell) = shell.upgrade() {
        if !shell.wait_for_alarm() {
            return;
        }
        shell.post(Event::Tick);
    }
}
