//! Nodes that lie at times, and a coordinator that audits: no lie is told as part of a round where everything is
//! audited and somebody is there to compare with, and no honest node is ever barred.

use std::collections::{BTreeMap, BTreeSet};

use roundtable::cluster::AttemptId;
use roundtable::fed::{Answer, Fingerprint, RunId};
use roundtable::seed::Stream;

/// What honest nodes bring is alike; so it is enough that lies are not.
const HONEST: Fingerprint = [0; 32];

/// Who lies how often, and who was caught.
#[derive(Clone, Debug)]
pub struct Lies {
    /// Share of the tasks that are audited.
    pub share: f64,
    /// Share of the updates that are lies, of each node; none after a while.
    rates: Vec<f64>,
    /// Addresses of nodes that lied.
    liars: BTreeSet<String>,
    /// Runs in which something counts that nobody compared.
    unaudited: BTreeSet<RunId>,
    /// Steps that are not those of honest nodes, and what was seen.
    suspects: BTreeMap<(RunId, u32), String>,
}

impl Lies {
    pub fn draw(stream: &mut Stream, nodes: usize) -> Lies {
        let share = match stream.below(4) {
            0 => 0.0,
            1 => stream.uniform(),
            _ => 1.0,
        };
        let often = stream.uniform() * 0.3;
        let mut rate = || {
            let lies = share > 0.0 && stream.chance(0.3);
            if lies { often } else { 0.0 }
        };
        Lies {
            share,
            rates: (0..nodes).map(|_| rate()).collect(),
            liars: BTreeSet::new(),
            unaudited: BTreeSet::new(),
            suspects: BTreeMap::new(),
        }
    }

    /// From now on nobody lies.
    pub fn end(&mut self) {
        self.rates.fill(0.0);
    }

    /// An update with its fingerprint, which says whether it is a lie. No two lies are alike.
    pub fn sign(
        &mut self,
        (at, address): (usize, &str),
        attempt: AttemptId,
        answer: Answer,
        stream: &mut Stream,
    ) -> Answer {
        let Answer::Update(trained, _) = answer else {
            return answer;
        };
        let mut print = HONEST;
        if self.rates[at] > 0.0 && stream.chance(self.rates[at]) {
            self.liars.insert(address.to_owned());
            print[..8].copy_from_slice(&(attempt.0 + 1).to_le_bytes());
        }
        Answer::Update(trained, Some(print))
    }

    /// Changes a value of what came with an answer, if that is a lie. Says whether it is.
    pub fn spoil(&self, answer: &Answer, brought: &mut [(u64, Vec<f32>)]) -> bool {
        let lie = matches!(answer, Answer::Update(_, Some(print)) if *print != HONEST);
        if let Some((_, update)) = brought.first_mut().filter(|_| lie) {
            update[0] += 1.0;
        }
        lie
    }

    /// Whether a lie may be part of what this run tells.
    pub fn may_fool(&self, run: &RunId) -> bool {
        !self.liars.is_empty() && (self.share < 1.0 || self.unaudited.contains(run))
    }

    /// A step that is not the one of honest nodes. Whether lies may be the reason, if it is told that updates count
    /// unaudited: that is told after it is recorded, but before the round is.
    pub fn suspect(&mut self, run: &RunId, round: u32, what: &str) -> bool {
        if !self.liars.is_empty() {
            let step = (run.clone(), round);
            self.suspects.insert(step, what.to_owned());
        }
        !self.liars.is_empty()
    }

    /// A round is told: by now it was told whether its steps could rest on lies. What is wrong, if they could not.
    pub fn settle(&mut self, run: &RunId, round: u32) -> Option<String> {
        let suspected = self.suspects.remove(&(run.clone(), round))?;
        (!self.may_fool(run)).then_some(suspected)
    }

    /// What was not told yet when the coordinator ended was never made.
    pub fn forget(&mut self) {
        self.suspects.clear();
    }

    /// What a run says of its audits: the situation that came up, or what is wrong.
    pub fn heard(&mut self, run: &RunId, notice: &str) -> Result<Option<&'static str>, String> {
        if notice.contains("unaudited") || notice.contains("are not audited") {
            self.unaudited.insert(run.clone());
            return Ok(Some("unaudited"));
        }
        let Some((address, _)) = notice.split_once(" is barred: ") else {
            return Ok(None);
        };
        if !self.liars.contains(address) {
            return Err(format!("{address} never lied: {notice}"));
        }
        let anew = notice.contains("begins anew");
        Ok(Some(if anew {
            "round begun anew"
        } else {
            "liar barred"
        }))
    }
}
