//! What a node can do beyond the necessary.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::wire::convert::{
    BLOBS, CANCELS, CORRECTION, DESCRIBES, EVALUATES, FLIPS, FOLDS, INITIALISES, MOMENTUM,
    PROXIMAL, WEIGHT_DECAY,
};
use crate::wire::stubs::compute_node::HelloReply;

/// Abilities that requests depend on.
const KNOWN: [&str; 11] = [
    EVALUATES,
    INITIALISES,
    CANCELS,
    BLOBS,
    FOLDS,
    MOMENTUM,
    WEIGHT_DECAY,
    PROXIMAL,
    CORRECTION,
    FLIPS,
    DESCRIBES,
];

/// What a node can do beyond the necessary, as far as requests depend on it: a bit for each of [`KNOWN`].
#[derive(Debug, Default)]
pub struct Abilities {
    bits: AtomicU32,
}

impl Abilities {
    /// Notes what the node says of itself.
    pub fn note(&self, hello: &HelloReply) {
        let named = hello.hello.abilities.as_ref();
        let mut bits = 0;
        for (place, ability) in KNOWN.iter().enumerate() {
            let has = named.is_some_and(|abilities| abilities.contains(*ability));
            bits |= u32::from(has) << place;
        }
        self.bits.store(bits, Ordering::Relaxed);
    }

    /// Whether it has this ability.
    pub fn has(&self, ability: &str) -> bool {
        let place = KNOWN.iter().position(|known| *known == ability);
        place.is_some_and(|place| self.bits.load(Ordering::Relaxed) >> place & 1 == 1)
    }
}
