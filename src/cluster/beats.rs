//! Greetings and heartbeats: who is there.

use std::collections::BTreeSet;

use super::failure::Failure;
use super::roster::{BeatId, Greeting, Health, NONE, NodeId, Origin, Pulse};
use super::time::Time;
use super::timers::Timer;
use super::{Cluster, Command, FailureKind};

impl Cluster {
    /// The list of nodes, as it stands now. New ones are greeted, those no longer listed finish what they have.
    pub fn listed(&mut self, now: Time, addresses: &[String]) {
        for address in addresses {
            self.admit(now, address, Origin::Listed);
        }
        let keep: BTreeSet<&String> = addresses.iter().collect();
        let dropped: Vec<NodeId> = self
            .roster
            .iter()
            .filter(|(_, node)| node.origin == Origin::Listed && !keep.contains(&node.address))
            .map(|(id, _)| id)
            .collect();
        for id in dropped {
            self.delist(now, id);
        }
    }

    /// A node announced itself.
    pub fn joined(&mut self, now: Time, address: &str) {
        self.admit(now, address, Origin::Joined);
    }

    /// A node takes its leave: it finishes what it has and is forgotten, unless it is on the list.
    pub fn left(&mut self, now: Time, address: &str) {
        let Some(id) = self.roster.find(address) else {
            return;
        };
        match self.roster.get_mut(id) {
            Some(node) if node.origin == Origin::Listed => self.leaving(now, id),
            _ => self.delist(now, id),
        }
    }

    /// A greeting was answered, or not.
    pub fn greeted(
        &mut self,
        now: Time,
        id: NodeId,
        beat: BeatId,
        answer: Result<Greeting, Failure>,
    ) {
        if !self.closes_beat(id, beat) {
            return;
        }
        let greeting = match answer {
            Ok(greeting) => greeting,
            Err(failure) => return self.beat_failed(now, id, failure),
        };
        self.lose_attempts_of_former_self(now, id, greeting.incarnation);
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        if node.health == Health::Down && node.greeting.is_some() {
            self.counts.returns += 1;
        }
        let incarnation = greeting.incarnation;
        self.tasks.host(id, &greeting.hosted, node.hosted());
        node.greeting = Some(greeting);
        node.misses = 0;
        node.suspect = false;
        node.took_leave = false;
        self.hold_to_bar(id, incarnation);
        if let Some(node) = self.roster.get_mut(id).filter(|node| !node.delisted) {
            node.step_up();
        }
        // It may be barred, and save nobody.
        self.reconnect_answered(id);
        self.ask_again(now, id);
    }

    /// A heartbeat was answered, or not.
    pub fn pulsed(&mut self, now: Time, id: NodeId, beat: BeatId, answer: Result<Pulse, Failure>) {
        if !self.closes_beat(id, beat) {
            return;
        }
        let pulse = match answer {
            Ok(pulse) => pulse,
            Err(failure) => return self.beat_failed(now, id, failure),
        };
        let restarted = self.lose_attempts_of_former_self(now, id, pulse.incarnation);
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        node.load = pulse.load;
        node.misses = 0;
        node.suspect = false;
        if restarted && !node.delisted {
            // Its slots and shards may be others now: greet it before it gets anything.
            node.step_down(now, Health::New);
            self.timers.set(Timer::Node(id), now);
            return;
        }
        if pulse.leaving && node.health == Health::Up {
            node.step_down(now, Health::Leaving);
        } else if !pulse.leaving && node.health == Health::Leaving && node.may_return() {
            // It changed its mind, or the heartbeat that said so was an old one.
            node.step_up();
        }
        self.ask_again(now, id);
    }

    /// A call to the node broke: nothing new for it until it answers a heartbeat, asked for at once.
    pub(super) fn suspect(&mut self, now: Time, id: NodeId) {
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        node.suspect = true;
        if node.asked.is_none() {
            self.timers.set(Timer::Node(id), now);
        }
    }

    /// Time to greet or ask the node, or what it was asked counts as missed.
    pub(super) fn node_due(&mut self, now: Time, id: NodeId) {
        let timeout = self.config.heartbeat_timeout;
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        if node.asked.take().is_some() {
            let reason = format!("no answer to a heartbeat within {timeout:?}");
            return self.beat_failed(now, id, Failure::new(FailureKind::Silent, reason));
        }
        let beat = BeatId(self.next_beat);
        self.next_beat += 1;
        node.asked = Some(beat);
        let command = match node.health {
            Health::New | Health::Down => Command::Greet { node: id, beat },
            Health::Up | Health::Leaving | Health::Barred => Command::Beat { node: id, beat },
        };
        self.commands.push(command);
        self.timers.set(Timer::Node(id), now + timeout);
    }

    /// Removes a node that is off the list and has nothing in hand.
    pub(super) fn part_if_done(&mut self, id: NodeId) {
        let done = |node: &super::Node| node.delisted && node.in_hand == 0;
        if self.roster.get(id).is_some_and(done) {
            if let Some(node) = self.roster.remove(id) {
                self.tasks.host(id, NONE, node.hosted());
            }
            self.timers.clear(Timer::Node(id));
            self.reconnect_answered(id);
            self.commands.push(Command::Part { node: id });
        }
    }

    fn admit(&mut self, now: Time, address: &str, origin: Origin) {
        let known = self.roster.find(address).is_some();
        let id = self.roster.add(address, origin);
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        if origin == Origin::Listed {
            node.origin = Origin::Listed;
        }
        // It was on its way out because of the list; now it is here because it says so.
        if origin == Origin::Joined && node.delisted {
            node.origin = Origin::Joined;
        }
        // A node that is back on the list, or announces itself again, is greeted anew. One that is on the
        // list as before stays what it is: it may be leaving, or down and asked at its intervals.
        let announced = origin == Origin::Joined && node.health != Health::Up;
        if !known || node.delisted || announced {
            node.delisted = false;
            node.step_down(now, Health::New);
            node.asked = None;
            self.timers.set(Timer::Node(id), now);
        }
    }

    fn delist(&mut self, now: Time, id: NodeId) {
        if let Some(node) = self.roster.get_mut(id) {
            node.delisted = true;
            node.step_down(now, Health::Leaving);
        }
        self.part_if_done(id);
    }

    fn leaving(&mut self, now: Time, id: NodeId) {
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        node.took_leave = true;
        if node.health == Health::Up {
            node.step_down(now, Health::Leaving);
            if node.asked.is_none() {
                self.timers
                    .set(Timer::Node(id), now + self.config.heartbeat);
            }
        }
    }

    /// Whether this answer is the one waited for; older ones change nothing.
    fn closes_beat(&mut self, id: NodeId, beat: BeatId) -> bool {
        match self.roster.get_mut(id) {
            Some(node) if node.asked == Some(beat) => {
                node.asked = None;
                true
            }
            _ => false,
        }
    }

    fn ask_again(&mut self, now: Time, id: NodeId) {
        self.timers
            .set(Timer::Node(id), now + self.config.heartbeat);
    }

    fn beat_failed(&mut self, now: Time, id: NodeId, failure: Failure) {
        let Some(node) = self.roster.get_mut(id) else {
            return;
        };
        node.misses = node.misses.saturating_add(1);
        node.last_failure = Some((now, failure.clone()));
        let misses = node.misses;
        let was_serving = !matches!(node.health, Health::New | Health::Down);
        let down = failure.kind == FailureKind::Unreachable || misses >= self.config.misses;
        if was_serving && !down {
            // Ask again at once: silence is settled within a few heartbeats.
            self.timers.set(Timer::Node(id), now);
            return;
        }
        if was_serving {
            self.counts.downs += 1;
        }
        node.step_down(now, Health::Down);
        let wait = self.config.redial.wait(misses);
        self.timers.set(Timer::Node(id), now + wait);
        self.lose_attempts(now, id, &failure.reason);
        self.reconnect_answered(id);
        let announced = self.roster.get(id).map(|node| node.origin) == Some(Origin::Joined);
        if announced && misses >= self.config.forgotten {
            return self.delist(now, id);
        }
        self.part_if_done(id);
    }

    /// Fails what a restarted node had in hand. Says whether it was restarted.
    fn lose_attempts_of_former_self(&mut self, now: Time, id: NodeId, incarnation: i64) -> bool {
        let known = self
            .roster
            .get(id)
            .and_then(|node| node.greeting.as_ref())
            .map(|greeting| greeting.incarnation);
        let restarted = known.is_some_and(|known| known != incarnation);
        if restarted {
            self.lose_attempts(now, id, "the node was restarted");
        }
        restarted
    }

    /// Fails every attempt in the hands of a node.
    pub(super) fn lose_attempts(&mut self, now: Time, id: NodeId, why: &str) {
        let held: Vec<_> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.node == id)
            .map(|(&attempt, _)| attempt)
            .collect();
        for attempt in held {
            let reason = format!("lost in mid-task: {why}");
            self.commands.push(Command::Cancel { attempt, node: id });
            self.failed(now, attempt, Failure::new(FailureKind::Silent, reason));
        }
    }
}
