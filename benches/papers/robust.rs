//! Robust rules under attack: MNIST, 50 participants, all of them every round, a fifth of them attackers.
//!
//! No published table of these could be had. What is tested is what each rule claims (docs/algorithms.md): that it stays
//! near the mean that nobody attacks, that Krum does not where data differ (Karimireddy et al., ICLR 2022), and that
//! mixing neighbours mends that (Allouah et al., AISTATS 2023).

use roundtable::net::Address;
use roundtable::wire::stubs::coordinator::Plan;

use crate::lab::{Course, Setting, data, head, row, run, training};

const RULES: [&str; 12] = [
    "mean",
    "mean:clip=median",
    "median",
    "trimmed-mean:share=0.2",
    "geometric-median",
    "centred-clipping",
    "krum:share=0.2",
    "multi-krum:share=0.2",
    "median:nnm=0.2",
    "trimmed-mean:share=0.2,nnm=0.2",
    "geometric-median:nnm=0.2",
    "krum:share=0.2,nnm=0.2",
];
/// Every attack there is; signs are flipped ten times as long, for once as long hardly harms even the mean.
const ATTACKS: [&str; 6] = [
    "sign-flip:scale=10",
    "gaussian",
    "alie",
    "ipm",
    "nan",
    "label-flip",
];
const ATTACKERS: f64 = 0.2;
/// A rule that loses more than this under an attack is marked.
const BOUND: f64 = 0.05;

/// A table for rows dealt by chance, and one for rows that differ much from shard to shard.
pub fn table(setting: &Setting) {
    let cluster = setting.cluster();
    let rounds = setting.rounds(10);
    for partition in ["iid", "dirichlet:alpha=0.5"] {
        println!(
            "`{partition}`: accuracy after {rounds} rounds, mean of the last 3; marked with * where more than"
        );
        println!(
            "{} points are lost against the mean that nobody attacks.\n",
            BOUND * 100.0
        );
        head(&[&["rule", "no attack"], &ATTACKS[..]].concat());
        let mut unattacked = f64::NAN;
        for rule in RULES {
            let mut cells = vec![format!("`{rule}`")];
            for attack in std::iter::once(None).chain(ATTACKS.map(Some)) {
                let course = attacked(&cluster.address(), partition, rounds, rule, attack);
                let accuracy = course.last(3);
                if unattacked.is_nan() {
                    unattacked = accuracy;
                }
                cells.push(match course.failure {
                    Some(_) => "failed *".to_owned(),
                    None if accuracy < unattacked - BOUND => format!("{accuracy:.3} *"),
                    None => format!("{accuracy:.3}"),
                });
            }
            row(&cells);
        }
        println!();
    }
}

fn attacked(
    address: &Address,
    partition: &str,
    rounds: i32,
    rule: &str,
    attack: Option<&str>,
) -> Course {
    let plan = Plan {
        model: Some("softmax:784-10".to_owned()),
        data: data("path:mnist", partition, 50),
        rounds: Some(rounds),
        training: training(1, 32, 0.1),
        aggregator: Some(rule.to_owned()),
        attack: attack.map(str::to_owned),
        attackers: attack.map(|_| ATTACKERS),
        ..Plan::default()
    };
    run(address, plan)
}
