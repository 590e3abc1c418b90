//! What a node has in hand: slots, attempts under way, answers given. One lock, one bell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crate::app::held::Held;
use crate::clock;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use crate::wire::stubs::compute_node::TrainReply;

/// Answers kept for a coordinator that asks again.
const ANSWERS: usize = 64;
/// Bytes of the answers kept.
const ANSWER_BYTES: usize = 256 << 20;
/// Attempts remembered that were called off before they came: calls on two connections may overtake each other.
const CALLED_OFF: usize = 256;

/// What a training is a function of, as a digest: the same key has the same answer.
pub(super) type Key = [u8; 32];

/// Why waiting ended without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// Nobody waits for this attempt any more, or the node ends.
    Cancelled,
    /// The time allowed is over.
    Deadline,
    /// The node takes its leave, and this had not begun.
    Leaving,
}

#[derive(Debug, Default)]
struct State {
    free: u32,
    /// By ticket: the same attempt may be asked for twice, over a connection that broke and a new one.
    /// Calls that are no attempts have no number.
    under_way: BTreeMap<u64, (Option<i64>, Arc<AtomicBool>)>,
    tickets: u64,
    /// Oldest first.
    called_off: VecDeque<i64>,
    training: BTreeSet<Key>,
    /// Answers with the bytes of their updates, oldest first.
    answers: VecDeque<(Key, TrainReply, Held)>,
    answer_bytes: usize,
    leaving: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    slots: u32,
    state: Mutex<State>,
    bell: Condvar,
}

/// An attempt under way; it is over when this is dropped.
pub(super) struct Attempt<'a> {
    desk: &'a Desk,
    ticket: u64,
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

/// A slot taken; it is free again when this is dropped.
pub(super) struct Slot<'a>(&'a Desk);

/// The duty to train what nobody else here trains; ends when dropped, with or without an answer.
pub(super) struct Duty<'a> {
    desk: &'a Desk,
    key: Key,
}

/// What to do about a training that is asked for.
pub(super) enum Asked<'a> {
    /// It was done before: the answer, and the bytes of its update.
    Known(Box<(TrainReply, Held)>),
    /// Nobody is at it: do it.
    New(Duty<'a>),
}

impl Desk {
    pub(super) fn new(slots: u32) -> Desk {
        let state = State {
            free: slots,
            ..State::default()
        };
        Desk {
            slots,
            state: Mutex::new(state),
            bell: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state and wakes whoever waits for a change.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.bell.notify_all();
        changed
    }

    /// Slots in all.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// Attempts in hand.
    pub(super) fn in_hand(&self) -> usize {
        self.lock().under_way.len()
    }

    /// Whether the node takes nothing new.
    pub(super) fn is_leaving(&self) -> bool {
        self.lock().leaving
    }

    /// From now on nothing new is taken. Waits for what is in hand until `deadline`, then calls it off.
    pub(super) fn leave(&self, deadline: Instant) {
        self.change(|state| state.leaving = true);
        let mut state = self.lock();
        while !state.under_way.is_empty() {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            let waited = self.bell.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        for (_, cancelled) in state.under_way.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        self.bell.notify_all();
    }

    /// Notes that an attempt is under way.
    pub(super) fn begin(&self, id: i64, deadline: Option<Instant>) -> Attempt<'_> {
        self.enter(Some(id), deadline)
    }

    /// Notes that a call without a number is under way, which takes its turn like the attempts.
    pub(super) fn begin_unnumbered(&self, deadline: Option<Instant>) -> Attempt<'_> {
        self.enter(None, deadline)
    }

    fn enter(&self, id: Option<i64>, deadline: Option<Instant>) -> Attempt<'_> {
        let (ticket, cancelled) = self.change(|state| {
            let overtaken = id.is_some_and(|id| state.called_off.contains(&id));
            let cancelled = Arc::new(AtomicBool::new(overtaken));
            state.tickets += 1;
            let entry = (id, cancelled.clone());
            state.under_way.insert(state.tickets, entry);
            (state.tickets, cancelled)
        });
        Attempt {
            desk: self,
            ticket,
            cancelled,
            deadline,
        }
    }

    /// Calls an attempt off, now or when it comes. Says whether it was under way.
    pub(super) fn cancel(&self, id: i64) -> bool {
        self.change(|state| {
            let mut found = false;
            let asked = state.under_way.values();
            for (_, cancelled) in asked.filter(|(known, _)| *known == Some(id)) {
                cancelled.store(true, Ordering::Relaxed);
                found = true;
            }
            if !found {
                state.called_off.push_back(id);
                if state.called_off.len() > CALLED_OFF {
                    state.called_off.pop_front();
                }
            }
            found
        })
    }
}

impl<'a> Attempt<'a> {
    /// Why to stop, if there is a reason.
    pub(super) fn interruption(&self) -> Option<Interrupted> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(Interrupted::Cancelled);
        }
        let over = self
            .deadline
            .is_some_and(|deadline| clock::now() >= deadline);
        over.then_some(Interrupted::Deadline)
    }

    /// Stops here if there is a reason to.
    pub(super) fn go_on(&self) -> Result<(), Interrupted> {
        self.interruption().map_or(Ok(()), Err)
    }

    /// Waits until `until` answers, the attempt is interrupted, or `limit` comes, which gives none.
    fn wait<T>(
        &self,
        limit: Option<Instant>,
        mut until: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, Interrupted> {
        let mut state = self.desk.lock();
        loop {
            if let Some(interrupted) = self.interruption() {
                return Err(interrupted);
            }
            if let Some(found) = until(&mut state) {
                return Ok(Some(found));
            }
            let ends = [limit, self.deadline].into_iter().flatten().min();
            let Some(end) = ends else {
                let waited = self.desk.bell.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() && limit == Some(end) {
                return Ok(None);
            }
            let waited = self.desk.bell.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a slot. A node that leaves gives no more of them.
    pub(super) fn slot(&self) -> Result<Slot<'a>, Interrupted> {
        let take = |state: &mut State| {
            if state.leaving {
                return Some(Err(Interrupted::Leaving));
            }
            state.free = state.free.checked_sub(1)?;
            Some(Ok(()))
        };
        self.wait(None, take)?
            .unwrap_or(Err(Interrupted::Deadline))?;
        Ok(Slot(self.desk))
    }

    /// Waits for nothing but time to pass.
    pub(super) fn pause(&self, until: Instant) -> Result<(), Interrupted> {
        self.wait(Some(until), |_| None::<()>).map(drop)
    }

    /// Looks whether this training was done before; while another attempt is at it, waits for that.
    pub(super) fn ask(&self, key: Key) -> Result<Asked<'a>, Interrupted> {
        let look = |state: &mut State| {
            let known = state.answers.iter().find(|(known, ..)| *known == key);
            if let Some((_, reply, update)) = known {
                let answer = (reply.clone(), update.clone());
                return Some(Asked::Known(Box::new(answer)));
            }
            let mine = state.training.insert(key);
            // Made only if it is ours: to drop a duty is to end it, and takes the lock.
            mine.then(|| {
                let desk = self.desk;
                Asked::New(Duty { desk, key })
            })
        };
        // Without a limit, waiting ends with something found or an interruption.
        self.wait(None, look)?.ok_or(Interrupted::Deadline)
    }
}

impl Duty<'_> {
    /// Keeps the answer for whoever asks again.
    pub(super) fn fulfil(self, reply: &TrainReply, update: Held) {
        let mut state = self.desk.lock();
        state.answer_bytes += update.len();
        state.answers.push_back((self.key, reply.clone(), update));
        while state.answers.len() > ANSWERS || state.answer_bytes > ANSWER_BYTES {
            let Some((.., oldest)) = state.answers.pop_front() else {
                break;
            };
            state.answer_bytes -= oldest.len();
        }
    }
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        self.desk.change(|state| state.training.remove(&self.key));
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.free += 1);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.desk
            .change(|state| state.under_way.remove(&self.ticket));
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
