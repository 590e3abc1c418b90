//! What a lane has in hand: its thread carries one attempt at a time, and others give and abandon them.

use crate::cluster::AttemptId;
use crate::net::Control;
use crate::sync::mpsc::Receiver;
use crate::sync::{Mutex, lock};

/// What an attempt goes by, and fails with when closed.
pub trait Close {
    fn close(&self);
}

impl Close for Control {
    fn close(&self) {
        Control::close(self);
    }
}

/// Shared by a lane's thread and the link.
#[derive(Debug)]
pub struct InHand<C>(Mutex<State<C>>);

#[derive(Debug)]
struct State<C> {
    attempt: Option<AttemptId>,
    connection: Option<C>,
    abandoned: bool,
}

impl<C: Close> InHand<C> {
    /// Of a lane that is new, for this attempt.
    pub fn new(attempt: AttemptId) -> InHand<C> {
        InHand(Mutex::new(State {
            attempt: Some(attempt),
            connection: None,
            abandoned: false,
        }))
    }

    /// Takes the lane for an attempt, if it is free.
    pub fn take(&self, attempt: AttemptId) -> bool {
        let mut state = lock(&self.0);
        let free = state.attempt.is_none();
        if free {
            state.attempt = Some(attempt);
        }
        free
    }

    /// The attempt in hand goes by this connection from now on. It is closed if the attempt was
    /// abandoned on the way to it.
    pub fn goes_by(&self, connection: C) {
        let mut state = lock(&self.0);
        if state.abandoned {
            connection.close();
        }
        state.connection = Some(connection);
    }

    /// Nobody waits for this attempt any more: what it goes by is closed, now or when there is something.
    /// Says whether the attempt is in hand.
    pub fn abandon(&self, attempt: AttemptId) -> bool {
        let mut state = lock(&self.0);
        let found = state.attempt == Some(attempt);
        if found {
            state.abandoned = true;
            if let Some(connection) = &state.connection {
                connection.close();
            }
        }
        found
    }

    fn done(&self) {
        *lock(&self.0) = State {
            attempt: None,
            connection: None,
            abandoned: false,
        };
    }
}

/// What a lane's thread does until nobody can give it anything any more. The lane is free before what came
/// of an attempt is reported, because that may bring the next.
pub fn carry_all<J, C: Close, F>(
    todo: &Receiver<J>,
    in_hand: &InHand<C>,
    mut carry: impl FnMut(&J) -> F,
    report: impl Fn(F),
) {
    while let Ok(job) = todo.recv() {
        let fact = carry(&job);
        in_hand.done();
        report(fact);
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use std::sync::{Arc, PoisonError};

    use super::*;
    use crate::sync::mpsc::channel;
    use crate::sync::{Condvar, explore, thread};

    /// A connection to a node that never answers.
    #[derive(Clone, Default)]
    struct Silent(Arc<(Mutex<bool>, Condvar)>);

    impl Silent {
        fn call(&self) {
            let (closed, bell) = &*self.0;
            let closed = bell.wait_while(lock(closed), |closed| !*closed);
            drop(closed.unwrap_or_else(PoisonError::into_inner));
        }
    }

    impl Close for Silent {
        fn close(&self) {
            *lock(&self.0.0) = true;
            self.0.1.notify_all();
        }
    }

    #[test]
    fn shuttle_abandoning_frees_the_lane() {
        explore(
            "the lanes to a node",
            "an abandoned attempt ends whatever the node does, no other is touched, and the lane ends",
            || {
                let (first, second) = (AttemptId(1), AttemptId(2));
                let in_hand = Arc::new(InHand::new(first));
                let (jobs, todo) = channel();
                let (facts, reported) = channel();
                let lane = {
                    let in_hand = in_hand.clone();
                    thread::spawn(move || {
                        let carry = |attempt: &AttemptId| {
                            let connection = Silent::default();
                            in_hand.goes_by(connection.clone());
                            if *attempt == first {
                                connection.call();
                            }
                            let closed = *lock(&connection.0.0);
                            (*attempt, closed)
                        };
                        carry_all(&todo, &in_hand, carry, |fact| facts.send(fact).unwrap());
                    })
                };
                jobs.send(first).unwrap();
                let abandoners = [(); 2].map(|()| {
                    let in_hand = in_hand.clone();
                    thread::spawn(move || in_hand.abandon(first))
                });
                assert_eq!(reported.recv(), Ok((first, true)));
                assert!(in_hand.take(second), "free before it reports");
                jobs.send(second).unwrap();
                assert_eq!(reported.recv(), Ok((second, false)));
                let found = abandoners.map(|abandoner| abandoner.join().unwrap());
                assert!(found.contains(&true));
                drop(jobs);
                lane.join().unwrap();
            },
        );
    }
}
