//! Karimireddy et al., "SCAFFOLD: stochastic controlled averaging for federated learning", ICML 2020, table 3: rounds to an
//! accuracy by similarity of the shards and local epochs, logistic regression, 100 participants, a fifth of them a round.
//!
//! The paper has EMNIST of 62 classes and a target of 0.5; here it is MNIST and 0.85. What is tested is the order.

use roundtable::net::Address;
use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Setting, data, head, row, run_until, training};

const TARGET: f64 = 0.85;
/// Local learning rates that are tried; the best counts, as in the paper.
const RATES: [f64; 3] = [0.5, 0.1, 0.02];
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

/// A row for each similarity and number of epochs.
pub fn table(setting: &Setting) {
    let most = setting.rounds(150);
    println!(
        "Rounds to an accuracy of {TARGET}, at most {most}; in brackets the learning rate that was best.\n"
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
            let of = |strategy| fastest(&cluster.address(), strategy, similarity, epochs, most);
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

/// The fewest rounds of any learning rate. A rate that takes longer than the best so far is not followed further.
fn fastest(address: &Address, strategy: &str, similarity: &str, epochs: i32, most: i32) -> String {
    let mut best: Option<(f64, f64)> = None;
    for rate in RATES {
        let bound = best.map_or(most, |(rounds, _)| rounds.ceil() as i32);
        let plan = Plan {
            model: Some("softmax:784-10".to_owned()),
            data: data("path:mnist", &format!("similarity:share={similarity}"), 100),
            cohort: Some(20),
            rounds: Some(bound),
            training: training(epochs, 120, rate),
            strategy: Some(strategy.to_owned()),
            ..Plan::default()
        };
        let course = run_until(address, plan, |course| course.best() >= TARGET);
        if let Some(rounds) = course.rounds_to(TARGET)
            && best.is_none_or(|(least, _)| rounds < least)
        {
            best = Some((rounds, rate));
        }
    }
    best.map_or(format!("{most}+"), |(rounds, rate)| {
        format!("{rounds:.1} ({rate})")
    })
}
