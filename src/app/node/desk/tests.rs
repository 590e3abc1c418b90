//! Slots, cancelling and answers of a desk.

use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::*;

fn soon() -> Option<Instant> {
    Some(clock::now() + Duration::from_secs(20))
}

#[test]
fn slots_are_waited_for_and_given_back() {
    let desk = Desk::new(1);
    let first = desk.begin(1, soon());
    let slot = first.slot().ok().unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let second = desk.begin(2, soon());
            second.slot().is_ok()
        });
        drop(slot);
        assert!(second.join().unwrap());
    });
    let late = desk.begin(3, Some(clock::now()));
    let _held = first.slot().ok().unwrap();
    assert_eq!(late.slot().err(), Some(Interrupted::Deadline));
}

#[test]
fn an_attempt_asked_for_twice_is_two_entries() {
    let desk = Desk::new(1);
    let first = desk.begin(7, soon());
    let second = desk.begin(7, soon());
    assert_eq!(desk.in_hand(), 2);
    drop(first);
    assert_eq!(desk.in_hand(), 1);
    assert!(desk.cancel(7));
    assert_eq!(second.interruption(), Some(Interrupted::Cancelled));
}

#[test]
fn a_cancel_that_overtakes_its_attempt_is_remembered() {
    let desk = Desk::new(1);
    assert!(!desk.cancel(7), "it is not here yet");
    let overtaken = desk.begin(7, soon());
    assert_eq!(overtaken.slot().err(), Some(Interrupted::Cancelled));
    // Asked again over another connection.
    let again = desk.begin(7, soon());
    assert_eq!(again.go_on(), Err(Interrupted::Cancelled));
    assert_eq!(desk.begin(8, soon()).go_on(), Ok(()));
    assert_eq!(desk.begin_unnumbered(soon()).go_on(), Ok(()));
    for id in 100..10_000 {
        desk.cancel(id);
    }
    assert_eq!(desk.lock().called_off.len(), CALLED_OFF);
}

#[test]
fn a_leaving_node_hands_back_what_has_not_begun() {
    let desk = Desk::new(1);
    let begun = desk.begin(1, soon());
    let _slot = begun.slot().ok().unwrap();
    let waiting = desk.begin(2, soon());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.slot().err());
        desk.leave(clock::now());
        assert_ne!(waiter.join().unwrap(), None);
    });
}

#[test]
fn pauses_end_by_cancelling() {
    let desk = Desk::new(1);
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let attempt = desk.begin(7, None);
            attempt.pause(clock::now() + Duration::from_secs(60))
        });
        while desk.in_hand() == 0 {
            thread::yield_now();
        }
        assert!(desk.cancel(7));
        assert_eq!(sleeper.join().unwrap(), Err(Interrupted::Cancelled));
    });
    assert!(!desk.cancel(7), "it is over");
}

#[test]
fn a_training_is_done_once_and_answered_twice() {
    let desk = Desk::new(2);
    let attempt = desk.begin(1, soon());
    let Ok(Asked::New(duty)) = attempt.ask([1; 32]) else {
        panic!("nobody did it before")
    };
    let reply = TrainReply {
        rows: 5,
        ..TrainReply::default()
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let again = desk.begin(2, soon());
            match again.ask([1; 32]) {
                Ok(Asked::Known(answer)) => answer.0.rows,
                _ => -1,
            }
        });
        // The second one asks while the first is still at it.
        while desk.in_hand() < 2 {
            thread::yield_now();
        }
        duty.fulfil(&reply, Bytes::new().into());
        assert_eq!(second.join().unwrap(), 5);
    });
}

#[test]
fn a_training_that_failed_is_left_to_the_next() {
    let desk = Desk::new(2);
    let attempt = desk.begin(1, soon());
    drop(attempt.ask([1; 32]));
    assert!(matches!(attempt.ask([1; 32]), Ok(Asked::New(_))));
}
