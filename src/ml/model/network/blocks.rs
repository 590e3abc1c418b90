//! Scores of many rows, block by block in their order, however many threads work them out.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::{io, iter, panic, thread};

use ndarray::ArrayView2;

use super::Network;
use crate::ml::model::pass::BLOCK;
use crate::ml::real::Real;

/// Below so many products of a parameter and a feature, a thread is not worth its start.
const SMALL: usize = 1 << 23;
/// Bytes of parameters that threads may copy, each a copy of its own; one thread has one in any case.
const COPIES: usize = 256 << 20;
/// Blocks that a thread may be ahead of who takes them.
const AHEAD: usize = 16;

impl Network {
    /// Calls `with` with blocks of rows, in order: the number of the first, and their scores. Up to so many threads
    /// work them out. A block's scores depend on its rows alone, so their number changes no bit.
    pub(super) fn each_block<T: Real>(
        &self,
        values: &[T],
        features: ArrayView2<f32>,
        threads: usize,
        mut with: impl FnMut(usize, &mut [f64]),
    ) {
        let threads = threads.min(most_threads(features.nrows(), values));
        if threads > 1
            && self
                .side_by_side(values, features, threads, &mut with)
                .is_ok()
        {
            return;
        }
        self.some_blocks(values, features, (0, 1), |first, scores| {
            with(first, scores);
            true
        });
    }

    /// The same by so many threads. Where they cannot be had, `with` was not called.
    fn side_by_side<T: Real>(
        &self,
        values: &[T],
        features: ArrayView2<f32>,
        threads: usize,
        mut with: impl FnMut(usize, &mut [f64]),
    ) -> io::Result<()> {
        thread::scope(|scope| {
            let start = |number| {
                let (done, blocks) = sync_channel(AHEAD);
                let share = (number, threads);
                let work = move || self.send_blocks(values, features, share, &done);
                let helper = thread::Builder::new().spawn_scoped(scope, work)?;
                Ok((helper, blocks))
            };
            let started: io::Result<Vec<_>> = (0..threads).map(start).collect();
            let (helpers, blocks): (Vec<_>, Vec<_>) = started?.into_iter().unzip();
            // One block of each in turn, until the one whose turn it is has no more.
            let turns = iter::repeat(&blocks).flatten();
            for (first, mut scores) in turns.map_while(|blocks| blocks.recv().ok()) {
                with(first, &mut scores);
            }
            // Where `with` ends early or a helper fails, the others would wait for ever for room.
            drop(blocks);
            for helper in helpers {
                // Passing a panic on is all that is left to do with it.
                let ended = helper.join();
                ended.unwrap_or_else(|panic| panic::resume_unwind(panic));
            }
            Ok(())
        })
    }

    fn send_blocks<T: Real>(
        &self,
        values: &[T],
        features: ArrayView2<f32>,
        share: (usize, usize),
        done: &SyncSender<(usize, Vec<f64>)>,
    ) {
        self.some_blocks(values, features, share, |first, scores| {
            done.send((first, scores.to_vec())).is_ok()
        });
    }

    /// Works out every so many-th block, from this one on, for as long as `with` wants more.
    fn some_blocks<T: Real>(
        &self,
        values: &[T],
        features: ArrayView2<f32>,
        (from, every): (usize, usize),
        mut with: impl FnMut(usize, &mut [f64]) -> bool,
    ) {
        let mut workspace = self.workspace(values);
        for first in (from * BLOCK..features.nrows()).step_by(every * BLOCK) {
            let rows = BLOCK.min(features.nrows() - first);
            workspace.load_from(features, first, rows);
            if !with(first, workspace.forward(rows)) {
                return;
            }
        }
    }
}

/// How many threads are worth their start and their memory.
fn most_threads<T>(rows: usize, values: &[T]) -> usize {
    let worth = rows.saturating_mul(values.len()) / SMALL;
    let affordable = COPIES / size_of_val(values).max(1);
    worth.min(affordable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::data::Dataset;
    use crate::ml::metrics::Depth;
    use crate::ml::model::MODELS;
    use crate::seed::{Purpose, Seed};
    use ndarray::Array2;

    #[test]
    fn any_number_of_threads_finds_the_same() {
        let rows = 5 * BLOCK + 7;
        let mut stream = Seed(3).stream(Purpose::Synthetic, 0, 0);
        let features = Array2::from_shape_fn((rows, 784), |_| stream.normal() as f32);
        let labels = (0..rows).map(|row| (row % 10) as u32).collect();
        let data = Dataset::new(features, labels, 10).unwrap();
        for spec in ["mlp:784-128-10", "cnn:28x28-10,filters=6-16,hidden=120-84"] {
            let model = MODELS.build(spec).unwrap();
            let start = model.initial(Seed(1));
            assert!(
                rows * start.layout().elements() > 3 * SMALL,
                "{spec} is shared out"
            );
            let examined = |threads| model.examine(&start, &data, Depth::Final, threads);
            let predicted = |threads| model.predict(&start, data.features(), threads);
            for threads in [0, 2, 3, 50] {
                assert_eq!(examined(threads), examined(1), "{spec}, {threads} threads");
                assert_eq!(
                    predicted(threads),
                    predicted(1),
                    "{spec}, {threads} threads"
                );
            }
        }
    }
}
