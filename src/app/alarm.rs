//! An alarm set to one moment at a time, and whoever attends to it.

use std::sync::PoisonError;
use std::time::Duration;

use crate::cluster::Time;
use crate::sync::{Condvar, Mutex, lock};

/// See the module.
#[derive(Debug, Default)]
pub struct Alarm {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    at: Option<Time>,
    ended: bool,
}

impl Alarm {
    /// Sets it to this moment instead of the one before; none is never.
    pub fn set(&self, at: Option<Time>) {
        let mut state = lock(&self.state);
        let sooner = at.is_some_and(|new| state.at.is_none_or(|old| new < old));
        state.at = at;
        drop(state);
        // Who waits for an earlier moment than needed looks then, and waits on.
        if sooner {
            self.bell.notify_all();
        }
    }

    /// It rings no more.
    pub fn end(&self) {
        lock(&self.state).ended = true;
        self.bell.notify_all();
    }

    /// Attends to it until it has ended, or `ring` says that it is enough; `left` tells how long it is
    /// until a moment.
    pub fn attend(&self, left: impl Fn(Time) -> Duration, mut ring: impl FnMut() -> bool) {
        while self.wait(&left) && ring() {}
    }

    /// Waits until it rings; it has to be set again then. False when it has ended.
    fn wait(&self, left: impl Fn(Time) -> Duration) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.ended {
                return false;
            }
            let Some(at) = state.at else {
                let woken = self.bell.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = left(at);
            if left.is_zero() {
                state.at = None;
                return true;
            }
            let woken = self.bell.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::turns::{Turns, Worker};
    use crate::sync::{explore, thread};

    /// Half of the moments are over, and the others never come.
    fn left(at: Time) -> Duration {
        if at < Time(100) {
            Duration::ZERO
        } else {
            Duration::MAX
        }
    }

    #[derive(Clone, Copy)]
    enum Fact {
        Told,
        Tick,
    }

    /// After each fact it wants to be woken some time, after the last one of `facts` at once.
    struct Core {
        facts: usize,
        ticks: usize,
        alarm: Arc<Alarm>,
    }

    impl Worker<Fact> for Core {
        fn take(&mut self, fact: Fact) {
            match fact {
                Fact::Told => self.facts -= 1,
                Fact::Tick if self.facts == 0 => self.ticks += 1,
                Fact::Tick => {}
            }
            if self.ticks == 1 {
                self.alarm.end();
            }
        }

        fn rest(&mut self) {
            let at = if self.facts == 0 {
                1
            } else {
                100 + self.facts as u64
            };
            self.alarm.set((self.ticks == 0).then_some(Time(at)));
        }
    }

    #[test]
    fn shuttle_the_alarm_rings_when_due() {
        explore(
            "the alarm",
            "whoever attends is woken by a moment that comes sooner",
            || {
                let alarm = Arc::<Alarm>::default();
                let core = Core {
                    facts: 2,
                    ticks: 0,
                    alarm: alarm.clone(),
                };
                let turns = Arc::new(Turns::new(core));
                let ticker = {
                    let (alarm, turns) = (alarm.clone(), turns.clone());
                    thread::spawn(move || {
                        alarm.attend(left, || {
                            assert!(turns.bring(Fact::Tick));
                            true
                        });
                    })
                };
                let bringers = [(); 2].map(|()| {
                    let turns = turns.clone();
                    thread::spawn(move || turns.bring(Fact::Told))
                });
                for bringer in bringers {
                    bringer.join().unwrap();
                }
                // Ends only when a tick has come after the last fact.
                ticker.join().unwrap();
                assert_eq!(turns.end().unwrap().facts, 0);
            },
        );
    }

    #[test]
    fn shuttle_the_end_of_an_alarm_sends_home_who_attends() {
        explore(
            "the end of the alarm",
            "whoever attends goes home, whatever the alarm is set to",
            || {
                let alarm = Arc::<Alarm>::default();
                let attended = alarm.clone();
                let ticker = thread::spawn(move || attended.attend(left, || true));
                alarm.set(Some(Time(200)));
                alarm.set(Some(Time(150)));
                alarm.end();
                ticker.join().unwrap();
            },
        );
    }
}
