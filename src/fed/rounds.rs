//! One round after the other: asked, counted, stepped, evaluated, reported.

use super::bundle;
use super::event::{Command, Evaluation, Stepped, Work};
use super::federation::Federation;
use super::report::RunEvent;
use super::round::{Round, Verdict};
use super::run::{Ending, Phase, RunId};
use super::tally::Tally;
use crate::cluster::Time;
use crate::ml::metrics::Metrics;

impl Federation {
    pub(super) fn start_round(&mut self, now: Time, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let number = run.finished + 1;
        let cohort = match &mut run.course {
            Some(course) => {
                course.go_to(number);
                course.arrivals().keys().copied().collect()
            }
            None => run.plan.cohort_of(number, run.shards.len()),
        };
        self.open_round(now, id, Round::new(number, now, cohort));
    }

    /// Begins a round with an empty sum, and asks for its shards.
    pub(super) fn open_round(&mut self, now: Time, id: &RunId, round: Round) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let (number, cohort) = (round.number, round.cohort().to_vec());
        let weight_limit = run.weight_limit(&cohort);
        run.phase = Phase::Training(round);
        self.commands.push(Command::Open {
            run: id.clone(),
            round: number,
            weight_limit,
        });
        self.ask(now, id, number, &cohort);
    }

    /// Submits training tasks for these shards: one for each that only its host can train, for the others as
    /// few as keep the nodes busy.
    pub(super) fn ask(&mut self, now: Time, id: &RunId, round: u32, shards: &[u32]) {
        let slots = self.cluster.roster().slots();
        let (bound, free): (Vec<u32>, Vec<u32>) = shards
            .iter()
            .partition(|&&shard| self.host_of(id, shard).is_some());
        for shard in bound {
            self.ask_together(now, id, round, &[shard]);
        }
        if self.runs.get(id).is_some_and(|run| run.plan.one_by_one()) {
            let one_by_one = free.chunks(1);
            return one_by_one.for_each(|shard| self.ask_together(now, id, round, shard));
        }
        for bundle in bundle::cut(&free, slots) {
            self.ask_together(now, id, round, bundle);
        }
    }

    /// Submits one training task for all of these shards.
    pub(super) fn ask_together(&mut self, now: Time, id: &RunId, round: u32, shards: &[u32]) {
        let Some(&first) = shards.first() else {
            return;
        };
        let host = self.host_of(id, first);
        let shards = shards.into();
        if let Some(task) = self.submit_task(now, id, Work::Train { round, shards }, host) {
            self.draw(id, task, round, first);
        }
    }

    pub(super) fn close_round_if_done(&mut self, now: Time, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let (quorum, rule) = (run.quorum, run.plan.aggregator);
        let Some(round) = run.training() else {
            return;
        };
        let number = round.number;
        match round.verdict(quorum, rule.as_ref()) {
            Verdict::Open => {}
            Verdict::Step { weight } => {
                let round = round.clone();
                run.phase = Phase::Stepping(round);
                self.commands.push(Command::Step {
                    run: id.clone(),
                    round: number,
                    weight,
                });
            }
            Verdict::AskAgain(shards) => {
                let notice = format!(
                    "round {number}: below quorum, asking again for {} shards",
                    shards.len()
                );
                self.notice(id, notice);
                self.ask(now, id, number, &shards);
            }
            Verdict::BelowQuorum { counted, needed } => {
                let round = round.clone();
                let reasons = round.reasons(&run.shards);
                let reason = format!(
                    "round {number} stayed below quorum: {counted} shards counted, {needed} needed; {reasons}"
                );
                let ending = run.unable(reason);
                self.end(id, ending);
            }
        }
    }

    pub(super) fn stepped(
        &mut self,
        now: Time,
        id: &RunId,
        number: u32,
        stepped: Result<Stepped, String>,
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Stepping(round) = &run.phase else {
            return;
        };
        if round.number != number {
            return;
        }
        run.stirred = now;
        let Stepped { digest, suspects } = match stepped {
            Ok(stepped) => stepped,
            Err(reason) => return self.end(id, Ending::Failed(reason)),
        };
        let mut round = round.clone();
        round.suspects = suspects;
        if run.evaluation == Evaluation::Nowhere {
            return self.finish_round(now, id, &round, None, digest);
        }
        let cohort = round.cohort().to_vec();
        run.phase = Phase::Evaluating {
            round,
            digest,
            tally: Tally::awaiting(cohort.len()),
        };
        match run.evaluation {
            Evaluation::Nowhere => {}
            Evaluation::Central => self.commands.push(Command::Evaluate(id.clone(), number)),
            Evaluation::Nodes => {
                for shard in cohort {
                    let host = self.host_of(id, shard);
                    let round = number;
                    self.submit_task(now, id, Work::Evaluate { round, shard }, host);
                }
            }
        }
    }

    pub(super) fn evaluated(
        &mut self,
        now: Time,
        id: &RunId,
        number: u32,
        found: Result<Metrics, String>,
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Evaluating { round, digest, .. } = &run.phase else {
            return;
        };
        if round.number != number {
            return;
        }
        let (round, digest) = (round.clone(), *digest);
        match found {
            Ok(metrics) => self.finish_round(now, id, &round, Some(metrics), digest),
            Err(reason) => self.end(id, Ending::Failed(reason)),
        }
    }

    /// A node evaluated on what it holds out of a shard, or no node could.
    pub(super) fn node_evaluated(
        &mut self,
        now: Time,
        id: &RunId,
        shard: u32,
        found: Option<Metrics>,
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Phase::Evaluating {
            round,
            digest,
            tally,
        } = &mut run.phase
        else {
            return;
        };
        tally.take(shard, found);
        if !tally.is_complete() {
            return;
        }
        let merged = tally.total();
        let (round, digest) = (round.clone(), *digest);
        self.finish_round(now, id, &round, merged, digest);
    }

    pub(super) fn finish_round(
        &mut self,
        now: Time,
        id: &RunId,
        round: &Round,
        metrics: Option<Metrics>,
        digest: [u8; 32],
    ) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let report = round.report(now, &run.plan, &run.shards, metrics, digest);
        run.finished = round.number;
        run.stirred = now;
        run.last = Some(report.clone());
        let done = run.finished >= run.plan.rounds;
        let ending = done.then(|| Ending::Succeeded(run.report(now)));
        self.tell(id, RunEvent::Round(report));
        match ending {
            Some(ending) => self.end(id, ending),
            None => self.go_on(now, id),
        }
    }

    /// Begins the next round, unless too much is still to be recorded.
    fn go_on(&mut self, now: Time, id: &RunId) {
        if self.runs.get(id).is_some_and(|run| run.log.is_behind()) {
            return self.set_phase(id, Phase::Recording);
        }
        self.start_round(now, id);
    }

    /// Goes on with a run that waited until more was recorded.
    pub(super) fn go_on_if_recorded(&mut self, now: Time, id: &RunId) {
        if let Some(run) = self.runs.get(id)
            && matches!(run.phase, Phase::Recording)
        {
            self.go_on(now, id);
        }
    }
}
