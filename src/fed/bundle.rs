//! Which shards are trained together, as one task.
//!
//! A task costs a message there and back, whatever is in it. With a thousand participants a round, each of
//! which trains for a millisecond, that is most of the time; so as many of them travel together as leave every
//! slot a few tasks. Sums are exact, so how shards are grouped changes no bit of the result.

/// Tasks for each slot of the nodes that are up. Several, so that a slow node gets fewer of them and what a
/// dead one had in hand is little; with so few shards, each is a task of its own.
const TASKS_PER_SLOT: usize = 8;
/// Most shards of a task.
const MOST: usize = 4_096;

/// Cuts the shards, in their order, into the bundles of tasks for so many slots.
pub(super) fn cut(shards: &[u32], slots: usize) -> impl Iterator<Item = &[u32]> {
    let tasks = slots.max(1).saturating_mul(TASKS_PER_SLOT);
    let size = shards.len().div_ceil(tasks).clamp(1, MOST);
    shards.chunks(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(shards: u32, slots: usize) -> Vec<usize> {
        let shards: Vec<u32> = (0..shards).collect();
        cut(&shards, slots).map(<[u32]>::len).collect()
    }

    #[test]
    fn few_shards_are_tasks_of_their_own() {
        assert_eq!(sizes(16, 2), [1; 16]);
        assert!(sizes(0, 2).is_empty());
    }

    #[test]
    fn many_shards_travel_together() {
        assert_eq!(
            sizes(100, 2),
            [7; 14].into_iter().chain([2]).collect::<Vec<_>>()
        );
        assert_eq!(sizes(1_000_000, 1).len(), 245);
        assert_eq!(sizes(20, 0), [3, 3, 3, 3, 3, 3, 2]);
    }
}
