//! The connections to one node: one for heartbeats, and one for each attempt it has in hand.
//!
//! Heartbeats have their own connection and thread, so they never queue behind training. A lane is a
//! thread with a connection that carries one attempt at a time; lanes are started when needed and kept.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Sender, unbounded};

use super::abilities::Abilities;
use super::call::Connected;
use super::job::Job;
use super::lane::{InHand, carry_all};
use super::pulse::{self, Heard, Question};
use crate::app::coordinator::reporter::Reporter;
use crate::cluster::AttemptId;
use crate::net::{Address, Control};
use crate::sync::mpsc;
use crate::wire::convert::CANCELS;

/// Stacks of the threads here are small: there may be thousands.
const STACK: usize = 256 << 10;

struct Lane {
    jobs: mpsc::Sender<Job>,
    in_hand: Arc<InHand<Control>>,
}

/// All connections to one node. Dropping it ends its threads.
pub struct Link {
    address: Address,
    abilities: Arc<Abilities>,
    reporter: Reporter,
    questions: Sender<Question>,
    lanes: Vec<Lane>,
}

impl Link {
    /// Starts the heartbeat's thread, which drops `alive` when it ends.
    pub fn new(
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
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks by the heartbeat's connection.
    pub fn ask(&self, question: Question) {
        // The thread ends only with the link.
        let _ = self.questions.send(question);
    }

    /// Sends an attempt by a lane that is free, or a new one.
    pub fn dispatch(&mut self, job: Job) -> std::io::Result<()> {
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
    pub fn abandon(&self, attempt: AttemptId) {
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
