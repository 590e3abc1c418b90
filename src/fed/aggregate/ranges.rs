//! Work on disjoint ranges of parameters side by side.
//!
//! Every parameter is worked on by one thread, in the same way whichever it is, so the number of
//! threads changes no bit of a result.

use std::thread;

/// Below this many parameters a thread of their own is not worth its start.
const SMALL: usize = 1 << 18;

/// Calls `work(start, part)` for parts of `items`, one a thread, that start at multiples of `block`;
/// the answers in the order of the parts. Few items make fewer parts than `threads`, down to one,
/// which is worked on by the caller's own thread.
pub(super) fn in_parts<T: Send, R: Send>(
    items: &mut [T],
    block: usize,
    threads: usize,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let parts = threads.min(items.len() / SMALL).max(1);
    let length = items.len().div_ceil(parts).next_multiple_of(block);
    in_pieces(items, length, work)
}

/// As [`in_parts`], for items that are each as much work as `cost` parameters.
pub(super) fn in_shares<T: Send, R: Send>(
    items: &mut [T],
    cost: usize,
    threads: usize,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let worth = items.len().saturating_mul(cost) / SMALL;
    let parts = threads.min(worth).min(items.len()).max(1);
    let length = items.len().div_ceil(parts);
    in_pieces(items, length, work)
}

fn in_pieces<T: Send, R: Send>(
    items: &mut [T],
    length: usize,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    if length >= items.len() {
        return vec![work(0, items)];
    }
    let work = &work;
    thread::scope(|scope| {
        let parts = items.chunks_mut(length).enumerate();
        let running: Vec<_> = parts
            .map(|(index, part)| scope.spawn(move || work(index * length, part)))
            .collect();
        let answers = running.into_iter().map(|thread| thread.join());
        // Passing a panic on is all that is left to do with it.
        answers
            .map(|answer| answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_whatever_the_threads() {
        for count in [0, 1, SMALL - 1, 2 * SMALL + 7] {
            for threads in [0, 1, 2, 3, 50] {
                let mut items = vec![0; count];
                let starts = in_parts(&mut items, 100, threads, |start, part| {
                    let positions = start..start + part.len();
                    part.iter_mut().zip(positions).for_each(|(i, p)| *i += p);
                    start
                });
                assert!(items.iter().enumerate().all(|(at, &item)| at == item));
                assert!(starts.is_sorted() && starts.iter().all(|start| start % 100 == 0));
            }
        }
    }

    #[test]
    fn few_items_of_much_work_are_shared_too() {
        for (count, cost) in [(0, SMALL), (1, SMALL), (7, 1), (7, SMALL), (50, SMALL / 10)] {
            for threads in [0, 1, 2, 3, 50] {
                let mut items = vec![0; count];
                let parts = in_shares(&mut items, cost, threads, |start, part| {
                    let positions = start..start + part.len();
                    part.iter_mut().zip(positions).for_each(|(i, p)| *i += p);
                });
                assert!(items.iter().enumerate().all(|(at, &item)| at == item));
                assert!(parts.len() <= threads.max(1), "{count} {cost} {threads}");
            }
        }
    }
}
