//! Krum and Multi-Krum: the updates that have the nearest neighbours.
//!
//! The score of an update is the sum of its squared distances to the n - f - 2 updates nearest to it. Krum takes
//! the update of the least score, Multi-Krum the mean of the m best (Blanchard, El Mhamdi, Guerraoui, Stainer,
//! "Machine learning with adversaries: Byzantine tolerant gradient descent", 2017, section 4 and, for m,
//! section 5). The paper leaves m open; it is n - f unless given, as in the paper's experiments and in byzfl.
//! Of equal scores the lower number wins.
//!
//! Allouah et al. (2023) and byzfl count one neighbour more, n - f - 1. What the paper says is the rule here;
//! the option `neighbours` sets another count, also for comparison.

use super::Robust;
use super::distances::Pairs;
use super::faults::{self, F, Faults, SHARE, check_pairs};
use super::mean::combine;
use super::robust::{CLIP, NNM, Rule, with_prefixes};
use super::rows::Update;
use crate::spec::{Arguments, OptionHelp, Row, SpecError};

pub(super) const ROW: Row<Robust> = Row {
    name: "krum",
    aliases: &["Krum"],
    value: "",
    help: "the one update with the nearest neighbours: right for many nodes with data of one kind; it fails where their data \
           differ, because it then follows one node and ignores the rest (Blanchard et al. 2017)",
    options: &[F, SHARE, NEIGHBOURS, CLIP, NNM],
    build: |arguments| {
        let krum = read(arguments, Chosen::One)?;
        with_prefixes(arguments, Rule::Krum(krum))
    },
};

pub(super) const ROW_OF_MANY: Row<Robust> = Row {
    name: "multi-krum",
    aliases: &["Multi-Krum", "multikrum"],
    value: "",
    help: "the mean of the updates with the nearest neighbours: right where attackers are far off and who they are matters; \
           like krum it leaves out honest nodes whose data differ (Blanchard et al. 2017)",
    options: &[
        F,
        SHARE,
        OptionHelp {
            key: "m",
            value: "COUNT",
            help: "how many are taken; all but f",
        },
        NEIGHBOURS,
        CLIP,
        NNM,
    ],
    build: |arguments| {
        let given = arguments.option("m", "a whole number of 1 or more")?;
        let chosen = match given {
            None => Chosen::AllButFaults,
            Some(0) => return Err(arguments.bad_option("m", "0", "a whole number of 1 or more")),
            Some(count) => Chosen::Given(count),
        };
        let krum = read(arguments, chosen)?;
        with_prefixes(arguments, Rule::Krum(krum))
    },
};

const NEIGHBOURS: OptionHelp = OptionHelp {
    key: "neighbours",
    value: "COUNT",
    help: "how many distances a score adds; n - f - 2",
};

fn read(arguments: &mut Arguments, chosen: Chosen) -> Result<Krum, SpecError> {
    let faults = faults::read(arguments)?;
    let allowed = "a whole number of 1 or more";
    let neighbours = arguments.option("neighbours", allowed)?;
    if neighbours == Some(0) {
        return Err(arguments.bad_option("neighbours", "0", allowed));
    }
    Ok(Krum {
        faults,
        chosen,
        neighbours,
    })
}

/// Krum with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Krum {
    /// How many updates may be false.
    pub faults: Faults,
    /// How many are taken.
    pub chosen: Chosen,
    /// How many distances a score adds; n - f - 2 unless given.
    pub neighbours: Option<usize>,
}

/// How many updates are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The best one: Krum.
    One,
    /// All but as many as may be false.
    AllButFaults,
    /// So many of the best.
    Given(usize),
}

/// What Krum found.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The score of every update.
    pub scores: Vec<f64>,
    /// The numbers of the updates taken, in ascending order.
    pub chosen: Vec<usize>,
}

impl Krum {
    /// Its name in the table.
    pub fn name(&self) -> &'static str {
        match self.chosen {
            Chosen::One => ROW.name,
            Chosen::AllButFaults | Chosen::Given(_) => ROW_OF_MANY.name,
        }
    }

    /// Whether it can choose among `updates` of which `faults` may be false.
    ///
    /// # Errors
    /// When n is less than 2f + 3, the bound of the paper's proposition 1, or what is to be taken or added does
    /// not fit.
    pub fn check(&self, updates: usize, faults: usize) -> Result<(), String> {
        let name = self.name();
        let least = 2 * faults + 3;
        if updates < least {
            return Err(format!(
                "{name} with f={faults} needs at least 2f + 3 = {least} updates; there are {updates}"
            ));
        }
        let (most, taken) = (updates - faults, self.taken(updates, faults));
        if taken > most {
            return Err(format!(
                "{name} with f={faults} can take at most n - f = {most} of {updates} updates; m={taken}"
            ));
        }
        let (most, added) = (updates - 1, self.added(updates, faults));
        if added > most {
            return Err(format!(
                "an update has {most} neighbours among {updates}; neighbours={added}"
            ));
        }
        check_pairs(name, updates)
    }

    fn taken(&self, updates: usize, faults: usize) -> usize {
        match self.chosen {
            Chosen::One => 1,
            Chosen::AllButFaults => updates - faults,
            Chosen::Given(count) => count,
        }
    }

    fn added(&self, updates: usize, faults: usize) -> usize {
        self.neighbours.unwrap_or(updates - faults - 2)
    }

    /// Writes the mean of the updates it takes, by up to `threads` threads, and says which they are. All
    /// values are finite.
    ///
    /// # Panics
    /// If [`Krum::check`] says that it does not fit, or the lengths of the updates differ from that of `out`.
    pub fn choose<U: Update>(
        &self,
        updates: &[U],
        faults: usize,
        out: &mut [f32],
        threads: usize,
    ) -> Choice {
        let count = updates.len();
        assert_eq!(self.check(count, faults), Ok(()));
        let pairs = Pairs::of(updates, threads);
        let added = self.added(count, faults);
        let score = |one: usize| {
            let nearest = pairs.nearest(one).into_iter().take(added);
            nearest.map(|other| pairs.between(one, other)).sum()
        };
        let scores: Vec<f64> = (0..count).map(score).collect();
        let mut chosen: Vec<usize> = (0..count).collect();
        chosen.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        chosen.truncate(self.taken(count, faults));
        chosen.sort_unstable();
        let mut weights = vec![0.0; count];
        chosen.iter().for_each(|&taken| weights[taken] = 1.0);
        combine(updates, &weights, chosen.len() as f64, 0.0, out, threads);
        Choice { scores, chosen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATES: [&[f32]; 5] = [&[0.0], &[1.0], &[3.0], &[100.0], &[4.0]];

    fn krum(chosen: Chosen) -> Krum {
        Krum {
            faults: Faults::Count(1),
            chosen,
            neighbours: None,
        }
    }

    #[test]
    fn scores_and_choices_by_hand() {
        // Two neighbours each. Of 0: 1 and 9; of 1: 1 and 4; of 3: 1 and 4; of 4: 1 and 9.
        let mut out = [0.0];
        let choice = krum(Chosen::One).choose(&UPDATES, 1, &mut out, 1);
        let far = 96.0 * 96.0 + 97.0 * 97.0;
        assert_eq!(choice.scores, [10.0, 5.0, 5.0, far, 10.0]);
        assert_eq!((choice.chosen, out), (vec![1], [1.0]));
        let choice = krum(Chosen::AllButFaults).choose(&UPDATES, 1, &mut out, 1);
        assert_eq!((choice.chosen, out), (vec![0, 1, 2, 4], [2.0]));
        let choice = krum(Chosen::Given(3)).choose(&UPDATES, 1, &mut out, 1);
        assert_eq!((choice.chosen, out), (vec![0, 1, 2], [4.0 / 3.0]));
        let more = Krum {
            neighbours: Some(3),
            ..krum(Chosen::One)
        };
        // Three each: of 1: 1, 4 and 9; of 3: 1, 4 and 9; of 0: 1, 9 and 16; of 4: 1, 9 and 16.
        let choice = more.choose(&UPDATES, 1, &mut out, 1);
        assert_eq!(choice.scores[..3], [26.0, 14.0, 14.0]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let told = |krum: Krum, n, f| krum.check(n, f).unwrap_err();
        assert_eq!(krum(Chosen::One).check(7, 2), Ok(()));
        assert_eq!(
            told(krum(Chosen::One), 6, 2),
            "krum with f=2 needs at least 2f + 3 = 7 updates; there are 6"
        );
        assert_eq!(
            told(krum(Chosen::Given(6)), 7, 2),
            "multi-krum with f=2 can take at most n - f = 5 of 7 updates; m=6"
        );
        let wide = Krum {
            neighbours: Some(7),
            ..krum(Chosen::One)
        };
        assert_eq!(
            told(wide, 7, 2),
            "an update has 6 neighbours among 7; neighbours=7"
        );
        assert!(told(krum(Chosen::One), 1_000_000, 2).contains("at most"));
    }
}
