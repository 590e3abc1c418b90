//! A worker and what waits for it, worked off in turns by whoever brings something.
//!
//! Whoever brings an item takes the worker if nobody has it, and works off all that waits. So one thread
//! at a time works, in order, and an item is not handed over to another thread unless that one is at
//! work already: waking a thread takes longer than most of the work. Nobody is kept for longer than
//! [`TURN`]: who brings items has work of its own.

use std::collections::VecDeque;
use std::sync::TryLockError;

use crate::sync::{Mutex, lock};

/// Items that whoever brings one works off at most.
const TURN: usize = 32;

/// Works items off, one at a time.
pub trait Worker<T> {
    /// Takes an item.
    fn take(&mut self, item: T);

    /// Nothing waits any more, for now.
    fn rest(&mut self);
}

/// See the module.
#[derive(Debug)]
pub struct Turns<T, W> {
    waiting: Mutex<VecDeque<T>>,
    /// None when it has ended.
    worker: Mutex<Option<W>>,
}

impl<T, W: Worker<T>> Turns<T, W> {
    /// Nothing waits yet.
    pub fn new(worker: W) -> Turns<T, W> {
        Turns {
            waiting: Mutex::default(),
            worker: Mutex::new(Some(worker)),
        }
    }

    /// Brings an item. Returns when it is dealt with, or another thread is about to. False when the turn is over
    /// and items still wait: somebody else has to bring one.
    #[must_use]
    pub fn bring(&self, item: T) -> bool {
        lock(&self.waiting).push_back(item);
        let mut left = TURN;
        loop {
            let mut worker = match self.worker.try_lock() {
                Ok(worker) => worker,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Whoever has the worker looks at what waits once more after letting it go.
                Err(TryLockError::WouldBlock) => return true,
            };
            match &mut *worker {
                Some(worker) => self.work_off(worker, &mut left),
                None => lock(&self.waiting).clear(),
            }
            drop(worker);
            if lock(&self.waiting).is_empty() {
                return true;
            }
            if left == 0 {
                return false;
            }
        }
    }

    /// Ends: what was brought before is worked off, nothing is taken after. Gives the worker back, the
    /// first time.
    pub fn end(&self) -> Option<W> {
        let mut place = lock(&self.worker);
        if let Some(worker) = &mut *place {
            self.work_off(worker, &mut { usize::MAX });
        }
        place.take()
    }

    /// Works off what waits, as much as is left of the turn.
    fn work_off(&self, worker: &mut W, left: &mut usize) {
        while *left > 0
            && let Some(item) = self.next()
        {
            worker.take(item);
            *left -= 1;
        }
        worker.rest();
    }

    fn next(&self) -> Option<T> {
        lock(&self.waiting).pop_front()
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod limits {
    use super::*;

    /// Brings itself more work with every item, for a while.
    struct Busy {
        taken: usize,
        turns: std::sync::Weak<Turns<usize, Busy>>,
    }

    impl Worker<usize> for Busy {
        fn take(&mut self, more: usize) {
            self.taken += 1;
            if let Some(turns) = self.turns.upgrade().filter(|_| more > 0) {
                lock(&turns.waiting).push_back(more - 1);
            }
        }

        fn rest(&mut self) {}
    }

    #[test]
    fn a_turn_ends_and_the_next_goes_on() {
        let turns = std::sync::Arc::new_cyclic(|turns| {
            Turns::new(Busy {
                taken: 0,
                turns: turns.clone(),
            })
        });
        assert!(!turns.bring(TURN + 2));
        let taken = |turns: &Turns<usize, Busy>| lock(&turns.worker).as_ref().unwrap().taken;
        assert_eq!(taken(&turns), TURN);
        assert!(turns.bring(0));
        assert_eq!(taken(&turns), TURN + 4);
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sync::{explore, thread};

    /// Notes what it took, and how much that was when it last rested.
    #[derive(Default)]
    struct Scribe {
        taken: Vec<(u8, u8)>,
        rested: usize,
    }

    impl Worker<(u8, u8)> for Scribe {
        fn take(&mut self, item: (u8, u8)) {
            self.taken.push(item);
        }

        fn rest(&mut self) {
            self.rested = self.taken.len();
        }
    }

    const BRINGERS: u8 = 2;
    const EACH: u8 = 2;

    fn bring_all(turns: &Arc<Turns<(u8, u8), Scribe>>) {
        let bring = |who| {
            let turns = turns.clone();
            thread::spawn(move || (0..EACH).for_each(|number| assert!(turns.bring((who, number)))))
        };
        let bringers: Vec<_> = (0..BRINGERS).map(bring).collect();
        for bringer in bringers {
            bringer.join().unwrap();
        }
    }

    fn assert_in_order(scribe: &Scribe) {
        for who in 0..BRINGERS {
            let numbers = scribe.taken.iter().filter(|(of, _)| *of == who);
            assert!(numbers.map(|(_, number)| *number).eq(0..EACH));
        }
    }

    #[test]
    fn shuttle_facts_are_taken_in_order_and_none_waits() {
        explore(
            "the queue of facts",
            "each is taken once, in its bringer's order, and none waits for the next",
            || {
                let turns = Arc::new(Turns::new(Scribe::default()));
                bring_all(&turns);
                // Not by `end`, which would work off what was left behind.
                let place = lock(&turns.worker);
                let scribe = place.as_ref().unwrap();
                assert_in_order(scribe);
                assert_eq!(scribe.rested, scribe.taken.len());
            },
        );
    }

    #[test]
    fn shuttle_the_end_takes_what_was_brought_before_and_nothing_after() {
        explore(
            "the end of the queue",
            "what was brought before is taken, what comes after is not kept",
            || {
                let turns = Arc::new(Turns::new(Scribe::default()));
                let racing = turns.clone();
                let racer = thread::spawn(move || {
                    (0..EACH).for_each(|number| assert!(racing.bring((1, number))));
                });
                (0..EACH).for_each(|number| assert!(turns.bring((0, number))));
                let scribe = turns.end().unwrap();
                let mine = scribe.taken.iter().filter(|(who, _)| *who == 0);
                assert!(mine.map(|(_, number)| *number).eq(0..EACH));
                let others = scribe.taken.iter().filter(|(who, _)| *who == 1);
                assert!(
                    others
                        .zip(0..)
                        .all(|((_, number), expected)| *number == expected)
                );
                racer.join().unwrap();
                assert!(turns.bring((0, EACH)));
                assert!(turns.end().is_none());
                assert!(lock(&turns.waiting).is_empty());
            },
        );
    }
}
