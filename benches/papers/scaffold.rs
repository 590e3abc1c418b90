//! Karimireddy et al., "SCAFFOLD: stochastic controlled averaging for federated learning", ICML 2020, table 3: rounds to an
//! accuracy by similarity of the shards and local epochs, logistic regression, 100 participants, a fifth of them a round.
//!
//! The paper has EMNIST of 62 classes and a target of 0.5; here it is the 26 letters of Letter Recognition (Frey and Slate,
//! 1991) to 0.7, and MNIST to 0.9. What is tested is the order.

use roundtable::net::Address;
use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Setting, data, head, row, run_until, spread, training};

/// What is learnt, how far, with which local learning rates (the best counts, as in the paper), and on how many seeds.
struct Task {
    data: &'static str,
    model: &'static str,
    target: f64,
    /// A fifth of a participant's rows.
    batch: i32,
    rates: &'static [f64],
    seeds: u64,
}

const DIGITS: Task = Task {
    data: "path:mnist",
    model: "softmax:784-10",
    target: 0.9,
    batch: 120,
    rates: &[0.5, 0.1, 0.02],
    seeds: 1,
};
const LETTERS: Task = Task {
    data: "path:letters/letter-recognition.data,label=1,standardise=yes",
    model: "softmax:16-26",
    target: 0.7,
    batch: 32,
    rates: &[2.0, 0.5, 0.1, 0.02],
    seeds: 3,
};
/// Rounds after which a row is given up.
const MOST: i32 = 1000;
const EPOCHS: [i32; 4] = [1, 5, 10, 20];
const SIMILARITIES: [&str; 3] = ["0", "0.1", "1"];
/// Rounds of FedAvg and of SCAFFOLD: by similarity, and then by epochs.
const PUBLISHED: [[[&str; 4]; 3]; 2] = [
    [
        ["258", "428", "711", "1k+"],
        ["74", "34", "25", "18"],
        ["83", "10", "6", "4"],
    ],
    [
        ["77", "152", "286", "266"],
        ["62", "20", "16", "11"],
        ["60", "10", "7", "4"],
    ],
];

/// MNIST.
pub fn digits(setting: &Setting) {
    table(setting, &DIGITS);
}

/// Letter Recognition.
pub fn letters(setting: &Setting) {
    table(setting, &LETTERS);
}

/// A row for each similarity and number of epochs.
fn table(setting: &Setting, task: &Task) {
    let most = setting.rounds(MOST);
    println!(
        "Rounds to an accuracy of {}, at most {most}; behind it the learning rate that was best.\n",
        task.target
    );
    head(&[
        "similarity",
        "epochs",
        "FedAvg",
        "SCAFFOLD",
        "FedAvg, paper",
        "SCAFFOLD, paper",
    ]);
    let cluster = setting.cluster();
    for (at, similarity) in SIMILARITIES.into_iter().enumerate() {
        for (column, epochs) in EPOCHS.into_iter().enumerate() {
            if !setting.wants(&format!("similarity={similarity} epochs={epochs}")) {
                continue;
            }
            let of = |strategy: &str| {
                let cell = Cell {
                    strategy,
                    similarity,
                    epochs,
                    most,
                };
                let seeds = setting.seeds(task.seeds);
                let all = seeds.map(|seed| task.fastest(&cluster.address(), &cell, seed));
                shown(&all.collect::<Vec<_>>(), most)
            };
            row(&[
                similarity.to_owned(),
                epochs.to_string(),
                of("fedavg:mean=uniform"),
                of("scaffold"),
                PUBLISHED[0][at][column].to_owned(),
                PUBLISHED[1][at][column].to_owned(),
            ]);
        }
    }
}

/// What is run.
struct Cell<'a> {
    strategy: &'a str,
    similarity: &'a str,
    epochs: i32,
    most: i32,
}

impl Task {
    /// The fewest rounds of any learning rate, and which. A rate that takes longer than the best so far is not followed further.
    fn fastest(&self, address: &Address, cell: &Cell, seed: u64) -> Option<(f64, f64)> {
        let mut best: Option<(f64, f64)> = None;
        for &rate in self.rates {
            let bound = best.map_or(cell.most, |(rounds, _)| rounds.ceil() as i32);
            let partition = format!("similarity:share={}", cell.similarity);
            let plan = Plan {
                model: Some(self.model.to_owned()),
                data: data(self.data, &partition, 100),
                cohort: Some(20),
                rounds: Some(bound),
                training: training(cell.epochs, self.batch, rate),
                strategy: Some(cell.strategy.to_owned()),
                seed: Some(seed as i64),
                ..Plan::default()
            };
            let course = run_until(address, plan, |course| course.best() >= self.target);
            if let Some(rounds) = course.rounds_to(self.target)
                && best.is_none_or(|(least, _)| rounds < least)
            {
                best = Some((rounds, rate));
            }
        }
        best
    }
}

/// Mean, least and most of the rounds of all seeds, with the rates that were best.
fn shown(all: &[Option<(f64, f64)>], most: i32) -> String {
    let Some(all) = all.iter().copied().collect::<Option<Vec<_>>>() else {
        return format!("{most}+");
    };
    let (rounds, mut rates): (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let rates: Vec<String> = rates.iter().map(f64::to_string).collect();
    format!("{}; {}", spread(&rounds, 1), rates.join(", "))
}
