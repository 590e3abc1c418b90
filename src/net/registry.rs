//! Who is connected: admission under the caps, room made by closing the silent, and the end.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::service::Peer;
use super::slot::{Counts, Phase, Slot};
use crate::clock;

/// A connection that was closed to make room is gone sooner than this.
const PARTING: Duration = Duration::from_millis(100);

/// All connections of one server.
#[derive(Debug)]
pub(super) struct Registry {
    limits: Limits,
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
    turn: AtomicU64,
    calls: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    open: BTreeMap<u64, Arc<Slot>>,
    per_address: BTreeMap<IpAddr, usize>,
    newcomers: usize,
    /// Closed to make room, and their threads still hold their sockets.
    parting: usize,
    counts: Counts,
}

/// Why a newcomer was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    AddressFull,
    Stopping,
}

impl Registry {
    pub(super) fn new(limits: Limits) -> Registry {
        Registry {
            limits,
            state: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            turn: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Lets a connection in, closing a silent one if that is what it takes.
    pub(super) fn admit(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Result<Arc<Slot>, Refusal> {
        let mut state = self.lock_when_parted();
        if self.is_stopping() {
            return Err(Refusal::Stopping);
        }
        if let Err(refusal) = state.make_room(&self.limits, canonical(address)) {
            state.counts.refused += 1;
            return Err(refusal);
        }
        state.last_id += 1;
        let peer = Peer {
            connection: state.last_id,
            address,
        };
        let slot = Arc::new(Slot::new(peer, stream, self.next_turn()));
        state.insert(&slot);
        Ok(slot)
    }

    /// Forgets a connection whose thread is done with it, and closes its socket.
    pub(super) fn release(&self, slot: Arc<Slot>) {
        slot.close_if(|_| true);
        let was_open = self.lock().remove(&slot);
        drop(slot);
        if !was_open {
            self.lock().parting -= 1;
        }
        self.changed.notify_all();
    }

    /// Marks the beginning of a wait between calls.
    pub(super) fn note_idle(&self, slot: &Slot) {
        slot.note_idle(self.next_turn());
    }

    /// Counts a served call; after the first the connection is a newcomer no more.
    pub(super) fn note_served(&self, slot: &Slot) {
        self.calls.fetch_add(1, Ordering::Release);
        if slot.is_established() {
            return;
        }
        let mut state = self.lock();
        if slot.establish() && state.open.contains_key(&slot.peer.connection) {
            state.newcomers -= 1;
        }
    }

    pub(super) fn count(&self, bump: impl FnOnce(&mut Counts)) {
        bump(&mut self.lock().counts);
    }

    pub(super) fn counts(&self) -> Counts {
        let calls = self.calls.load(Ordering::Acquire);
        let state = self.lock();
        let idle = state
            .open
            .values()
            .filter(|slot| slot.phase() == Phase::Idle)
            .count() as u64;
        Counts {
            open: state.open.len() as u64,
            idle,
            calls,
            ..state.counts
        }
    }

    /// Waits until a connection has ended, the server stops, or `most` has passed.
    pub(super) fn wait_for_change(&self, most: Duration) {
        let state = self.lock();
        if !self.is_stopping() {
            drop(self.changed.wait_timeout(state, most));
        }
    }

    /// Admits no more and wakes whoever waits for a change.
    pub(super) fn begin_stop(&self) {
        let _state = self.lock();
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Closes what is idle, waits until `deadline` for calls under way, then cuts them. Returns
    /// how many finished and how many were cut.
    pub(super) fn drain(&self, deadline: Instant) -> (usize, usize) {
        let mut state = self.lock();
        let closed_at_once = |slot: &&Arc<Slot>| slot.close_if(|phase| phase == Phase::Idle);
        let idle = state.open.values().filter(closed_at_once).count();
        let under_way = state
            .open
            .values()
            .filter(|slot| slot.phase() != Phase::Closed)
            .count();
        log::debug!("stopping: {idle} idle connections closed, {under_way} calls under way");
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero()
                || state
                    .open
                    .values()
                    .all(|slot| slot.phase() == Phase::Closed)
            {
                break;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        let cut = state
            .open
            .values()
            .filter(|slot| slot.close_if(|_| true))
            .count();
        (under_way.saturating_sub(cut), cut)
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for those who made room to be gone: a crowd that comes faster than others leave would hold more sockets
    /// than there may be connections.
    fn lock_when_parted(&self) -> MutexGuard<'_, State> {
        let deadline = clock::now() + PARTING;
        let mut state = self.lock();
        while state.open.len() + state.parting > self.limits.connections && !self.is_stopping() {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn make_room(&mut self, limits: &Limits, address: IpAddr) -> Result<(), Refusal> {
        if self.newcomers >= limits.newcomers {
            self.displace_newcomer(limits.newcomers);
        }
        let of_address = self.per_address.get(&address).copied().unwrap_or(0);
        if of_address >= limits.per_address
            && !self.displace_idle(|slot| canonical(slot.peer.address) == address)
        {
            return Err(Refusal::AddressFull);
        }
        if self.open.len() >= limits.connections && !self.displace_idle(|_| true) {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Closes the connection which has been idle longest among the `eligible`.
    fn displace_idle(&mut self, eligible: impl Fn(&Slot) -> bool) -> bool {
        let idle = |slot: &&Arc<Slot>| slot.phase() == Phase::Idle && eligible(slot);
        let longest = self
            .open
            .values()
            .filter(idle)
            .min_by_key(|slot| slot.idle_since())
            .cloned();
        longest.is_some_and(|slot| self.displace(&slot, |phase| phase == Phase::Idle))
    }

    /// Closes the oldest newcomer of the address with most of them. Those whose first call is in
    /// the hands of its handler have proved that they talk, and do not count.
    fn displace_newcomer(&mut self, most: usize) {
        let mut by_address: BTreeMap<IpAddr, (usize, &Arc<Slot>)> = BTreeMap::new();
        let mut silent = 0;
        for slot in self.open.values() {
            if !slot.is_established() && is_waiting(slot.phase()) {
                silent += 1;
                by_address
                    .entry(canonical(slot.peer.address))
                    .or_insert((0, slot))
                    .0 += 1;
            }
        }
        if silent < most {
            return;
        }
        let crowd = by_address.into_values().max_by_key(|(count, _)| *count);
        if let Some(oldest) = crowd.map(|(_, slot)| slot.clone()) {
            self.displace(&oldest, is_waiting);
        }
    }

    fn displace(&mut self, slot: &Arc<Slot>, allowed: impl Fn(Phase) -> bool) -> bool {
        let closed = slot.close_if(allowed);
        if closed {
            self.counts.displaced += 1;
            self.parting += usize::from(self.remove(slot));
        }
        closed
    }

    fn insert(&mut self, slot: &Arc<Slot>) {
        self.counts.accepted += 1;
        self.newcomers += 1;
        *self
            .per_address
            .entry(canonical(slot.peer.address))
            .or_default() += 1;
        self.open.insert(slot.peer.connection, slot.clone());
    }

    /// Forgets a connection; whether it was known.
    fn remove(&mut self, slot: &Slot) -> bool {
        if self.open.remove(&slot.peer.connection).is_none() {
            return false;
        }
        self.newcomers -= usize::from(!slot.is_established());
        let address = canonical(slot.peer.address);
        if let Some(count) = self.per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&address);
            }
        }
        true
    }
}

fn is_waiting(phase: Phase) -> bool {
    matches!(phase, Phase::Idle | Phase::Receiving)
}

/// An IPv4 peer of a socket that serves both families counts as the same address.
fn canonical(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
