//! Audited tasks: who else is asked, what counts, and what becomes of a node that was wrong.

use super::answers::Brought;
use super::audit::{Audit, Draw, Finding, Testimony, listed};
use super::event::{Command, Work};
use super::federation::Federation;
use super::round::Round;
use super::run::{Ending, Run, RunId};
use crate::cluster::{Health, TaskId, Time};
use crate::seed::Seed;

/// A round is begun anew without a node that was wrong so many times at most: nodes that come back again and again
/// must not hold a run up for ever.
const MOST_ANEW: u32 = 8;

impl Federation {
    /// The same with audits: about this share of the training tasks is done by two nodes. Which ones depends on the
    /// seed, the result of a run never does.
    pub fn auditing(self, share: f64, seed: Seed) -> Federation {
        let draw = Draw { share, seed };
        Federation { draw, ..self }
    }

    /// Has a new task audited, if it is drawn.
    pub(super) fn draw(&mut self, id: &RunId, task: TaskId, round: u32, shard: u32) {
        if self.draw.share <= 0.0 {
            return;
        }
        if self.host_of(id, shard).is_some() {
            let why = "private shards are not audited: only their nodes can train them";
            return self.say_unaudited(id, why.to_owned());
        }
        let seed = self.run(id).map(|run| run.plan.seed);
        if seed.is_some_and(|seed| self.draw.takes(seed, round, shard)) {
            self.audits.insert(task, Audit::default());
        }
    }

    /// A node answered an audited task.
    pub(super) fn hear(&mut self, now: Time, mut audit: Audit, by: Testimony, brought: &Brought) {
        let node = by.address.clone();
        let finding = audit.hear(by);
        if let Finding::Agreed { with, liars } = finding {
            let honest = listed(&[with, node].into());
            return self.agreed(now, brought, &honest, &liars);
        }
        let heard = audit.nodes();
        let may_yet = |health| matches!(health, Health::Up | Health::New);
        let another = self
            .cluster
            .roster()
            .iter()
            .any(|(_, other)| may_yet(other.health) && !heard.contains(&other.address));
        if another && finding == Finding::Open {
            self.commands.push(Command::Discard(brought.attempt));
            let work = brought.work();
            if let Some(task) = self.submit_elsewhere(now, brought.run, work, heard) {
                self.audits.insert(task, audit);
            }
        } else if audit.results() == 1 {
            let round = brought.round;
            let why = format!("round {round}: updates count unaudited: {node} is the only node up");
            self.say_unaudited(brought.run, why);
            self.count(now, brought, Some(&node));
        } else {
            self.commands.push(Command::Discard(brought.attempt));
            let why = "no other node is there to say which is right";
            self.leave_out(now, brought.run, brought.shards, &audit, why);
        }
    }

    /// No other node did an audited task. Says whether that settles it.
    pub(super) fn not_compared(
        &mut self,
        now: Time,
        (id, round, shards): (&RunId, u32, &[u32]),
        audit: &Audit,
        reason: &str,
    ) -> bool {
        match audit.results() {
            0 => return false,
            1 => {
                let why = format!("round {round}: updates count unaudited: {reason}");
                self.say_unaudited(id, why);
                let shards = shards.into();
                self.submit_task(now, id, Work::Train { round, shards }, None);
            }
            _ => self.leave_out(now, id, shards, audit, reason),
        }
        true
    }

    fn agreed(&mut self, now: Time, brought: &Brought, honest: &str, liars: &[Testimony]) {
        let (id, round) = (brought.run, brought.round);
        let shard = self.named(id, brought.shards);
        let mut anew = false;
        for liar in liars {
            let what = format!(
                "its update of shard {shard} in round {round} of run {id} differs from those of {honest}"
            );
            anew |= self.convict(now, id, liar, &what);
        }
        if anew {
            return self.commands.push(Command::Discard(brought.attempt));
        }
        self.count(now, brought, None);
    }

    /// Bars a node. Rounds under way that rest on what it brought are begun anew; says whether that of this run was.
    fn convict(&mut self, now: Time, of: &RunId, liar: &Testimony, what: &str) -> bool {
        let address = &liar.address;
        let reason = format!("barred: {what}");
        self.cluster.bar(now, address, liar.incarnation, &reason);
        self.audits.values_mut().for_each(|a| a.strike(address));
        let mut anew = false;
        let under_way = self.runs.values().filter(|run| !run.is_over());
        for id in under_way.map(|run| run.id.clone()).collect::<Vec<RunId>>() {
            let tainted = self.runs.get_mut(&id).and_then(Run::training);
            let tainted = tainted.filter(|round| round.rests_on(address)).cloned();
            let number = tainted.as_ref().map(|round| round.number);
            let then = number.map_or(String::new(), |n| format!("; round {n} begins anew"));
            let trained = |run: &Run| run.finished > 0 || run.trained().is_some();
            let kept = if self.run(&id).is_some_and(trained) {
                "; rounds trained before stay as they are"
            } else {
                ""
            };
            self.notice(&id, format!("{address} is barred: {what}{then}{kept}"));
            if let Some(round) = tainted {
                anew |= id == *of;
                self.begin_anew(now, &id, round);
            }
        }
        anew
    }

    fn begin_anew(&mut self, now: Time, id: &RunId, round: Round) {
        self.withdraw(id);
        if round.anew >= MOST_ANEW {
            let number = round.number;
            let reason = format!(
                "round {number} was begun anew {MOST_ANEW} times, and again a node brought wrong updates"
            );
            return self.end(id, Ending::Failed(reason));
        }
        self.open_round(now, id, round.begun_anew());
    }

    /// Nodes brought different updates of these shards, and nobody can say which is right.
    fn leave_out(&mut self, now: Time, id: &RunId, shards: &[u32], audit: &Audit, why: &str) {
        let nodes = listed(&audit.nodes());
        let reason = format!("the updates of {nodes} differ: {why}");
        if let Some(round) = self.runs.get_mut(id).and_then(Run::training) {
            for &shard in shards {
                round.omit(shard, reason.clone());
            }
        }
        self.close_round_if_done(now, id);
    }

    /// Once a run.
    fn say_unaudited(&mut self, id: &RunId, why: String) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        if !std::mem::replace(&mut run.said_unaudited, true) {
            self.notice(id, why);
        }
    }
}
