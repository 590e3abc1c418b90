//! The connections to one node: one for heartbeats, and one for each attempt it has in hand.
//!
//! Heartbeats have their own connection and thread, so they never queue behind training. A lane is a
//! thread with a connection that carries one attempt at a time; lanes are started when needed and kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crossbeam_channel::{Sender, unbounded};

use super::call::{Connected, Job, Reporter};
use super::greetings::Greetings;
use super::hosts::Hosts;
use super::lane::{InHand, carry_all};
use super::pulse::{self, Question};
use crate::cluster::AttemptId;
use crate::net::{Address, Control};
use crate::sync::mpsc;
use crate::wire::convert::{
    BLOBS, CANCELS, CORRECTION, DESCRIBES, EVALUATES, FLIPS, FOLDS, INITIALISES, MOMENTUM,
    PROXIMAL, WEIGHT_DECAY,
};
use crate::wire::stubs::compute_node::HelloReply;

/// Stacks of the threads here are small: there may be thousands.
const STACK: usize = 256 << 10;

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
pub(super) struct Abilities {
    bits: AtomicU32,
}

impl Abilities {
    /// Notes what the node says of itself.
    pub(super) fn note(&self, hello: &HelloReply) {
        let named = hello.hello.abilities.as_ref();
        let mut bits = 0;
        for (place, ability) in KNOWN.iter().enumerate() {
            let has = named.is_some_and(|abilities| abilities.contains(*ability));
            bits |= u32::from(has) << place;
        }
        self.bits.store(bits, Ordering::Relaxed);
    }

    /// Whether it has this ability.
    pub(super) fn has(&self, ability: &str) -> bool {
        let place = KNOWN.iter().position(|known| *known == ability);
        place.is_some_and(|place| self.bits.load(Ordering::Relaxed) >> place & 1 == 1)
    }
}

/// Where it is kept what a node says of itself when it is greeted.
#[derive(Clone)]
pub(super) struct Heard {
    pub(super) hosts: Hosts,
    pub(super) greetings: Greetings,
    /// Of this node alone.
    pub(super) abilities: Arc<Abilities>,
}

struct Lane {
    jobs: mpsc::Sender<Job>,
    in_hand: Arc<InHand<Control>>,
}

/// All connections to one node. Dropping it ends its threads.
pub(super) struct Link {
    address: Address,
    abilities: Arc<Abilities>,
    reporter: Reporter,
    questions: Sender<Question>,
    lanes: Vec<Lane>,
}

impl Link {
    /// Starts the heartbeat's thread, which drops `alive` when it ends.
    pub(super) fn new(
        address: Address,
        reporter: Reporter,
        heard: Heard,
        alive: Sender<()>,
    ) -> std::io::Result<Link> {
        let (questions, asked) = unbounded();
        let abilities = heard.abilities.clone();
        let (to, told) = (address.clone(), reporter.clone());
        thread::Builder::new()
            .name(format!("pulse {address}"))
            .stack_size(STACK)
            .spawn(move || {
                pulse::run(&to, &asked, &told, &heard);
                drop(alive);
            })?;
        Ok(Link {
            address,
            abilities,
            reporter,
            questions,
            lanes: Vec::new(),
        })
    }

    /// Where the node is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Asks by the heartbeat's connection.
    pub(super) fn ask(&self, question: Question) {
        // The thread ends only with the link.
        let _ = self.questions.send(question);
    }

    /// Sends an attempt by a lane that is free, or a new one.
    pub(super) fn dispatch(&mut self, job: Job) -> std::io::Result<()> {
        let free = |lane: &&Lane| lane.in_hand.take(job.attempt);
        if let Some(lane) = self.lanes.iter().find(free) {
            let _ = lane.jobs.send(job);
            return Ok(());
        }
        let lane = self.start_lane(job.attempt)?;
        let _ = lane.jobs.send(job);
        self.lanes.push(lane);
        Ok(())
    }

    /// Nobody waits for this attempt any more: a node that can be told is, and the lane's connection is closed,
    /// which frees the lane at once whatever the node does.
    pub(super) fn abandon(&self, attempt: AttemptId) {
        for lane in &self.lanes {
            if lane.in_hand.abandon(attempt) && self.abilities.has(CANCELS) {
                self.ask(Question::Cancel(attempt));
            }
        }
    }

    fn start_lane(&self, attempt: AttemptId) -> std::io::Result<Lane> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let in_hand = Arc::new(InHand::new(attempt));
        let (shared, reporter) = (in_hand.clone(), self.reporter.clone());
        let mut connected = Connected::new(self.address.clone(), self.abilities.clone());
        thread::Builder::new()
            .name(format!("lane {}", self.address))
            .stack_size(STACK)
            .spawn(move || {
                let carry = |job: &Job| connected.carry(job, &reporter, &shared);
                carry_all(&todo, &shared, carry, |fact| reporter.report(fact));
            })?;
        Ok(Lane { jobs, in_hand })
    }
}
