//! How the core learns what happened on other threads, and where what came with it waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::app::held::Held;
use crate::cluster::AttemptId;
use crate::fed::Event;
use crate::wire::convert::Initial;

/// What an answered attempt brought, kept until the core says what to do with it.
#[derive(Debug)]
pub(super) enum Parcel {
    /// The bytes of an update, checked.
    Update(Held),
    /// The bytes of a sum of updates, checked.
    Sum(Held),
    /// First parameters of a model, with their layout.
    Initial(Initial),
}

/// Takes a fact to the core.
type Tell = dyn Fn(Event) + Send + Sync;

/// Tells the core what happened, and keeps what came with it.
#[derive(Clone, Default)]
pub(super) struct Reporter {
    /// None until the core is there.
    core: Arc<OnceLock<Box<Tell>>>,
    parcels: Arc<Mutex<BTreeMap<AttemptId, Parcel>>>,
}

impl Reporter {
    /// From now on reports go there.
    pub(super) fn report_to(&self, core: impl Fn(Event) + Send + Sync + 'static) {
        let _ = self.core.set(Box::new(core));
    }

    pub(super) fn report(&self, fact: Event) {
        if let Some(core) = self.core.get() {
            core(fact);
        }
    }

    /// Takes out what an attempt brought.
    pub(super) fn take(&self, attempt: AttemptId) -> Option<Parcel> {
        self.lock().remove(&attempt)
    }

    pub(super) fn keep(&self, attempt: AttemptId, parcel: Parcel) {
        self.lock().insert(attempt, parcel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Parcel>> {
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
