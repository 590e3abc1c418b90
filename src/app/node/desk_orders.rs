//! The desk under many orders of the threads that meet there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::desk::{Asked, Desk, Interrupted};
use crate::clock;
use crate::sync::{explore, thread};
use crate::wire::stubs::compute_node::TrainReply;

#[test]
fn shuttle_slots_are_given_on() {
    explore(
        "the slots of a node",
        "no more are taken than there are, and whoever waits gets one",
        || {
            let desk = Desk::new(1);
            let taken = AtomicUsize::new(0);
            // Over when all are through: the end of an attempt rings the bell too.
            let attempts = [1, 2, 3].map(|id| desk.begin(id, None));
            thread::scope(|scope| {
                for attempt in &attempts {
                    let taken = &taken;
                    scope.spawn(move || {
                        let slot = attempt.slot().ok().unwrap();
                        assert_eq!(taken.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        taken.fetch_sub(1, Ordering::SeqCst);
                        drop(slot);
                    });
                }
            });
        },
    );
}

#[test]
fn shuttle_cancelling_ends_a_wait() {
    explore(
        "cancelling at a node",
        "an attempt that waits for a slot is called off",
        || {
            let desk = Desk::new(1);
            let first = desk.begin(1, None);
            let _held = first.slot().ok().unwrap();
            let waiting = desk.begin(7, None);
            thread::scope(|scope| {
                let waiter = scope.spawn(move || waiting.slot().err());
                assert!(desk.cancel(7));
                assert_eq!(waiter.join().unwrap(), Some(Interrupted::Cancelled));
            });
            assert_eq!(first.interruption(), None);
        },
    );
}

#[test]
fn shuttle_a_node_that_leaves_waits_for_what_has_begun() {
    explore(
        "the leave of a node",
        "what has begun is finished, what waits is handed back, and the node goes then",
        || {
            let desk = Desk::new(1);
            let begun = desk.begin(1, None);
            let held = begun.slot().ok().unwrap();
            let waiting = desk.begin(2, None);
            let finished = AtomicUsize::new(0);
            thread::scope(|scope| {
                let waiter = scope.spawn(move || waiting.slot().err());
                let finished = &finished;
                scope.spawn(move || {
                    // The slot is not free yet: who waits for it goes because the node leaves.
                    assert_eq!(waiter.join().unwrap(), Some(Interrupted::Leaving));
                    finished.fetch_add(1, Ordering::SeqCst);
                    drop(begun);
                });
                desk.leave(clock::now() + Duration::from_secs(3_600));
                assert_eq!(desk.in_hand(), 0);
                assert_eq!(finished.load(Ordering::SeqCst), 1);
            });
            drop(held);
        },
    );
}

#[test]
fn shuttle_a_training_is_done_once() {
    explore(
        "a training asked for again",
        "one does it, whoever waits gets its answer, or the duty if it failed",
        || {
            let desk = Desk::new(3);
            let done = AtomicUsize::new(0);
            let attempts = [1, 2, 3].map(|id| desk.begin(id, None));
            thread::scope(|scope| {
                for attempt in &attempts {
                    let done = &done;
                    scope.spawn(move || {
                        match attempt.ask([1; 32]).ok().unwrap() {
                            Asked::Known(answer) => assert_eq!(answer.0.rows, 5),
                            // The first who is at it fails.
                            Asked::New(duty) => {
                                if done.fetch_add(1, Ordering::SeqCst) == 1 {
                                    let reply = TrainReply {
                                        rows: 5,
                                        ..TrainReply::default()
                                    };
                                    duty.fulfil(&reply, Bytes::new().into());
                                }
                            }
                        }
                    });
                }
            });
            assert_eq!(done.load(Ordering::SeqCst), 2);
        },
    );
}
